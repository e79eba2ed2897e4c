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
    """A queue of real-time signals and a storm of others cost no exit status."""
    box.order("pid")
    pid = box.init_pid()
    for i in range(20000):
        os.kill(pid, signal.SIGHUP if i % 2 else 50)
    box.order("service", 0, "exit", 3)
    assert box.order("await", 0) == f"3 {3 << 8} 1"
    assert box.order("orphans", 100) == "1 0"
