"""The real init, supervisor and supctl in a throwaway container: what an operator does, and what a hostile client
does to the control socket. No cgroup v2 is needed: without it only limits are missing."""

import json
import os
import re
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

import initbox
from initbox import DEADLINE, eventually

SUPCTL = initbox.BUILD / "supctl"
BUSYBOX = shutil.which("busybox")

UNITS = {
    "sleeper.service": "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sleep 1000\n"
                       "[Install]\nWantedBy=multi-user.target\n",
    "second.service": "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sleep 1000\n",
    "talker.service": "[Service]\nLimitNOFILE=1024\nType=oneshot\n"
                      "ExecStart=/bin/busybox printf 'a\\\\000b\\\\033[31mred\\\\377\\\\nlast words'\n",
    "flood.service": "[Service]\nLimitNOFILE=1024\nType=oneshot\n"
                     "ExecStart=/bin/busybox cat /bin/busybox /bin/busybox\n",
    "missing.service": "[Service]\nLimitNOFILE=1024\nExecStart=/no/such/program\n"
                       "[Install]\nWantedBy=multi-user.target\n",
    "broken.service": "[Service]\nExecStrat=/bin/true\n",
}


class Appliance(initbox.Box):
    """init, supervisor, supctl and busybox in a root folder of their own, with the units above."""

    def __init__(self, folder):
        super().__init__(folder)
        shutil.copy(initbox.BUILD / "supervisor", self.root / "usr/lib/sup/supervisor")
        for name in "bin", "var":
            (self.root / name).mkdir()
        shutil.copy(SUPCTL, self.root / "bin/supctl")
        shutil.copy(BUSYBOX, self.root / "bin/busybox")
        self.units = self.root / "etc/sup/units"
        self.units.mkdir(parents=True)
        for name, text in UNITS.items():
            (self.units / name).write_text(text)

    def __enter__(self):
        # A user name space may not make device nodes: the host's own is bound there.
        (self.root / "dev/null").touch()
        with open(self.console, "wb") as out:
            self.outer = subprocess.Popen(
                [w for w in initbox.UNSHARE if w != "--map-root-user"] +
                ["sh", "-c", 'read -r go && mount --bind /dev/null "$1/dev/null" && '
                                   'exec chroot "$1" /init', "sh", self.root],
                env={"PATH": os.environ["PATH"]}, stdin=subprocess.PIPE, stdout=out, stderr=out)
        # Mapped from outside: who maps itself may not set the groups of its services.
        for file in "uid_map", "gid_map":
            Path(f"/proc/{self.init_pid()}/{file}").write_text("0 0 65536")
        self.outer.stdin.write(b"go\n")
        self.outer.stdin.close()
        return self

    def inside(self, *words, **more):
        """A program in the box's name spaces and root."""
        return subprocess.Popen(
            ["nsenter", "-U", "-m", "-p", "-u", "-i", "-n", "--preserve-credentials", "-t",
             str(self.init_pid()), f"--root=/proc/{self.init_pid()}/root", *words], **more)

    def supctl(self, *words):
        """Exit status, output, errors."""
        with self.inside("/bin/supctl", *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True) as p:
            out, err = p.communicate(timeout=DEADLINE)
            return p.returncode, out, err

    def data(self, *words):
        status, out, err = self.supctl("--json", *words)
        assert status == 0, err
        return json.loads(out)

    def unit(self, name):
        return self.data("status", name)["units"][0]

    def ready(self):
        return eventually(lambda: self.supctl("list")[0] == 0, f"a supervisor; {self.said()}")

    def supervisor_pid(self):
        return initbox.find_supervisor(self.init_pid())

    def fds(self):
        return len(os.listdir(f"/proc/{self.supervisor_pid()}/fd"))

    def executed(self):
        """Running is what has been made; now its program runs, too."""
        proc = Path(f"/proc/{self.init_pid()}/root/proc")

        def program(unit):
            try:
                return (proc / str(unit["pid"]) / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):  # started anew meanwhile
                return b""
        eventually(lambda: all(program(u).startswith(b"/bin/busybox\0") for u in self.data("status")["units"] if "pid" in u),
                   "their programs")

    def fds_at_rest(self):
        """How many it has when the boot is over and every connection of before is closed."""
        eventually(lambda: self.unit("sleeper")["state"] == "running", "sleeper")
        eventually(lambda: self.unit("missing")["state"] == "failed", "missing fails")
        self.executed()
        with self.client() as s:
            # An answer comes from a later turn of its loop than what had happened before the question.
            for _ in range(3):
                assert call(s, "org.varlink.service.GetInfo")
            return self.fds() - 1

    def client(self):
        """A connection to the control socket, from outside as the box's root."""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.connect(f"/proc/{self.init_pid()}/root/run/sup/control")
        s.settimeout(DEADLINE)  # only now: with a time limit a full queue of callers is an error at once
        return s


@pytest.fixture
def box(tmp_path):
    with Appliance(tmp_path) as b:
        b.ready()
        yield b


def call(s, method, **parameters):
    s.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
    answer = b""
    while not answer.endswith(b"\0"):
        got = s.recv(65536)
        if not got:
            return None
        answer += got
    return json.loads(answer[:-1])


def closes(s):
    """The other side has closed it, whatever it said before."""
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_start_stop_restart(box):
    eventually(lambda: box.unit("sleeper")["state"] == "running", "sleeper")
    first = box.unit("sleeper")["pid"]
    assert box.supctl("restart", "sleeper")[0] == 0
    second = box.unit("sleeper")["pid"]
    assert second != first
    assert box.supctl("stop", "sleeper", "second")[0] == 0
    assert box.unit("sleeper")["state"] == "inactive" and "pid" not in box.unit("sleeper")
    assert box.supctl("start", "second")[0] == 0
    assert box.unit("second")["state"] == "running"


def test_bad_units_stand_alone(box):
    eventually(lambda: box.unit("missing")["state"] == "failed", "missing fails")
    assert "/no/such/program: No such file or directory" in box.unit("missing")["why"]
    assert box.supctl("start", "broken")[0] == 1
    assert box.unit("broken")["state"] == "failed"
    faults = box.data("faults")["faults"]
    assert any(f["unit"] == "broken.service" and "ExecStrat" in f["message"] for f in faults)
    assert eventually(lambda: box.unit("sleeper")["state"] == "running", "the others run")
    status, out, _ = box.supctl("status")
    assert status == 0 and max(map(len, out.splitlines())) <= 80
    # The whole cause can be read, below the unit.
    assert "/no/such/program: No such file or directory" in " ".join(out.split())


@pytest.mark.parametrize("words, status, said", [
    (["stop", ""], 4, 'supctl: "": no such unit'),
    (["status", "nobody"], 4, "supctl: nobody: no such unit"),
    (["start", "\x1b[31mx"], 4, "supctl: ?[31mx: no such unit"),
    (["stop", "x" * 60000], 4, "no such unit"),
    (["stop", "x" * 70000], 3, "longer than the supervisor takes"),
    (["stop", b"\xff"], 2, "word 1 is not valid UTF-8"),
    (["exec", "second", "/bin/true"], 1, "second.service is not running"),
    (["exec", "second", "--", "/bin/true"], 1, "second.service is not running"),
    (["exec", "second", "--"], 2, "usage"),
    (["exec", "sleeper", "/bin/true"], 1, "sleeper.service is a service: only containers can be entered"),
    (["frobnicate"], 2, "no command"),
    (["logs", "-n", "", "sleeper"], 2, "usage"),
])
def test_wrong_words(box, words, status, said):
    got, out, err = box.supctl(*words)
    assert (got, out) == (status, "") and said in err


def test_logs(box):
    assert box.supctl("start", "talker")[0] == 0
    status, out, _ = box.supctl("logs", "talker")
    assert status == 0 and "\x1b" not in out and "\0" not in out
    assert "?[31mred" in out
    # Last words without a newline stand before the exit that followed them.
    assert out.index("last words") < out.index("exit code 0")
    records = [json.loads(line) for line in box.supctl("--json", "logs", "talker")[1].splitlines()]
    assert records[0]["stream"] == "out" and records[0]["text"].startswith("a\ufffdb\x1b[31mred")
    # Of a unit that does not run nothing more will come.
    status, out, err = box.supctl("logs", "-f", "talker")
    assert status == 0 and "does not run" in err


def test_log_follows(box):
    eventually(lambda: box.unit("sleeper")["state"] == "running", "sleeper")
    with box.inside("/bin/supctl", "logs", "-f", "-n", "0", "supervisor", stdout=subprocess.PIPE) as p:
        # Until the follower is there, each restart writes a line that it may miss.
        os.set_blocking(p.stdout.fileno(), False)

        def heard():
            box.supctl("reset-failed", "second")  # or the start limit would silence it
            box.supctl("restart", "second")
            return p.stdout.read()
        try:
            assert b"second.service" in eventually(heard, "a line")
        finally:
            p.kill()
    assert box.supctl("list")[0] == 0


def test_flood_is_bounded(box):
    assert box.supctl("start", "flood")[0] == 0
    logs = list((box.root / "var/log/sup").glob("flood.service.log*"))
    assert len(logs) == 4
    assert sum(f.stat().st_size for f in logs) <= 4 * 256 * 1024
    status, out, _ = box.supctl("logs", "-n", "10000", "flood")
    assert status == 0 and len(out) > 256 * 1024


def test_log_name_that_is_a_fifo(box):
    os.mkfifo(box.root / "var/log/sup/second.service.log")
    assert box.supctl("start", "second")[0] == 0
    assert box.unit("second")["state"] == "running"


def test_standard_output_is_gone(box):
    for shell in ["/bin/supctl status >&-"]:
        with box.inside("/bin/busybox", "sh", "-c", shell, stderr=subprocess.PIPE, text=True) as p:
            assert "standard output" in p.communicate(timeout=DEADLINE)[1]
            assert p.returncode == 1


def test_no_supervisor(box):
    status, _, err = box.supctl("--socket", "/run/nobody", "status")
    assert status == 3 and "no supervisor answers: /run/nobody" in err


GARBAGE = [b"\0", b"{}\0", b"[]\0", b"null\0", b"x\0", b'{"method":7}\0', b'{"method":"x"}\0',
           b"\xff\xfe\0", b"[" * 5000 + b"\0", b"{" * 70000, b"x" * 200000,
           b'{"method":"a.b","parameters":' + b'{"a":' * 3000 + b"\0"]


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_ends_its_own_connection(box, data):
    with box.client() as other, box.client() as s:
        try:
            s.sendall(data)
        except OSError:
            pass
        assert closes(s)
        assert "units" in call(other, "io.sup.Control.Status")["parameters"]


@pytest.mark.parametrize("method, parameters, error", [
    ("io.sup.Control.Nothing", {}, "org.varlink.service.MethodNotFound"),
    ("other.Thing", {}, "org.varlink.service.InterfaceNotFound"),
    ("io.sup.Control.Start", {}, "org.varlink.service.InvalidParameter"),
    ("io.sup.Control.Start", {"unit": 7}, "org.varlink.service.InvalidParameter"),
    ("io.sup.Control.End", {"how": "softly"}, "org.varlink.service.InvalidParameter"),
    ("io.sup.Control.Exec", {"unit": "sleeper", "argv": []}, "org.varlink.service.InvalidParameter"),
    ("io.sup.Control.Exec", {"unit": "sleeper", "argv": ["a"]}, "io.sup.Control.Failed"),
])
def test_wrong_calls(box, method, parameters, error):
    with box.client() as s:
        assert call(s, method, **parameters)["error"] == error
        assert "vendor" in call(s, "org.varlink.service.GetInfo")["parameters"]


def test_the_interface_is_described(box):
    """As its file says, without the comments; and the methods are there."""
    file = Path(__file__).resolve().parents[2] / "supervisor/sys/control/io.sup.Control.varlink"
    lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
    with box.client() as s:
        told = call(s, "org.varlink.service.GetInterfaceDescription", interface="io.sup.Control")["parameters"]["description"]
        assert told == "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))
        methods = re.findall(r"^method (\w+)\(unit: string", told, re.MULTILINE)
        assert "Start" in methods
        for method in methods:
            assert call(s, f"io.sup.Control.{method}", unit=7)["error"] == "org.varlink.service.InvalidParameter", method


def test_idle_clients_and_half_messages(box):
    before = box.fds_at_rest()
    clients = []
    for i in range(500):
        s = box.client()
        clients.append(s)
        if i % 2:
            s.sendall(b'{"method":"io.sup.Control.')
    assert box.supctl("status")[0] == 0
    for s in clients:
        s.close()
    eventually(lambda: box.fds() <= before, "all descriptors closed again")


def test_client_that_never_reads(box):
    before = box.fds_at_rest()
    with box.client() as s:
        s.settimeout(1)
        ask = b'{"method":"io.sup.Control.Status"}\0' * 1000
        with pytest.raises(OSError):
            for _ in range(1000):
                s.sendall(ask)
        assert box.supctl("status")[0] == 0
    eventually(lambda: box.fds() <= before, "all descriptors closed again")


def test_descriptors_that_nobody_asked_for(box):
    before = box.fds_at_rest()
    with box.client() as s:
        fds = struct.pack("3i", 0, 0, 0)
        for _ in range(100):
            s.sendmsg([b'{"method":"org.varlink.service.GetInfo"}\0'],
                      [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            assert s.recv(65536)
        eventually(lambda: box.fds() <= before + 1, "only the connection is left")


def test_client_dies_while_it_waits(box):
    for word in "restart", "stop", "start":
        p = box.inside("/bin/supctl", word, "sleeper")
        p.kill()
        p.wait(DEADLINE)
    assert box.supctl("restart", "sleeper")[0] == 0


def test_restarts_leak_no_descriptor(box):
    assert box.supctl("start", "second")[0] == 0
    before = box.fds_at_rest()
    for _ in range(20):
        assert box.supctl("restart", "second")[0] == 0
        assert box.supctl("reset-failed", "second")[0] == 0
    eventually(lambda: box.fds() <= before, "as many descriptors as before")
    # Their events still come: a log that is written is read.
    assert box.supctl("start", "talker")[0] == 0
    assert "last words" in box.supctl("logs", "talker")[1]


def test_reload(box):
    eventually(lambda: box.unit("sleeper")["state"] == "running", "sleeper")
    pid = box.unit("sleeper")["pid"]
    (box.units / "new.service").write_text("[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sleep 1000\n")
    (box.units / "second.service").unlink()
    os.mkfifo(box.units / "fifo.service")
    assert box.supctl("reload")[0] == 0
    assert box.supctl("start", "new")[0] == 0
    assert box.supctl("status", "second")[0] == 4
    assert "not a regular file" in box.supctl("faults")[1]
    assert box.unit("sleeper")["pid"] == pid


def test_supervisor_killed(box):
    eventually(lambda: box.unit("sleeper")["state"] == "running", "sleeper")
    before = box.supervisor_pid()
    box.kill_supervisor()
    eventually(lambda: box.supervisor_pid() not in (None, before), "the next supervisor")
    eventually(lambda: box.supctl("status")[0] == 0 and box.unit("sleeper")["state"] == "running",
               "sleeper again")
    # Exactly one of it runs.
    box.executed()
    children = Path(f"/proc/{box.init_pid()}/task/{box.init_pid()}/children").read_text().split()
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
    assert lines.count(b"/bin/busybox\0sleep\x001000\0") == 1


# The shell keeps what it redirects above the number it redirects to.
NOTIFIER = """[Service]
LimitNOFILE=2048
NotifyFD={fd}
TimeoutStartSec=60
ExecStart=/bin/busybox sh -c "/bin/busybox ls /proc/self/fd; until [ -e /run/go ]; do /bin/busybox sleep 0.05; done; {then}"
"""


def test_notify_fd(box):
    """A newline makes it ready, on whatever number; no other descriptor comes along."""
    for fd in 3, 4, 5, 12, 1023:
        (box.units / f"fd{fd}.service").write_text(
            NOTIFIER.format(fd=fd, then=f"echo >&{fd}; exec /bin/busybox sleep 1000"))
    (box.units / "silent.service").write_text(NOTIFIER.format(fd=5, then="exec 5>&-; exit 3"))
    (box.units / "mute.service").write_text(
        NOTIFIER.format(fd=5, then="echo -n x >&5; exec 5>&-; exec /bin/busybox sleep 1000").replace("60", "1"))
    assert box.supctl("reload")[0] == 0
    before = box.fds_at_rest()
    names = ["fd3", "fd4", "fd5", "fd12", "fd1023"]
    starting = [box.inside("/bin/supctl", "start", name) for name in names]
    for name in names:
        eventually(lambda: box.unit(name)["state"] == "starting", f"{name} starts")
    box.inside("/bin/busybox", "touch", "/run/go").wait(DEADLINE)
    assert [p.wait(DEADLINE) for p in starting] == [0] * len(names)
    for name in names:
        assert box.unit(name)["state"] == "running"
        # ls has the folder open, at the first number that is free
        own = name[2:]
        expected = {"0", "1", "2", own, "4" if own == "3" else "3"}
        lines = box.supctl("logs", name)[1].splitlines()
        assert {line.split(" ")[-1] for line in lines if " out " in line} == expected, lines
    assert box.supctl("start", "silent")[0] == 1
    assert "exit code 3" in box.unit("silent")["why"]
    assert box.supctl("start", "mute")[0] == 1
    assert "start timed out after 1 s" in box.unit("mute")["why"]
    assert box.supctl("stop", *names)[0] == 0
    eventually(lambda: box.fds() <= before, "as many descriptors as before")
