"""Mounts in a throwaway container: what init would find of them is made, kept, lost and taken away by real processes."""

import pytest

from initbox import eventually
from test_supervisor import Appliance

UNITS = {
    "srv-mem.mount": "[Mount]\nWhat=tmpfs\nWhere=/srv/mem\nType=tmpfs\nOptions=size=1M,mode=0700,noexec\n"
                     "DirectoryMode=0711\n[Install]\nWantedBy=local-fs.target\n",
    "srv-bound.mount": "[Mount]\nWhat=/srv/mem\nWhere=/srv/bound/\nOptions=bind,ro\n"
                       "[Install]\nWantedBy=multi-user.target\n",
    "tied.service": "[Unit]\nBindsTo=srv-bound.mount\nAfter=srv-bound.mount\n[Service]\n"
                    "ExecStart=/bin/busybox sleep 1000\n",
    "holder.service": "[Service]\nExecStart=/bin/busybox sh -c 'cd /srv/mem && exec sleep 1000'\n",
    "dev-late.mount": "[Mount]\nWhat=/dev/late/disk\nWhere=/dev/late\nTimeoutSec=1\n",
    "srv-slow.mount": "[Mount]\nWhat=/dev/slow\nWhere=/srv/slow\n",
    "srv-odd.mount": "[Mount]\nWhat=none\nWhere=/srv/odd\nType=nosuchfs\n",
    "srv-two.mount": "[Mount]\nWhat=tmpfs\nWhere=/srv/two\nType=tmpfs\n",
    "wrong.mount": "[Mount]\nWhat=tmpfs\nWhere=/srv/right\nType=tmpfs\n",
}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    class Mounting(Appliance):
        def __enter__(self):
            for name, text in UNITS.items():
                (self.units / name).write_text(text)
            (self.root / "srv").mkdir()
            return super().__enter__()

        def shell(self, script):
            with self.inside("/bin/busybox", "sh", "-c", script) as p:
                return p.wait(30)

        def lines(self, place):
            """The file system and options of what is mounted there."""
            text = open(f"/proc/{self.init_pid()}/mountinfo").read()
            return [l for l in text.splitlines() if l.split()[4] == place]

        def is_in(self, unit, state):
            return eventually(lambda: self.unit(unit)["state"] == state and self.unit(unit),
                              f"{unit}: {state}; {self.said()}")

    with Mounting(tmp_path_factory.mktemp("box")) as b:
        b.ready()
        yield b


def test_wanted_by_local_fs_is_mounted_at_boot(box):
    unit = box.is_in("srv-mem.mount", "running")
    assert (unit["what"], unit["where"], unit["type"]) == ("tmpfs", "/srv/mem", "tmpfs")
    assert unit["cause"] == "mounted"
    line, = box.lines("/srv/mem")
    assert "noexec" in line and "size=1024k" in line and "mode=700" in line
    assert "tmpfs" in box.supctl("status", "srv-mem.mount")[1]


def test_a_bind_waits_for_what_is_below_it_and_is_read_only(box):
    box.is_in("srv-bound.mount", "running")
    line, = box.lines("/srv/bound")
    assert " ro," in line
    assert box.shell("echo a >/srv/mem/a && [ $(cat /srv/bound/a) = a ] && ! echo b >/srv/bound/b") == 0


def test_the_plan_shows_the_command(box):
    status, out, err = box.supctl("plan", "srv-mem.mount")
    assert status == 0, err
    words = [line.split()[1] for line in out.splitlines() if line.startswith("arg ")]
    assert words == ["supervisor", "mount", "tmpfs", "/srv/mem", "tmpfs", "size=1M,mode=0700,noexec", "0711",
                     "81000", "ro-too"]


def test_busy_is_said_and_a_start_finds_it_there(box):
    assert box.supctl("stop", "srv-bound.mount")[0] == 0
    assert box.supctl("start", "holder.service")[0] == 0
    eventually(lambda: box.shell("ls -l /proc/*/cwd | grep -q /srv/mem") == 0, "the holder's folder")
    box.supctl("stop", "srv-mem.mount")
    unit = box.is_in("srv-mem.mount", "failed")
    assert "busy" in unit["cause"] and "LazyUnmount" in unit["cause"]
    assert box.lines("/srv/mem")
    assert box.supctl("start", "srv-mem.mount")[0] == 0
    assert box.unit("srv-mem.mount")["cause"] == "was mounted already"
    assert len(box.lines("/srv/mem")) == 1
    assert box.supctl("stop", "holder.service")[0] == 0
    assert box.supctl("stop", "srv-mem.mount")[0] == 0
    assert not box.lines("/srv/mem")
    assert box.supctl("start", "srv-bound.mount")[0] == 0
    assert box.lines("/srv/mem") and box.lines("/srv/bound")


def test_unmounted_by_hand_takes_along_what_is_bound_to_it(box):
    assert box.supctl("start", "tied.service")[0] == 0
    assert box.shell("umount /srv/bound") == 0
    unit = box.is_in("srv-bound.mount", "inactive")
    assert unit["cause"] == "unmounted by somebody else" and not unit["failed"]
    box.is_in("tied.service", "inactive")


def test_a_device_that_comes_late_is_waited_for(box):
    # In a user name space there is no disk: the file system fails, but not before the device was there.
    with box.inside("/bin/supctl", "start", "srv-slow.mount") as p:
        assert box.is_in("srv-slow.mount", "starting")
        assert p.poll() is None
        assert box.shell("touch /dev/slow") == 0
        assert p.wait(30) != 0
    assert "/dev/slow" in box.unit("srv-slow.mount")["cause"] or \
        "loop" in box.unit("srv-slow.mount")["cause"]


def test_a_device_that_never_comes(box):
    assert box.supctl("start", "dev-late.mount")[0] != 0
    unit = box.is_in("dev-late.mount", "failed")
    assert unit["cause"] == "/dev/late/disk does not come within TimeoutSec="


def test_a_file_system_that_the_kernel_lacks(box):
    assert box.supctl("start", "srv-odd.mount")[0] != 0
    assert "the kernel has no file system nosuchfs" in box.unit("srv-odd.mount")["cause"]


def test_another_thing_at_the_place_is_named(box):
    assert box.shell("mkdir -p /srv/two && mount -t tmpfs other /srv/two") == 0
    assert box.supctl("start", "srv-two.mount")[0] != 0
    assert box.unit("srv-two.mount")["cause"] == "other (tmpfs) is mounted at /srv/two already"
    assert box.shell("umount /srv/two") == 0
    assert box.supctl("start", "srv-two.mount")[0] == 0


def test_the_name_is_that_of_the_place(box):
    _, out, _ = box.supctl("status", "wrong.mount")
    assert "the name of the unit has to be srv-right.mount" in out


def test_the_next_supervisor_leaves_what_is_mounted(box):
    before = box.supervisor_pid()
    box.kill_supervisor()
    eventually(lambda: box.supervisor_pid() not in (None, before), "another supervisor")
    box.ready()
    box.is_in("srv-mem.mount", "running")
    assert box.unit("srv-mem.mount")["cause"] == "mounted"
    assert len(box.lines("/srv/mem")) == 1
