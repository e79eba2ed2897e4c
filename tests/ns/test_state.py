"""What a supervisor keeps for the next one: of another version, damaged, gone. The units it can read go on, the others are
started anew, and it is said."""

import os
import random
import struct
from pathlib import Path

import pytest

from initbox import eventually
from test_supervisor import Appliance

STAY = "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sleep 1000\n"
UNITS = [f"stay{i}" for i in range(5)]


class Kept(Appliance):
    """With five units that run."""

    def __init__(self, folder):
        super().__init__(folder)
        for unit in UNITS:
            (self.units / f"{unit}.service").write_text(
                STAY + "[Install]\nWantedBy=multi-user.target\n")

    def supervisor_pid(self):
        try:
            return super().supervisor_pid()
        except OSError:  # one of init's children has ended meanwhile
            return None

    def pids(self):
        return {unit: self.unit(unit).get("pid") for unit in UNITS}

    def all_run(self):
        eventually(lambda: all(self.unit(u)["state"] == "running" for u in UNITS), "five units")
        self.executed()
        return self.pids()

    def memory(self):
        """The memfd that init holds, as a file to read and write."""
        fds = Path(f"/proc/{self.init_pid()}/fd")
        for fd in fds.iterdir():
            if os.readlink(fd).startswith("/memfd:state"):
                return open(fd, "r+b", buffering=0)
        return None

    def next_supervisor(self):
        """Kills the one that runs."""
        before = eventually(self.supervisor_pid, "a supervisor")
        os.kill(before, 9)
        eventually(lambda: self.supervisor_pid() not in (None, before), "the next supervisor")
        self.ready()

    def word(self):
        """The supervisor's own log."""
        return (self.root / "var/log/sup/supervisor.log").read_text()

    def copies(self):
        """How many processes of the five units there are."""
        n = 0
        for pid in os.listdir(f"/proc/{self.init_pid()}/root/proc"):
            path = Path(f"/proc/{self.init_pid()}/root/proc/{pid}/cmdline")
            try:
                n += pid.isdigit() and path.read_bytes() == b"/bin/busybox\0sleep\x001000\0"
            except OSError:
                pass
        return n


@pytest.fixture
def box(tmp_path):
    with Kept(tmp_path) as b:
        b.ready()
        yield b


def patch(memory, old, new):
    """The first place where `old` stands."""
    assert len(old) == len(new)
    data = os.pread(memory.fileno(), os.fstat(memory.fileno()).st_size, 0)
    at = data.index(old)
    os.pwrite(memory.fileno(), new, at)


def test_nothing_changes(box):
    before = box.all_run()
    box.next_supervisor()
    assert box.pids() == before and box.copies() == 6


def test_files_edited_meanwhile_change_nothing(box):
    """Only `supctl reload` reads them again."""
    before = box.all_run()
    for unit in UNITS[:2]:
        (box.units / f"{unit}.service").write_text(STAY + "Nice=5\n")
    (box.units / "stay4.service").unlink()
    box.next_supervisor()
    assert box.pids() == before
    assert box.supctl("reload")[0] == 0
    after = {u: box.unit(u).get("pid") for u in UNITS[:4]}
    assert [u for u in UNITS[:4] if after[u] != before[u]] == UNITS[:2]
    assert box.supctl("status", "stay4")[0] == 4


def test_state_of_another_version(box):
    """A member that this one does not know, where it knew another: it has its default, all else is taken over."""
    before = box.all_run()
    with box.memory() as memory:
        patch(memory, b"run.since ", b"run.sauce ")
        patch(memory, b"status_text ", b"status_tide ")
    box.next_supervisor()
    assert box.pids() == before and box.copies() == 6
    assert "started anew" not in box.word()


def test_state_of_another_frame(box):
    """Not to be read at all: everything is started anew, once, and it is said why."""
    before = box.all_run()
    with box.memory() as memory:
        os.pwrite(memory.fileno(), struct.pack("I", 99), 8)
    box.next_supervisor()
    after = box.all_run()
    assert not set(before.values()) & set(after.values()) and box.copies() == 6
    assert "of another version; all units are started anew" in box.word()


def test_unreadable_record_of_one_unit(box):
    """Only that unit is started anew."""
    before = box.all_run()
    with box.memory() as memory:
        # the pid that its record has, and with it a state that there is none of
        data = os.pread(memory.fileno(), os.fstat(memory.fileno()).st_size, 0)
        at = data.index(b"run.state ")
        assert at > 0
        size = int(data[at + len(b"run.state "):].split(b"\n", 1)[0])
        records = life_records(data)
        start, stride, n = records
        names = box.data("status")["units"]
        index = [u["name"] for u in names].index("stay2.service")
        assert n >= len(names)
        os.pwrite(memory.fileno(), b"\xee" * size, start + index * stride)
    box.next_supervisor()
    after = eventually(lambda: box.pids() if None not in box.pids().values() else None, "all again")
    assert [u for u in UNITS if after[u] != before[u]] == ["stay2"]
    assert box.copies() == 6
    assert "1 units cannot be read" in box.word()


def life_records(data):
    """Offset, size and number of the records of lives (sys/recover/keepfile.h)."""
    head = 8 + 4 + 4 + 8 + 8 + 8  # magic, version, attempts, size, committed, logged
    layouts = head
    records = layouts + 4 * 16
    return struct.unpack_from("QQQ", data, records + 24)


def test_random_damage(box):
    """Whatever is scribbled on it: a supervisor comes up, and each unit runs once."""
    dice = random.Random(7)
    box.all_run()
    for _ in range(8):
        with box.memory() as memory:
            size = os.fstat(memory.fileno()).st_size
            for _ in range(dice.choice((1, 10, 200))):
                os.pwrite(memory.fileno(), dice.randbytes(dice.choice((1, 8, 64))),
                          dice.randrange(dice.choice((400, 4000, size))))
        box.next_supervisor()
        box.all_run()
        assert box.copies() == 6


def test_state_that_kills_its_reader(box):
    """Supervisors that die of a fault of their own, one after the other: the state is given up, and that ends it."""
    before = box.all_run()
    for _ in range(4):
        pid = eventually(box.supervisor_pid, "a supervisor")
        os.kill(pid, 11)
        eventually(lambda p=pid: box.supervisor_pid() not in (None, p), "the next supervisor")
        box.ready()
    after = box.all_run()
    assert not set(before.values()) & set(after.values()) and box.copies() == 6
    assert "4 supervisors that began with it died of a fault; all units are started anew" in box.word()


def test_killed_from_outside_is_no_fault(box):
    before = box.all_run()
    for _ in range(8):
        box.next_supervisor()
    assert box.pids() == before and box.copies() == 6


def test_many_units_fit(tmp_path):
    """What is kept of hundreds that were taken over at once has room, and is kept for the next one, too."""
    box = Kept(tmp_path)
    for i in range(300):
        (box.units / f"many{i}.service").write_text(
            "[Service]\nLimitNOFILE=1024\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/busybox true\n"
            "[Install]\nWantedBy=multi-user.target\n")
    with box:
        box.ready()
        eventually(lambda: all(u["state"] == "exited" for u in box.data("status", "many*")["units"]),
                   "all of them")
        before = box.all_run()
        for _ in range(3):
            box.next_supervisor()
        assert box.pids() == before
        assert "is not kept" not in box.word() and "started anew" not in box.word()
