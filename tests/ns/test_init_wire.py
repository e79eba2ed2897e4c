"""The two contracts between init and supervisor: the roster and the held descriptors."""

import os
import signal

import pytest

from initbox import Box, eventually

EXITED = 3


@pytest.fixture
def box(tmp_path):
    with Box(tmp_path) as b:
        yield b


def memory(box):
    """kB of init that only it has."""
    lines = open(f"/proc/{box.init_pid()}/smaps_rollup").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def test_orphans_are_reaped_and_counted(box):
    """None is left, and init is as small as before. SUP_ORPHANS=1000000 is the long form."""
    assert box.order("orphans", 200) == "1 0"
    before = memory(box)
    for _ in range(int(os.environ.get("SUP_ORPHANS", "20000")) // 2000):
        assert box.order("orphans", 2000) == "1 0"
    assert memory(box) <= before


@pytest.mark.parametrize("how, value, status", [
    ("exit", 0, 0), ("exit", 1, 1 << 8), ("exit", 255, 255 << 8),
    ("signal", signal.SIGKILL, 9), ("signal", signal.SIGTERM, 15)])
def test_status_in_the_roster(box, how, value, status):
    box.order("service", 0, how, int(value))
    assert box.order("await", 0) == f"{EXITED} {status} 1"


def test_status_in_the_last_slot(box):
    box.order("service", 4095, "exit", 5)
    assert box.order("await", 4095) == f"{EXITED} {5 << 8} 1"


def test_many_services_among_orphans(box):
    for slot in range(150):
        box.order("service", slot, "exit", slot)
        if slot % 50 == 0:
            assert box.order("orphans", 100) == "1 0"
    for slot in range(150):
        assert box.order("await", slot) == f"{EXITED} {slot << 8} 1"


def test_status_written_while_no_supervisor_runs(box):
    pid = int(box.order("service", 7, "sleep", 0))
    life = box.life()
    box.kill_supervisor(signal.SIGSTOP)
    inner = f"/proc/{box.init_pid()}/root/proc/{pid}"
    assert os.path.exists(inner)
    children = open(f"/proc/{box.init_pid()}/task/{box.init_pid()}/children").read().split()
    service = [p for p in children if f"NSpid:\t{p}\t{pid}\n" in open(f"/proc/{p}/status").read()]
    os.kill(int(service[0]), signal.SIGTERM)
    eventually(lambda: not os.path.exists(f"/proc/{service[0]}"), "the service to be reaped")
    box.kill_supervisor()
    box.next_life(life)
    assert box.order("slot", 7) == f"{EXITED} {int(signal.SIGTERM)}"


def test_held_over_a_restart(box):
    box.order("hold", "log-out:web.container", "one")
    box.order("hold", "log-err:web.container", "two")
    box.order("hold", "log-out:db.container", "three")
    box.order("hold", "log-out:web.container", "four")
    box.order("drop", "log-err:web.container")
    box.order("drop", "never:held")
    life = box.life()
    box.kill_supervisor()
    box.next_life(life)
    for _ in range(2):
        assert sorted(box.order("take").split()) == [
            "end", "log-out:db.container=three", "log-out:web.container=four"]


def test_hold_with_the_last_breath(box):
    """A HOLD that init had not read when its sender died."""
    box.order("pid")
    os.kill(box.init_pid(), signal.SIGSTOP)
    box.order("hold", "last:words", "kept")
    life_pid = box.order("pid")
    box.kill_supervisor()
    os.kill(box.init_pid(), signal.SIGCONT)
    eventually(lambda: box.order("pid") not in ("", life_pid), "the next supervisor")
    assert box.order("take") == "last:words=kept end"


def test_table_full(box):
    box.order("hold-many", 8200)
    names = box.order("take").split()
    assert names[-1] == "end" and len(names) == 8193
    assert box.said().count("8192 descriptors are held") == 1
    box.order("drop", "many:17")
    box.order("hold", "new:one", "fits")
    assert "new:one=fits" in box.order("take").split()
    fds = os.listdir(f"/proc/{box.init_pid()}/fd")
    assert len(fds) < 8192 + 10


def test_garbage_is_ignored(box):
    box.order("pid")
    before = len(os.listdir(f"/proc/{box.init_pid()}/fd"))
    for _ in range(20):
        assert box.order("garbage") == "ok"
    assert box.order("take") == "end"
    assert box.life() == 1
    # It may have been counted while the supervisor's end of the wire, or the console, was still open.
    eventually(lambda: len(os.listdir(f"/proc/{box.init_pid()}/fd")) <= before, "nothing stays open")


def test_scribbled_roster_loses_its_slots_only(box):
    pid = box.order("service", 3, "sleep", 0)
    assert box.order("scribble") == "truncate=-1"
    assert box.order("orphans", 100) == "1 0"
    box.order("service", 4, "exit", 6)
    assert box.order("await", 4) == f"{EXITED} {6 << 8} 1"
    assert int(pid) > 1 and box.order("slot", 3) == "2 0"
    life = box.life()
    box.kill_supervisor()
    box.next_life(life)
    assert box.said().count("was killed") == 1
