"""No signal ends, stops or diverts init; seven of them are requests."""

import os
import signal

import pytest

import initbox
from initbox import Box, eventually

RTMIN = 34
REQUESTS = [signal.SIGINT, signal.SIGTERM, signal.SIGPWR, RTMIN + 3, RTMIN + 4, RTMIN + 5, RTMIN + 6]
FATAL_FROM_OUTSIDE = [signal.SIGKILL, signal.SIGSTOP]
FAULTS = [signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE,
          signal.SIGSEGV, signal.SIGSYS]


@pytest.fixture
def box(tmp_path):
    with Box(tmp_path) as b:
        yield b


def crashes(box):
    """What init says of the faults, and nothing else: one that comes while another is served is that one."""
    lines = box.said().splitlines()
    assert all("executes itself anew" in line for line in lines), lines
    return len(lines)


def test_every_signal_from_outside(box):
    box.order("pid")
    for signo in range(1, 65):
        if signo not in REQUESTS + FATAL_FROM_OUTSIDE:
            os.kill(box.init_pid(), signo)
    assert box.order("orphans", 10) == "1 0"
    assert box.life() == 1
    assert crashes(box) >= 1


def test_every_signal_from_inside(box):
    for signo in range(1, 65):
        if signo not in REQUESTS:
            assert box.order("signal", signo) == "0"
    assert box.order("orphans", 10) == "1 0"
    assert box.life() == 1
    assert crashes(box) >= 1


@pytest.mark.parametrize("signo", REQUESTS)
def test_request(box, signo):
    box.order("pid")
    os.kill(box.init_pid(), signo)
    assert box.order("request") == str(initbox.EXIT)
    assert box.life() == 1


def test_request_outlives_the_supervisor(box):
    life = box.life()
    box.order("well")
    os.kill(box.init_pid(), signal.SIGTERM)
    assert box.order("request") == str(initbox.EXIT)
    box.kill_supervisor()
    box.next_life(life)
    assert box.order("request") == str(initbox.EXIT)


def test_seven_presses_end_it_at_once(box):
    box.order("pid")
    handle = os.pidfd_open(box.init_pid())

    def press():
        signal.pidfd_send_signal(handle, signal.SIGINT)
        return "seven times" in box.said()

    try:
        eventually(press, "the seventh press", 5)
    except ProcessLookupError:
        pass
    os.close(handle)
    assert "seven times" in box.said() and box.status() == 0


def test_storm(box):
    """A queue of real-time signals and a storm of others cost no exit status. SUP_STORM=1000000 is the long form."""
    box.order("pid")
    pid = box.init_pid()
    kinds = [signal.SIGHUP, 50, signal.SIGCHLD, signal.SIGUSR1]
    for i in range(int(os.environ.get("SUP_STORM", "20000"))):
        try:
            os.kill(pid, kinds[i % len(kinds)])
        except BlockingIOError:  # the queue of real-time signals is full: that is the storm
            pass
    box.order("service", 0, "exit", 3)
    assert box.order("await", 0) == f"3 {3 << 8} 1"
    assert box.order("orphans", 100) == "1 0"


def test_full_queue_of_signals(box):
    """While no signal can be queued any more for its user, init still learns of each end."""
    box.order("pid")
    pid = box.init_pid()
    box.kill_supervisor(signal.SIGSTOP)
    os.kill(pid, signal.SIGSTOP)
    for _ in range(200000):
        try:
            os.kill(pid, 50)
        except BlockingIOError:
            break
    box.kill_supervisor(signal.SIGCONT)
    os.kill(pid, signal.SIGCONT)
    for slot in range(20):
        box.order("service", slot, "exit", slot)
    for slot in range(20):
        assert box.order("await", slot) == f"3 {slot << 8} 1"
    assert box.order("orphans", 100) == "1 0"


def test_storm_of_faults_that_are_sent(box):
    """init goes on between any two of them."""
    box.order("pid")
    pid = box.init_pid()
    for _ in range(2000):
        os.kill(pid, signal.SIGSEGV)
    box.order("service", 0, "exit", 3)
    assert box.order("await", 0) == f"3 {3 << 8} 1"
    assert box.life() == 1
