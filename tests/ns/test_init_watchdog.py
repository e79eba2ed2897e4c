"""init and the hardware watchdog: what feeds it, what makes it starve, how it is let go. The device is a file that
grows by a byte each time it is fed."""

import signal
import time

import pytest

from initbox import EXIT, Box, eventually

# Seconds; it is fed three times as often.
TIMEOUT = 1


@pytest.fixture
def box(tmp_path):
    with Box(tmp_path) as b:
        (b.root / "wd").touch()
        yield b


def size(box):
    return (box.root / "wd").stat().st_size


def is_fed(box):
    before = size(box)
    eventually(lambda: size(box) > before + 1, "the watchdog to be fed")


def starves(box):
    """Not a feed in a time in which there would have been four."""
    eventually(lambda: "not fed any more" in box.said(), "init to say that it does not feed")
    before = size(box)
    time.sleep(4 * TIMEOUT / 3)
    assert size(box) == before


def turn_on(box):
    box.order("watchdog", TIMEOUT, 0, "/wd")
    is_fed(box)


def test_nobody_asks(box):
    box.order("well")
    box.order("watchdog", 0, 600)
    assert box.life() == 1
    assert "watchdog" not in box.said()
    assert size(box) == 0


def test_no_device(box):
    box.order("watchdog", TIMEOUT, 0, "/nothing")
    eventually(lambda: "watchdog /nothing: No such file or directory, going on without" in box.said(),
               "the missing device to be named")


def test_it_is_fed_while_nothing_is_said(box):
    turn_on(box)
    assert "resets the machine when it was not fed for 1 s" in box.said()
    box.order("well")
    is_fed(box)


def test_a_critical_unit_has_failed_and_comes_back(box):
    turn_on(box)
    box.order("health", 0, 0, "web.container")
    starves(box)
    assert "not fed any more, the machine resets in 1 s: web.container" in box.said()
    box.order("health", 1, 0)
    is_fed(box)
    assert "watchdog: fed again" in box.said()


def test_a_failure_outlives_the_supervisor(box):
    """The next one says when it is well again; until then what was said holds."""
    turn_on(box)
    box.order("health", 0, 0, "web.container")
    life = box.life()
    box.kill_supervisor()
    box.next_life(life)
    starves(box)


def test_a_supervisor_that_hangs(box):
    turn_on(box)
    box.order("health", 1, 1)
    box.kill_supervisor(signal.SIGSTOP)
    starves(box)
    assert "the supervisor does not answer" in box.said()
    box.kill_supervisor(signal.SIGKILL)
    is_fed(box)


def test_a_supervisor_that_is_killed_is_no_reason(box):
    turn_on(box)
    for _ in range(3):
        box.order("health", 1, 1)
        life = box.life()
        box.kill_supervisor()
        box.next_life(life)
    is_fed(box)
    assert "not fed" not in box.said().replace("when it was not fed", "")


def test_turned_off(box):
    turn_on(box)
    box.order("watchdog", 0, 0, "/wd")
    eventually(lambda: (box.root / "wd").read_bytes().endswith(b"V"), "the magic close")
    turn_on(box)


def test_let_go_at_the_end(box):
    turn_on(box)
    box.order("end", EXIT, 3)
    assert box.status() == 3
    fed = (box.root / "wd").read_bytes()
    assert fed.endswith(b"V")
    assert fed.count(b"V") == 1
