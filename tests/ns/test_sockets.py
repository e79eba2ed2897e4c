"""Socket activation of services of the host under the real supervisor: who starts what, which descriptors it is given,
what stays open and what is closed. Containers: test_child.py has their descriptors, the vm ring all together."""

import os
import shutil
import socket
from pathlib import Path

import pytest

import initbox
from initbox import eventually
from test_supervisor import Appliance

LISTENER = initbox.BUILD / "tests/helpers/listener"
SERVE = "[Service]\nLimitNOFILE=1024\nExecStart=/bin/listener serve\n"
INSTALL = "[Install]\nWantedBy=sockets.target\n"


def script(text, more=""):
    return f"[Service]\nLimitNOFILE=1024\n{more}ExecStart=/bin/busybox sh -c '{text}'\n"


class Sockets(Appliance):
    def __init__(self, folder, units):
        super().__init__(folder)
        shutil.copy(LISTENER, self.root / "bin/listener")
        self.put(units)

    def put(self, units):
        for name, text in units.items():
            (self.units / name).write_text(text)

    def ask(self, port, count=1):
        """What a visitor in the box sees."""
        with self.inside("/bin/listener", "ask", str(port), str(count), "8", stdout=-1, stderr=-2, text=True) as p:
            return p.communicate(timeout=initbox.DEADLINE)[0].strip()

    def shell(self, words):
        with self.inside("/bin/busybox", "sh", "-c", words, stdin=-3, stdout=-1, stderr=-2, text=True) as p:
            return p.communicate(timeout=initbox.DEADLINE)[0].strip()

    def listening(self):
        """Port -> inode, of the sockets of TCP that listen."""
        found = {}
        for file in "tcp", "tcp6":
            for line in open(f"/proc/{self.init_pid()}/net/{file}").read().splitlines()[1:]:
                word = line.split()
                if word[3] == "0A":
                    found[int(word[1].rpartition(":")[2], 16)] = word[9]
        return found

    def path(self, path):
        """As the box sees it: what it has mounted itself is not below its folder."""
        return Path(f"/proc/{self.init_pid()}/root{path}")

    def connect_unix(self, path, kind=socket.SOCK_STREAM):
        s = socket.socket(socket.AF_UNIX, kind)
        s.connect(str(self.path(path)))
        s.settimeout(initbox.DEADLINE)
        return s

    def logged(self, unit, text):
        return eventually(lambda: text in self.supctl("logs", unit)[1] and self.supctl("logs", unit)[1],
                          f"\"{text}\" in the log of {unit}")

    def state(self, unit):
        return self.unit(unit)["state"]


@pytest.fixture
def boxes(tmp_path):
    """boxes(units, up): one box with these units, where these sockets listen."""
    started = []

    def begin(units, *up):
        box = Sockets(tmp_path, units)
        started.append(box)
        box.__enter__()
        box.ready()
        for name in up:
            eventually(lambda: box.state(name) == "listening", name)
        return box

    yield begin
    for box in started:
        box.__exit__()


def test_first_connection_starts_it_with_its_descriptors(boxes):
    box = boxes({
        "web.service": SERVE + "Sockets=more.socket\n",
        "web.socket": "[Socket]\nListenStream=127.0.0.1:8080\nListenStream=/run/web/sock\n"
                      f"FileDescriptorName=http\nSocketMode=0600\nDirectoryMode=0750\n{INSTALL}",
        "more.socket": f"[Socket]\nListenDatagram=127.0.0.1:8081\nService=web.service\n{INSTALL}",
    }, "web.socket", "more.socket")
    assert box.state("web.service") == "inactive"
    plan = box.supctl("plan", "web")[1]
    assert "4: listen web.socket 127.0.0.1:8080" in plan and "LISTEN_FDS=3" in plan
    assert box.ask(8080) == "1 of 1 answered"
    said = box.logged("web", "LISTEN_FDS")
    # of several sockets: in the order of their names
    assert ("fds 0 1 2 3 4 5; LISTEN_FDS=3 LISTEN_FDNAMES=more.socket:http:http LISTEN_PID is mine, "
            "blocking yes") in said
    with box.connect_unix("/run/web/sock") as s:
        s.sendall(b"hello\n")
        assert s.recv(64) == b"served\n"
    assert box.path("/run/web/sock").stat().st_mode & 0o7777 == 0o600
    assert box.path("/run/web").stat().st_mode & 0o7777 == 0o750
    # what an operator sees of it
    status = box.unit("web.socket")
    assert (status["activates"], status["triggers"]) == ("web.service", 1)
    assert set(box.unit("web.service")["activated_by"]) == {"web.socket", "more.socket"}
    lines = box.supctl("sockets")[1].splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["127.0.0.1:8081", "more.socket", "web.service"],
        ["127.0.0.1:8080", "web.socket", "web.service"],
        ["/run/web/sock", "web.socket", "web.service"]]
    out = box.supctl("stop", "web")[1]
    assert "web.service is stopped; web.socket will start it again" in out
    assert box.ask(8080, 3) == "3 of 3 answered"
    assert box.unit("web.socket")["triggers"] == 2


def test_non_blocking(boxes):
    box = boxes({
        "web.service": SERVE + "NonBlocking=yes\n",
        "web.socket": f"[Socket]\nListenStream=8080\n{INSTALL}",
    }, "web.socket")
    assert box.ask(8080) == "1 of 1 answered"
    box.logged("web", "blocking no")


def test_stopped_it_is_closed_and_removed(boxes):
    box = boxes({
        "web.service": SERVE,
        "web.socket": "[Socket]\nListenStream=127.0.0.1:8080\nListenStream=/run/web.sock\n"
                      f"RemoveOnStop=yes\n{INSTALL}",
    }, "web.socket")
    left = []
    for _ in range(3):
        assert box.path("/run/web.sock").is_socket()
        assert box.ask(8080) == "1 of 1 answered"
        assert box.supctl("stop", "web.socket", "web.service")[0] == 0
        assert box.listening() == {}
        assert not box.path("/run/web.sock").exists()
        assert "0 of 1 answered" in box.ask(8080)
        left.append((box.fds(), len(os.listdir(f"/proc/{box.init_pid()}/fd"))))
        assert box.supctl("start", "web.socket")[0] == 0
    assert left[1] == left[2]


def test_reload_keeps_it_open_when_only_the_service_changed(boxes):
    box = boxes({
        "web.service": SERVE,
        "web.socket": f"[Socket]\nListenStream=8080\n{INSTALL}",
    }, "web.socket")
    assert box.ask(8080) == "1 of 1 answered"
    inode, pid = box.listening()[8080], box.unit("web.service")["pid"]
    box.put({"web.service": SERVE + "Environment=NEW=1\n"})
    assert box.supctl("reload")[0] == 0
    eventually(lambda: box.unit("web.service")["pid"] not in (None, pid), "the service, started again")
    assert box.listening() == {8080: inode}
    assert box.ask(8080, 5) == "5 of 5 answered"
    # changed itself, it is opened anew
    box.put({"web.socket": f"[Socket]\nListenStream=8090\n{INSTALL}"})
    assert box.supctl("reload")[0] == 0
    eventually(lambda: set(box.listening()) == {8090}, "the new port alone")


def test_it_outlives_the_supervisor(boxes):
    box = boxes({
        "web.service": SERVE,
        "web.socket": f"[Socket]\nListenStream=8080\n{INSTALL}",
    }, "web.socket")
    inode, pid = box.listening()[8080], box.supervisor_pid()
    box.kill_supervisor()
    assert box.listening() == {8080: inode}
    assert box.ask(8080) == "1 of 1 answered"
    assert box.supervisor_pid() != pid
    assert box.listening() == {8080: inode}


def test_address_in_use_is_named(boxes):
    box = boxes({
        "web.service": SERVE, "web.socket": f"[Socket]\nListenStream=127.0.0.1:8080\n{INSTALL}",
        "other.service": SERVE, "other.socket": "[Socket]\nListenStream=127.0.0.1:8080\n",
    }, "web.socket")
    status, _, err = box.supctl("start", "other.socket")
    assert status == 1
    assert "127.0.0.1:8080: another unit or program has it" in err


def test_service_that_takes_nothing_does_not_spin(boxes):
    box = boxes({
        "spin.service": "[Unit]\nStartLimitBurst=0\n" + script("true"),
        "spin.socket": f"[Socket]\nListenStream=8080\nTriggerLimitBurst=3\nTriggerLimitIntervalSec=1h\n{INSTALL}",
    }, "spin.socket")
    box.ask(8080)
    eventually(lambda: box.state("spin.socket") == "failed", "the limit")
    assert box.unit("spin.socket")["cause"].startswith("trigger-limit-hit: more than 3 activations in 60 min")
    assert box.unit("spin.socket")["triggers"] == 3
    assert box.listening() == {}
    # an operator gets it back
    assert box.supctl("start", "spin.socket")[0] == 0
    assert box.state("spin.socket") == "listening"


def test_start_limit_of_the_service_fails_its_socket(boxes):
    box = boxes({
        "fails.service": script("exit 1"),
        "fails.socket": f"[Socket]\nListenStream=8080\n{INSTALL}",
    }, "fails.socket")
    box.ask(8080)
    eventually(lambda: box.state("fails.socket") == "failed", "the limit")
    assert box.unit("fails.socket")["cause"].startswith("service-start-limit-hit")


def connected(box, port):
    """How many wait at that port to be taken, or have been."""
    lines = [line.split() for v in ("", "6") for line in Path(f"/proc/{box.init_pid()}/net/tcp{v}").read_text().splitlines()]
    return sum(words[1].endswith(f":{port:04X}") and words[3] == "01" for words in lines)


def test_flush_pending(boxes):
    box = boxes({
        "once.service": script("touch /ran; until [ -e /go ]; do sleep 0.01; done; rm /ran /go"),
        "once.socket": f"[Socket]\nListenStream=8080\nFlushPending=yes\n{INSTALL}",
    }, "once.socket")
    with box.inside("/bin/listener", "ask", "8080", "5", "5", stdout=-1, stderr=-2, text=True) as asks:
        eventually(lambda: (box.root / "ran").exists() and connected(box, 8080) == 5, "the start by the first, and all others")
        (box.root / "go").touch()
        # who waits when it ends gets nothing, and starts nothing
        assert "0 of 5 answered" in asks.communicate(timeout=initbox.DEADLINE)[0]
    eventually(lambda: box.state("once.service") == "inactive", "its end")
    assert box.unit("once.socket")["triggers"] == 1


def test_fifo_with_a_link(boxes):
    box = boxes({
        "in.service": script("echo got $$(dd bs=100 count=1 <&3); exec sleep 1000"),
        "in.socket": "[Socket]\nListenFIFO=/run/in.fifo\nSymlinks=/run/also\nSocketMode=0620\n"
                     f"RemoveOnStop=yes\n{INSTALL}",
    }, "in.socket")
    fifo = box.path("/run/in.fifo")
    assert fifo.is_fifo() and fifo.stat().st_mode & 0o7777 == 0o620
    assert box.path("/run/also").readlink().as_posix() == "/run/in.fifo"
    assert box.state("in.service") == "inactive"
    box.shell("echo first >/run/also")
    box.logged("in", "got first")
    assert box.supctl("stop", "in.socket", "in.service")[0] == 0
    assert not fifo.exists() and not box.path("/run/also").is_symlink()


def test_datagram(boxes):
    box = boxes({
        "in.service": script("echo got $$(dd bs=100 count=1 <&3); exec sleep 1000"),
        "in.socket": f"[Socket]\nListenDatagram=/run/in.sock\n{INSTALL}",
    }, "in.socket")
    with box.connect_unix("/run/in.sock", socket.SOCK_DGRAM) as s:
        s.send(b"first\n")
    box.logged("in", "got first")


def test_sequential_packets(boxes):
    box = boxes({
        "web.service": SERVE,
        "web.socket": f"[Socket]\nListenSequentialPacket=/run/web.sock\nPassCredentials=yes\n{INSTALL}",
    }, "web.socket")
    with box.connect_unix("/run/web.sock", socket.SOCK_SEQPACKET) as s:
        s.send(b"hello\n")
        assert s.recv(64) == b"served\n"


def test_ipv6(boxes):
    box = boxes({
        "six.service": SERVE,
        "six.socket": f"[Socket]\nListenStream=[::1]:8080\nBindIPv6Only=ipv6-only\n{INSTALL}",
        "both.service": SERVE,
        "both.socket": f"[Socket]\nListenStream=[::]:8081\nBindIPv6Only=both\n{INSTALL}",
    }, "six.socket", "both.socket")
    assert box.shell("echo hello | nc ::1 8080") == "served"
    assert "0 of 1 answered" in box.ask(8080)
    assert box.ask(8081) == "1 of 1 answered"


def test_bound_to_a_device(boxes):
    box = boxes({
        "lo.service": SERVE,
        "lo.socket": f"[Socket]\nListenStream=8080\nBindToDevice=lo\n{INSTALL}",
        "no.service": SERVE,
        "no.socket": "[Socket]\nListenStream=8081\nBindToDevice=nosuch0\n",
    }, "lo.socket")
    assert box.ask(8080) == "1 of 1 answered"
    status, _, err = box.supctl("start", "no.socket")
    assert status == 1 and "nosuch0" in err


def test_template_of_a_socket_and_its_service(boxes):
    box = boxes({
        "echo@.socket": "[Socket]\nListenStream=/run/echo.%i\n",
        "echo@.service": SERVE,
        "boot.service": script("exec sleep 1000", "") + "[Unit]\nWants=echo@1.socket\n"
                        "[Install]\nWantedBy=multi-user.target\n",
    }, "echo@1.socket")
    # one more by name, at run time
    assert box.supctl("start", "echo@7.socket")[0] == 0
    for name in "1", "7":
        assert box.state(f"echo@{name}.service") == "inactive"
        with box.connect_unix(f"/run/echo.{name}") as s:
            s.sendall(b"hello\n")
            assert s.recv(64) == b"served\n"
        box.logged(f"echo@{name}.service", f"LISTEN_FDNAMES=echo@{name}.socket")
