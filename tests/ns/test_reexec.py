"""supctl reexec, and crashes of init, with the real supervisor: no service notices.

SUP_REEXECS=N: so many supervisors one after the other, instead of 20."""

import os
import shutil
import signal
import subprocess

import pytest

import faults
from initbox import eventually
from test_supervisor import UNITS, Appliance

COUNTER = """[Service]
LimitNOFILE=1024
ExecStart=/bin/busybox sh -c 'n=0; while :; do n=$((n+1)); echo $n; /bin/busybox usleep 2000; done'
[Install]
WantedBy=multi-user.target
"""
ANEW = "executes itself anew"
REEXECS = int(os.environ.get("SUP_REEXECS", "20"))


@pytest.fixture
def box(tmp_path):
    made = Appliance(tmp_path)
    (made.units / "counter.service").write_text(COUNTER)
    (made.units / "second.service").write_text("[Unit]\nStartLimitIntervalSec=0\n" + UNITS["second.service"])
    with made as b:
        b.ready()
        eventually(lambda: b.unit("counter")["state"] == "running" and logged(b), "the counter")
        eventually(lambda: b.unit("missing")["state"] == "failed", "missing fails")
        yield b


def logged(box):
    """What the counter has written by now, as numbers."""
    out = box.supctl("logs", "-n", "100000", "counter")[1]
    return [int(line.split()[-1]) for line in out.splitlines() if line.split()[1] == "out"]


def services(box):
    """Of each unit that runs: its process."""
    return {unit["name"]: unit["pid"] for unit in box.data("status")["units"]
            if unit["state"] == "running" and "pid" in unit}


def check(box, before):
    assert services(box) == before
    last = logged(box)[-1]
    numbers = eventually(lambda: (n := logged(box))[-1] > last and n, "the counter goes on")
    assert numbers == list(range(numbers[0], numbers[-1] + 1))


def replace(box, path):
    """As a package does it: a new file under the old name."""
    shutil.copy(box.root / path, box.root / "new")
    os.rename(box.root / "new", box.root / path)
    return os.stat(box.root / path).st_ino


def test_supervisor_is_replaced_and_no_service_notices(box):
    before = services(box)
    inode = replace(box, "usr/lib/sup/supervisor")
    told = box.data("reexec")
    assert told["life"] == 2 and told["ms"] >= 0 and told["init_crashes"] == 0
    assert os.stat(f"/proc/{box.supervisor_pid()}/exe").st_ino == inode
    check(box, before)
    assert "has ended as it was asked to" in box.said()
    assert "next start in" not in box.said()


def test_supervisor_again_and_again(box):
    """It is no failure, however often, each life answers, and none has more open than the one before."""
    before = services(box)
    life = box.data("reexec")["life"]
    descriptors = box.fds_at_rest()
    for n in range(1, REEXECS + 1):
        assert box.data("reexec")["life"] == life + n
    assert box.fds_at_rest() == descriptors
    check(box, before)


def test_init_is_replaced_and_no_service_notices(box):
    before = services(box)
    supervisor = box.supervisor_pid()
    inode = replace(box, "init")
    status, out, err = box.supctl("reexec", "--init")
    assert status == 0 and out.startswith("init: process 1 after "), err
    assert os.stat(f"/proc/{box.init_pid()}/exe").st_ino == inode
    assert box.supervisor_pid() == supervisor
    check(box, before)


@pytest.mark.parametrize("bad, why", [(None, "No such file or directory"), ("text", "Exec format error")])
def test_init_is_no_program(box, bad, why):
    before = services(box)
    os.unlink(box.root / "init")
    if bad is not None:
        (box.root / "init").write_text(bad)
        (box.root / "init").chmod(0o755)
    status, out, err = box.supctl("reexec", "--init")
    assert status == 1 and out == ""
    assert "init cannot execute its file, and goes on as it is" in err and why in err
    check(box, before)


def test_usage(box):
    for words in ["reexec", "web"], ["reexec", "--init", "x"], ["reexec", "--supervisor"]:
        status, out, err = box.supctl(*words)
        assert (status, out) == (2, "") and "usage: supctl reexec [--init]" in err


def test_a_hundred_crashes_of_init(box):
    before = services(box)
    supervisor = box.supervisor_pid()
    pid = box.init_pid()

    def strike():
        os.kill(pid, signal.SIGSEGV)
        return box.said().count(ANEW) >= 100

    eventually(strike, "a hundred crashes")
    assert box.supervisor_pid() == supervisor
    check(box, before)
    assert box.data("status", "counter")["units"][0].get("restarts", 0) == 0
    assert "init has crashed and executed itself anew" in box.supctl("logs", "supervisor")[1]
    assert box.data("reexec")["init_crashes"] >= 100


def test_services_that_end_while_init_crashes(box):
    """Each start, stop and restart is answered, and no more processes are there than before."""
    before = services(box)
    for n in range(10):
        os.kill(box.init_pid(), signal.SIGSEGV)
        assert box.supctl("start", "second")[0] == 0
        os.kill(box.init_pid(), signal.SIGSEGV)
        assert box.supctl("restart", "second")[0] == 0
        os.kill(box.init_pid(), signal.SIGSEGV)
        assert box.supctl("stop", "second")[0] == 0
        assert box.unit("second")["state"] != "running", n
    check(box, before)


@faults.needs_x86
def test_faults_of_init_and_kills_of_the_supervisor(box):
    before = services(box)
    for _ in range(5):
        life = box.data("reexec")["life"]
        faults.jump_nowhere(box.init_pid())
        # The kernel's list of children leaves one out at times, when another ends meanwhile.
        os.kill(eventually(box.supervisor_pid, "a supervisor"), signal.SIGKILL)
        now = box.data("reexec")
        assert now["life"] > life
        told = [line for line in box.supctl("logs", "-n", "1000", "supervisor")[1].splitlines() if "init has crashed" in line]
        assert told[-1].endswith(f": {now['init_crashes']}"), "whoever was there when it happened"
    log = box.supctl("logs", "-n", "1000", "supervisor")[1]
    assert "of the supervisor before, killed by signal KILL" in log
    check(box, before)


def test_only_root_may(box):
    done = box.inside("/bin/busybox", "setuidgid", "1000:1000", "/bin/supctl", "reexec",
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = done.communicate(timeout=30)
    assert done.returncode != 0 and out == "", err
    assert box.data("reexec")["life"] == 2
