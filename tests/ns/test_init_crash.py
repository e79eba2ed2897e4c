"""PID 1 crashes and nothing happens: it executes itself anew, and all it was and had goes on."""

import os
import random
import shutil
import signal
import struct
import threading

import pytest

import faults
import initbox
from initbox import Box, eventually

EXITED = 3
FAULTS = [signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE,
          signal.SIGSEGV, signal.SIGSYS]
ANEW = "executes itself anew"
INIT, SUPERVISOR = 1, 0


@pytest.fixture
def box(tmp_path):
    with Box(tmp_path) as b:
        yield b


def crashes(box):
    return box.said().count(ANEW)


def crash(box, strike=None):
    """One crash, until the init after it is at work."""
    before = crashes(box)
    (strike or (lambda pid: os.kill(pid, signal.SIGSEGV)))(box.init_pid())
    eventually(lambda: crashes(box) > before, "init to say that it crashed")
    # A supervisor that has to go for it may take the first order along.
    eventually(lambda: box.order("orphans", 1) == "1 0", "init to be at work")


def started(pid):
    """The instant a process was made: a pid that is used again has another."""
    return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[19]


class Same:
    """What must be the same after a crash as before."""

    def __init__(self, box):
        box.order("well")
        box.order("hold", "log-out:web.container", "one")
        box.order("hold", "log-err:web.container", "two")
        self.service = box.order("service", 7, "sleep", 0)
        self.before = self.look(box)

    def look(self, box):
        return {
            "init": started(box.init_pid()),
            "life": box.life(),
            "supervisor": box.order("pid"),
            "held": box.order("take"),
            "service": box.order("slot", 7),
            "comm": open(f"/proc/{box.init_pid()}/comm").read(),
            "fds": len(os.listdir(f"/proc/{box.init_pid()}/fd")),
            "exe": os.readlink(f"/proc/{box.init_pid()}/exe").rpartition("/")[2],
            "blocked": [line for line in open(f"/proc/{box.init_pid()}/status")
                        if line.startswith("SigBlk")],
        }

    def check(self, box):
        assert self.look(box) == self.before


@pytest.mark.parametrize("signo", FAULTS)
def test_signal_from_outside(box, signo):
    same = Same(box)
    crash(box, lambda pid: os.kill(pid, signo))
    same.check(box)
    assert f"crash 1: signal {int(signo)} (" in box.said()


@pytest.mark.parametrize("signo", FAULTS)
def test_signal_from_inside(box, signo):
    """The kernel keeps from PID 1 what it has no handler for; with one, it arrives."""
    same = Same(box)
    crash(box, lambda pid: box.order("signal", int(signo)))
    same.check(box)


@faults.needs_x86
def test_fault_of_its_own(box):
    same = Same(box)
    crash(box, faults.jump_nowhere)
    same.check(box)
    assert "crash 1: signal 11 (" in box.said()
    assert ", address 0x" in box.said()


@faults.needs_x86
def test_fault_that_strikes_its_words_too(box):
    """Every write, open and poll is a fault, in the handler as well: the next image says it."""
    same = Same(box)
    faults.break_system_calls(box.init_pid())
    os.kill(box.init_pid(), signal.SIGHUP)
    eventually(lambda: "could not be said at once" in box.said(), "the next image")
    assert "crash 1: signal 4" in box.said()
    same.check(box)


@faults.needs_x86
def test_fault_that_strikes_its_words_without_end(box):
    box.order("pid")
    for n in range(1, 10):
        eventually(lambda: open(f"/proc/{box.init_pid()}/syscall").read()[0] != "r", "init to wait")
        faults.break_system_calls(box.init_pid())
        os.kill(box.init_pid(), signal.SIGHUP)
        eventually(lambda n=n: f"crash {n}:" in box.said(), "the next image")
        assert box.order("orphans", 1) == "1 0"
    faults.break_system_calls(box.init_pid())
    os.kill(box.init_pid(), signal.SIGHUP)
    assert box.status() == 128 + signal.SIGILL


def test_a_hundred_in_a_row(box):
    same = Same(box)
    for n in range(100):
        crash(box, lambda pid, n=n: os.kill(pid, FAULTS[n % len(FAULTS)]))
    same.check(box)
    assert crashes(box) == 100
    assert "crash 100: " in box.said()


def test_exits_among_crashes_are_written_once(box):
    """Processes end at every instant of the crashes; each has its status, no orphan is forgotten or counted twice."""
    same = Same(box)
    pid = box.init_pid()
    done = threading.Event()

    def strike():
        while not done.wait(0.001):
            os.kill(pid, signal.SIGSEGV)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        for slot in range(100, 300):
            box.order("service", slot, "exit", slot % 251)
        assert box.order("orphans", 500) == "1 0"
        for slot in range(100, 300):
            assert box.order("await", slot) == f"{EXITED} {slot % 251 << 8} 1"
    finally:
        done.set()
        thread.join()
    assert crashes(box) > 10
    same.check(box)


@faults.needs_x86
def test_exits_among_faults_are_written_once(box):
    same = Same(box)
    for n in range(9):
        for slot in range(100, 120):
            box.order("service", slot, "exit", slot)
        faults.jump_nowhere(box.init_pid())
        for slot in range(100, 120):
            assert box.order("await", slot) == f"{EXITED} {slot << 8} 1"
    same.check(box)


def test_supervisor_dies_while_init_crashes(box):
    life = box.life()
    for _ in range(20):
        box.order("well")
        os.kill(box.init_pid(), signal.SIGSEGV)
        box.kill_supervisor()
        os.kill(box.init_pid(), signal.SIGSEGV)
        assert box.next_life(life) == life + 1
        life += 1


def test_request_outlives_the_crash(box):
    life = box.life()
    box.order("well")
    os.kill(box.init_pid(), signal.SIGTERM)
    assert box.order("request") == str(initbox.EXIT)
    crash(box)
    box.kill_supervisor()
    box.next_life(life)
    assert box.order("request") == str(initbox.EXIT)


def test_the_end_outlives_the_crash(box):
    """A crash while all processes are being ended: they are, and the status is the one asked for."""
    box.order("background", "deaf")
    box.order("end", initbox.EXIT, 4)
    eventually(lambda: "ending all processes" in box.said(), "the end to begin")
    if os.uname().machine == "x86_64":
        faults.jump_nowhere(box.init_pid())
    assert box.status() == 4


def test_watchdog_outlives_the_crash(box):
    (box.root / "wd").touch()
    box.order("watchdog", 1, 0, "/wd")

    def fed():
        size = (box.root / "wd").stat().st_size
        eventually(lambda: (box.root / "wd").stat().st_size > size + 1, "the watchdog to be fed")

    fed()
    crash(box)
    fed()
    assert box.said().count("watchdog: resets") == 1
    box.order("health", 0, 0, "web.container")
    eventually(lambda: "not fed any more" in box.said(), "init to say that it does not feed")
    crash(box)
    box.order("health", 1, 0)
    eventually(lambda: "watchdog: fed again" in box.said(), "what was said to be known still")
    box.order("end", initbox.EXIT, 3)
    assert box.status() == 3
    assert (box.root / "wd").read_bytes().count(b"V") == 1


@faults.needs_x86
def test_loop_of_faults_ends(box):
    box.order("pid")
    for _ in range(9):
        crash(box, faults.jump_nowhere)
    faults.jump_nowhere(box.init_pid())
    assert box.status() == 128 + signal.SIGSEGV
    assert "init crashes again and again (signal 11): exit" in box.said()


def state_of(box):
    """The memory file in which init keeps what it knows."""
    fds = f"/proc/{box.init_pid()}/fd"
    for fd in os.listdir(fds):
        if os.readlink(f"{fds}/{fd}").startswith("/memfd:init"):
            return f"{fds}/{fd}"
    raise AssertionError("no state")


def scribble(box, at, data):
    with open(state_of(box), "r+b") as state:
        state.seek(at)
        state.write(data)


def parts(box):
    """Of the head (init/state.h): place, size and count of each part."""
    with open(state_of(box), "rb") as state:
        head = state.read(8 + 12 * 32)
    count = struct.unpack_from("II", head)[1]
    return [struct.unpack_from("III", head, 8 + 12 * n) for n in range(count)]


SELF, CRASH, ROSTER, SUPERVISE, WIRE, REQUEST, WATCHDOG, HOLD, HELD = range(9)


@pytest.mark.parametrize("name, number", [(b"x" * 88, 5), (b"wrong:fd", 5000), (b"wrong:fd", -1),
                                          (b"wrong:fd", 1), (b"wrong:fd", 2**31 - 1)])
def test_scribbled_entry_is_lost_alone(box, name, number):
    same = Same(box)
    box.order("hold", "to:lose", "three")
    box.order("hold", "to:keep", "four")
    assert "to:keep" in box.order("take")  # init has them: "hold" itself waits for no answer
    at, size, _ = parts(box)[HELD]
    scribble(box, at + 2 * size, name.ljust(88, b"\0") + struct.pack("i", number))
    crash(box)
    eventually(lambda: "1 held descriptors are lost" in box.said(), "init to say what is lost")
    assert sorted(box.order("take").split()) == [
        "end", "log-err:web.container=two", "log-out:web.container=one", "to:keep=four"]
    box.order("drop", "to:keep")
    same.check(box)


def test_two_entries_of_one_descriptor(box):
    same = Same(box)
    box.order("hold", "to:lose", "three")
    assert "to:lose" in box.order("take")
    at, size, _ = parts(box)[HELD]
    with open(state_of(box), "rb") as state:
        state.seek(at)
        first = state.read(size)[88:92]
    scribble(box, at + 2 * size + 88, first)
    crash(box)
    same.check(box)


@pytest.mark.parametrize("part", [SUPERVISE, WIRE, ROSTER])
def test_scribbled_part_costs_a_new_supervisor(box, part):
    life = box.life()
    box.order("well")
    old = int(box.order("pid"))
    at, size, _ = parts(box)[part]
    scribble(box, at, b"\xa5" * size)
    crash(box)
    if part == ROSTER:
        eventually(lambda: int(box.order("pid") or old) != old, "the next supervisor")
        assert box.life() == 1
    else:
        assert box.next_life(life) == life + 1
    assert not os.path.exists(f"/proc/{box.init_pid()}/root/proc/{old}")


def test_unreadable_state_costs_a_new_supervisor(box):
    old = int(box.order("pid"))
    scribble(box, 0, b"\xff" * 400)
    crash(box)
    eventually(lambda: int(box.order("pid") or old) != old, "the next supervisor")
    assert "what it knew is lost" in box.said()
    assert box.order("take") == "end"
    assert not os.path.exists(f"/proc/{box.init_pid()}/root/proc/{old}")
    box.order("service", 4, "exit", 6)
    assert box.order("await", 4) == f"{EXITED} {6 << 8} 1"


@faults.needs_x86
@pytest.mark.parametrize("seed", range(20))
def test_random_scribbles(box, seed):
    """Whatever stands there when it crashes: init lives, and has a supervisor that reaps."""
    dice = random.Random(seed)
    box.order("well")
    for n in range(20):
        box.order("hold", f"name:{n}", n)
    where = parts(box)

    def dirty():
        for _ in range(dice.randrange(1, 8)):
            # A request for the end, or a count of crashes, may look well and be the end.
            at, size, count = where[dice.choice([SELF, ROSTER, SUPERVISE, WIRE, WATCHDOG, HOLD, HELD])]
            at += size * dice.randrange(min(count, 24)) + dice.randrange(size)
            scribble(box, at, dice.randbytes(dice.randrange(1, 9)))

    for n in range(1, 4):
        faults.jump_nowhere(box.init_pid(), meanwhile=dirty)
        eventually(lambda: crashes(box) == n, "init to say that it crashed")
        eventually(lambda: box.order("orphans", 3) == "1 0", "a supervisor")


def test_upgrade_in_place(box):
    same = Same(box)
    shutil.copy(box.root / "init", box.root / "new")
    os.rename(box.root / "new", box.root / "init")
    inode = os.stat(box.root / "init").st_ino
    box.order("reexec", INIT)
    assert box.order("resumed") == "0 0"
    assert os.stat(f"/proc/{box.init_pid()}/exe").st_ino == inode
    same.check(box)
    assert "as it was asked to" in box.said()


def test_crash_after_the_file_is_gone(box):
    same = Same(box)
    os.unlink(box.root / "init")
    crash(box)
    same.before["exe"] = "init (deleted)"
    same.check(box)


@pytest.mark.parametrize("what, why", [(None, 2), ("no program", 8), ("", 8)])
def test_upgrade_to_what_is_no_program(box, what, why):
    same = Same(box)
    os.unlink(box.root / "init")
    if what is not None:
        (box.root / "init").write_text(what)
        (box.root / "init").chmod(0o755)
    box.order("reexec", INIT)
    assert box.order("resumed") == f"0 {why}"
    assert "going on as before" in box.said()
    same.before["exe"] = "init (deleted)"
    same.check(box)
    crash(box)
    same.check(box)


def test_supervisor_on_purpose(box):
    """No failure, no back-off, however often."""
    for _ in range(15):
        life = box.life()
        box.order("reexec", SUPERVISOR)
        box.order("quit", 0)
        assert box.next_life(life) == life + 1
    assert box.said().count("ended as it was asked to") == 15
    assert "next start in" not in box.said()


def test_crash_while_it_is_asked(box):
    """Packets that init has read and not yet acted upon when it crashes."""
    same = Same(box)
    for n in range(50):
        os.kill(box.init_pid(), signal.SIGSEGV)
        box.order("hold", f"name:{n}", n)
        os.kill(box.init_pid(), signal.SIGSEGV)
        if n % 2:
            box.order("drop", f"name:{n}")
    held = eventually(lambda: (h := box.order("take").split()) and "timeout" not in h and h, "the names")
    assert set(held) == {"end", "log-out:web.container=one", "log-err:web.container=two"} | {
        f"name:{n}={n}" for n in range(0, 50, 2)}
    for n in range(0, 50, 2):
        box.order("drop", f"name:{n}")
    same.check(box)
