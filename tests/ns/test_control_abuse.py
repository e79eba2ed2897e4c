"""The control socket and the notify sockets under abuse: whatever clients do, the supervisor lives, root is answered
throughout, and memory and descriptors are afterwards what they were before."""

import array
import json
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

from initbox import DEADLINE, eventually
from test_supervisor import Appliance, call, closes

GARBAGE = int(os.environ.get("SUP_GARBAGE", 20000))  # messages; a long run: 1000000
READERS = 500  # a group that may look
STATUS = b'{"method":"io.sup.Control.Status"}\0'
FOLLOW = b'{"method":"io.sup.Control.Logs","parameters":{"unit":"supervisor","lines":0},"more":true}\0'

UNITS = {
    # Whoever is in its cgroup may notify; here nobody looks at cgroups.
    "heard.service": "[Service]\nLimitNOFILE=1024\nType=notify\nNotifyAccess=all\nTimeoutStartSec=60\n"
                     "ExecStart=/bin/busybox sleep 1000\n",
    "flooded.service": "[Service]\nLimitNOFILE=1024\nNotifyFD=3\nTimeoutStartSec=60\nExecStart=/bin/busybox sh -c "
                       "'/bin/busybox dd if=/dev/zero bs=65536 count=4000 >&3 2>/dev/null; echo >&3; "
                       "exec /bin/busybox sleep 1000'\n",
    "lines.service": "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sh -c "
                     "'i=0; while [ $i -lt 3000 ]; do echo \"|$i|\"; i=$((i+1)); done; exec /bin/busybox sleep 1000'\n",
}


class Besieged(Appliance):
    def __init__(self, folder):
        super().__init__(folder)
        for name, text in UNITS.items():
            (self.units / name).write_text(text)
        (self.root / "etc/group").write_text(f"root:x:0:\nsup:x:{READERS}:\n")
        (self.root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")

    def __enter__(self):
        super().__enter__()
        self.ready()
        self.before = self.fds_at_rest()
        self.life = self.supervisor_pid()
        # What the first calls take for good is not what an attack takes.
        for _ in range(20):
            assert self.supctl("status")[0] == 0
        self.memory = self.rss()
        return self

    def rss(self):
        for line in Path(f"/proc/{self.supervisor_pid()}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def served(self):
        """Root gets in and is answered."""
        assert self.supctl("status", "sleeper")[0] == 0
        assert self.supervisor_pid() == self.life

    def unharmed(self, grown=1024):
        """The same supervisor, its descriptors closed, its memory given back but for so many kB."""
        self.served()
        eventually(lambda: self.fds() <= self.before, f"{self.fds()} descriptors, {self.before} before")
        eventually(lambda: self.rss() <= self.memory + grown, f"{self.rss()} kB of memory, {self.memory} before")
        assert self.supctl("restart", "second")[0] == 0

    def as_user(self, uid, gid, work):
        """work(connect) in a process of that user, without groups; what it returns. For each go() it waits until told."""
        folder = os.open(f"/proc/{self.init_pid()}/root/run/sup", os.O_PATH)
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            try:
                ours.close()
                os.fchdir(folder)
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)

                def connect(name="control"):
                    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                    s.connect(name)
                    s.settimeout(DEADLINE)
                    return s

                def go(said=None):
                    theirs.sendall(json.dumps(said).encode() + b"\n")
                    theirs.recv(1)

                work(connect, go)
            except Exception as e:  # pylint: disable=broad-except
                theirs.sendall(json.dumps(f"failed: {e!r}").encode() + b"\n")
            finally:
                os._exit(0)
        theirs.close()
        os.close(folder)
        return User(child, ours)


class User:
    def __init__(self, pid, sock):
        self.pid, self.sock = pid, sock
        self.sock.settimeout(DEADLINE)
        self.file = sock.makefile()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()
        self.file.close()
        os.waitpid(self.pid, 0)

    def said(self):
        return json.loads(self.file.readline())

    def go(self):
        self.sock.sendall(b"x")


@pytest.fixture
def box(tmp_path):
    with Besieged(tmp_path) as b:
        yield b


def send_all_it_takes(s, data):
    """Without ever reading."""
    s.setblocking(False)
    try:
        while True:
            s.send(data)
    except OSError:
        pass


# ---- row 22


def test_row22_a_thousand_idle_clients(box):
    clients = []
    for i in range(1000):
        clients.append(box.client())
        if i % 100 == 0:
            box.served()
    box.served()
    for s in clients:
        s.close()
    box.unharmed()


def test_row22_half_messages(box):
    """Large ones: what all of them hold together is bounded."""
    half = b'{"method":"io.sup.Control.Status","parameters":{"x":"' + b"y" * 60000
    clients = []
    for i in range(200):
        s = box.client()
        clients.append(s)
        try:
            s.sendall(half[:random.randrange(1, len(half))])
        except OSError:
            pass
        if i % 20 == 0:
            box.served()
    assert box.rss() <= box.memory + 3072
    for s in clients:
        s.close()
    box.unharmed()


def test_row22_garbage(box):
    chance = random.Random(22)
    kinds = [b"\0", b"{}\0", b"null\0", b"[[[[\0", b'{"method":1}\0', b'{"method":"a"}\0', b'{"method":"a.b","oneway":true}\0',
             b'{"method":"io.sup.Control.Start","parameters":[]}\0', b'{"method":"io.sup.Control.Status","parameters":{"unit":{}}}\0',
             b'{"method":"' + b"m" * 5000 + b'.x"}\0', b"\xff" * 100 + b"\0", b'{"method":"\\ud800.x"}\0',
             b'{"method":"io.sup.Control.Start","parameters":{"unit":"","ticket":-1}}\0',
             b'{"method":"io.sup.Control.Logs","parameters":{"unit":"supervisor","after":"-1-x","lines":-5}}\0']
    sent = 0
    while sent < GARBAGE:
        with box.client() as s:
            for _ in range(50):
                kind = bytearray(chance.choice(kinds))
                if chance.random() < 0.5:
                    kind[chance.randrange(len(kind))] = chance.randrange(256)
                sent += 1
                try:
                    s.sendall(kind)
                except OSError:
                    break
        if sent % 5000 < 50:
            box.served()
    box.unharmed()


def test_row22_one_byte_at_a_time(box):
    """Who is slow is served like anybody, and others meanwhile."""
    clients = [box.client() for _ in range(60)]
    for i in range(len(STATUS)):
        for s in clients:
            s.sendall(STATUS[i:i + 1])
        box.served()
    for s in clients:
        answer = b""
        while not answer.endswith(b"\0"):
            answer += s.recv(65536)
        assert b'"units"' in answer
        s.close()
    box.unharmed()


def test_row22_readers_that_never_read(box):
    clients = []
    for i in range(40):
        s = box.client()
        clients.append(s)
        s.sendall(STATUS * 500)  # their answers are more than it may leave unread
        if i % 10 == 0:
            box.served()
    for _ in range(10):
        box.served()
    assert box.rss() <= box.memory + 4096
    for s in clients:
        s.close()
    box.unharmed()


def test_row22_a_thousand_followers(box):
    """Each waits for something: who only listens gives way, and is told so."""
    clients = []
    for i in range(1000):
        s = box.client()
        clients.append(s)
        s.sendall(FOLLOW)
        if i % 100 == 0:
            box.served()
    box.served()
    clients[0].settimeout(DEADLINE)
    first = b""
    while got := clients[0].recv(65536):
        first += got
    assert b"io.sup.Control.Busy" in first
    for s in clients:
        s.close()
    box.unharmed()


def test_row22_all_places_wait(box):
    """Commands that take long hold all the places there are: one more is told so."""
    start = b'{"method":"io.sup.Control.Start","parameters":{"unit":"heard"}}\0'
    clients = []

    def wait():
        clients.append(box.client())
        clients[-1].sendall(start)

    def asked():
        """One whose place was still somebody's was sent away: another waits in its stead."""
        answer = box.supctl("status")
        if answer[0] == 0:
            wait()
        return answer[0] != 0 and answer

    for _ in range(128):
        wait()
    status, _, err = eventually(asked, "all places are taken")
    assert status == 1 and "too many clients" in err
    for s in clients:
        s.close()
    eventually(lambda: box.supctl("status")[0] == 0, "a place")
    assert box.supctl("stop", "heard")[0] == 0
    box.unharmed()


# ---- row 23


def test_row23_one_user_does_not_take_all_places(box):
    """A user who may look takes a thousand places and waits in each; another one and root still get in."""
    def greedy(connect, go):
        kept = []
        for _ in range(1000):
            s = connect()
            s.sendall(FOLLOW)
            kept.append(s)
        go("all sent")

    def modest(connect, go):
        with connect() as s:
            go("units" in (call(s, "io.sup.Control.Status") or {}).get("parameters", {}))

    with box.as_user(1001, READERS, greedy) as first:
        assert first.said() == "all sent"
        box.served()
        assert box.fds() <= box.before + 40
        with box.as_user(1002, READERS, modest) as second:
            assert second.said() is True
            second.go()
        # root's own are not limited by them
        mine = [box.client() for _ in range(50)]
        for s in mine:
            assert call(s, "org.varlink.service.GetInfo")
            s.close()
        first.go()
    box.unharmed()


def test_row23_who_may_look_may_not_act(box):
    def look(connect, go):
        with connect() as s:
            seen = "units" in call(s, "io.sup.Control.Status")["parameters"]
            refused = {m: call(s, f"io.sup.Control.{m}", unit="sleeper", how="poweroff", argv=["x"])["error"]
                       for m in ("Start", "Stop", "Restart", "ReloadUnit", "ResetFailed", "Reload", "End", "Exec", "Cat", "Plan",
                                 "BootReset")}
            go([seen, sorted(set(refused.values()))])

    with box.as_user(1001, READERS, look) as user:
        assert user.said() == [True, ["org.varlink.service.PermissionDenied"]]
        user.go()
    box.unharmed()


def test_row23_a_stranger_is_refused(box):
    def knock(connect, go):
        try:
            with connect() as s:
                go(s.recv(4096).decode())
        except PermissionError:
            go("no permission")

    with box.as_user(1000, 1000, knock) as user:
        assert user.said() == "no permission"
        user.go()
    # The mode of the file is not all that there is.
    Path(f"/proc/{box.init_pid()}/root/run/sup/control").chmod(0o666)
    with box.as_user(1000, 1000, knock) as user:
        assert "org.varlink.service.PermissionDenied" in user.said()
        user.go()
    box.unharmed()


# ---- row 24


@pytest.mark.parametrize("words", [["status"], ["list"], ["why", "sleeper"], ["logs", "-f", "supervisor"], ["start", "second"],
                                   ["stop", "second"], ["restart", "sleeper"], ["reload"], ["reset-failed", "missing"],
                                   ["plan", "sleeper"], ["boot"], ["cat", "sleeper"]], ids=" ".join)
def test_row24_supctl_is_killed(box, words):
    """At some moment of its short life; whatever it asked for may be done, the supervisor does not mind."""
    for i in range(12):
        p = box.inside("/bin/supctl", *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        children = Path(f"/proc/{p.pid}/task/{p.pid}/children")
        for _ in range(i * 20):
            if not children.exists() or children.read_text():
                break
        for child in (children.read_text().split() if children.exists() else []):
            try:
                os.kill(int(child), 9)
            except ProcessLookupError:
                pass
        os.killpg(p.pid, 9)  # one that has just been made, too
        p.wait(DEADLINE)
    assert box.supctl("reset-failed", "sleeper")[0] == 0
    assert box.supctl("start", "sleeper")[0] == 0
    assert box.supctl("stop", "second")[0] == 0
    box.unharmed()


def test_dinit365_empty_name(box):
    for word in "start", "stop", "restart", "status", "why", "cat", "logs", "plan":
        assert box.supctl(word, "")[0] == 4
    box.unharmed()


def test_dinit363_nothing_is_lost_between_look_and_listen(box):
    """What is written between the last lines and those that follow is in one of them, once."""
    for _ in range(5):
        assert box.supctl("restart", "lines")[0] == 0
        with box.client() as s:
            s.sendall(b'{"method":"io.sup.Control.Logs","parameters":{"unit":"lines","lines":20},"more":true}\0')
            text = b""
            while b"|2999|" not in text:
                while not text.endswith(b"\0"):
                    text += s.recv(65536)
                if b"|2999|" not in text:
                    text += s.recv(65536)
        records = "".join(json.loads(m)["parameters"]["records"] for m in text.split(b"\0")[:-1])
        numbers = [int(line.split("|")[1]) for line in records.splitlines() if "|" in line]
        # The first of them may be of the run before.
        numbers = numbers[numbers.index(0):] if 0 in numbers else numbers
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert box.supctl("reset-failed", "lines")[0] == 0


def lingering():
    """A TCP socket whose last close waits for a peer that never reads, for a day."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s = socket.create_connection(listener.getsockname())
    peer, _ = listener.accept()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 86400))
    send_all_it_takes(s, b"x" * 65536)
    listener.close()
    return s, peer


def pass_away(box, s, data, fd, times=1):
    """Sends the descriptor, which then is the receiver's alone: who stands still until we have closed ours."""
    fds = array.array("i", [fd.fileno()] * times)

    def passed():
        os.kill(box.life, signal.SIGSTOP)
        try:
            s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)], socket.MSG_DONTWAIT)
            fd.close()
            return True
        except BlockingIOError:  # what was sent before is not read yet, and nobody reads it now
            return False
        finally:
            os.kill(box.life, signal.SIGCONT)

    eventually(passed, "there is room for it")


def test_descriptors_that_linger_hold_up_nothing(box):
    """Whose last close is ours must not make it wait: not in a message, not in one that nobody read."""
    peers = []
    for data in b'{"method":"org.varlink.service.GetInfo"}\0', b'{"method":"org.varlink', b"garbage\0":
        with box.client() as s:
            fd, peer = lingering()
            peers.append(peer)
            pass_away(box, s, data, fd, 3)
            box.served()
    with box.client() as s:
        s.sendall(FOLLOW)  # busy: what comes now waits in the socket
        assert s.recv(65536)
        fd, peer = lingering()
        peers.append(peer)
        pass_away(box, s, b"x", fd)
    box.served()
    for peer in peers:
        peer.close()
    box.unharmed()


# ---- row 25


def notify_socket(box, unit):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(f"/proc/{box.init_pid()}/root/run/sup/notify/{unit}")
    return s


@pytest.fixture
def heard(box):
    """heard.service, which starts until it says that it is ready; the box."""
    with box.inside("/bin/supctl", "start", "heard", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL):
        eventually(lambda: box.unit("heard")["state"] == "starting", "heard starts")
        box.before = box.fds() - 1  # the command's own
        yield box
        assert box.supctl("stop", "heard")[0] == 0
    box.unharmed()


def test_row25_systemd4234_empty_datagrams(heard):
    with notify_socket(heard, "heard.service") as s:
        for data in b"", b"\n", b"=", b"\0", b"READY", b"READY=1\0x", b"x" * 5000, b"STATUS=" + b"\xff" * 3000, b"\n" * 4096:
            s.send(data)
    heard.served()


def test_row25_systemd13090_flood(heard):
    """Others are served while a service floods its notify socket."""
    stop = threading.Event()

    def flood():
        with notify_socket(heard, "heard.service") as s:
            s.setblocking(False)
            while not stop.is_set():
                try:
                    s.send(b"STATUS=flood")
                except BlockingIOError:
                    time.sleep(0.0005)  # its queue is full

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for _ in range(20):
            heard.served()
            assert heard.supctl("restart", "second")[0] == 0
            assert heard.supctl("reset-failed", "second")[0] == 0
    finally:
        stop.set()
        thread.join()


def test_row25_from_a_foreign_process(box):
    """Who is no process of the unit says nothing: by default only the main process may."""
    (box.units / "shy.service").write_text(UNITS["heard.service"].replace("NotifyAccess=all\n", ""))
    assert box.supctl("reload")[0] == 0
    with box.inside("/bin/supctl", "start", "shy", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL):
        eventually(lambda: box.unit("shy")["state"] == "starting", "shy starts")
        with notify_socket(box, "shy.service") as s:
            for _ in range(100):
                s.send(b"READY=1\nSTATUS=forged")
        box.served()
        assert box.unit("shy")["state"] == "starting" and "status" not in box.unit("shy")
        assert box.supctl("stop", "shy")[0] == 0
    box.unharmed()


def test_row25_with_descriptors(heard):
    before = heard.fds()
    with notify_socket(heard, "heard.service") as s:
        for i in range(200):
            fds = array.array("i", [0] * (1 + i % 253))
            s.sendmsg([b"FDSTORE=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        eventually(lambda: heard.fds() <= before, "they are closed")
        # One whose last close would wait for a peer that does not read.
        fd, peer = lingering()
        pass_away(heard, s, b"STATUS=lingers", fd)
        eventually(lambda: heard.unit("heard").get("status") == "lingers", "it was heard")
        peer.close()


def test_row25_lingering_descriptors_at_the_end_of_a_unit(box):
    """They wait in the socket of a unit that is stopped before they are read, and are closed with it."""
    with box.inside("/bin/supctl", "start", "heard", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL):
        eventually(lambda: box.unit("heard")["state"] == "starting", "heard starts")
        with notify_socket(box, "heard.service") as s, box.client() as other:
            fd, peer = lingering()
            fds = array.array("i", [fd.fileno()])
            os.kill(box.life, signal.SIGSTOP)
            try:
                other.sendall(b'{"method":"io.sup.Control.Stop","parameters":{"unit":"heard"}}\0')
                s.sendmsg([b"STATUS=x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
                fd.close()
            finally:
                os.kill(box.life, signal.SIGCONT)
            assert other.recv(65536)
        peer.close()
    box.unharmed()


def test_row25_notify_fd_flood(box):
    """A service that writes 250 MB into its NotifyFD= is ready when its newline comes, and others are served."""
    with box.inside("/bin/supctl", "start", "flooded", stdin=subprocess.DEVNULL) as p:
        while p.poll() is None:
            box.served()
        assert p.returncode == 0
    assert box.unit("flooded")["state"] == "running"
    assert box.supctl("stop", "flooded")[0] == 0
    box.unharmed()
