"""What runs out where the supervisor works: descriptors, /run, /var, memory. New starts say why they fail, what runs goes
on, status answers; when there is room again the same works."""

import resource
import subprocess

import pytest

from initbox import DEADLINE, eventually
from pivotbox import PivotBox

SLEEP = "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sleep 1000\n"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
FREE = "[Unit]\nStartLimitIntervalSec=0\n"
MANY = 50

UNITS = {
    "steady.service": SLEEP + INSTALL,
    "shown.container": "[Container]\nRootfs=/srv/root:O\nNetwork=lan.network\nExec=/bin/busybox sleep 1000\n" + INSTALL,
    "web.container": "[Container]\nRootfs=/srv/root:O\nNetwork=lan.network\nExec=/bin/busybox sleep 1000\n" + FREE,
    "lan.network": "[Network]\nSubnet=10.30.0.0/24\n" + FREE,
    "ready.service": "[Service]\nLimitNOFILE=1024\nType=notify\nExecStart=/bin/notify READY=1\n" + FREE,
    "plain.service": SLEEP + FREE,
    "door.socket": "[Socket]\nListenStream=/run/door\n" + FREE,
    "door.service": "[Service]\nLimitNOFILE=1024\nExecStart=/bin/listener serve\n" + FREE,
    "some@.service": SLEEP + FREE,
    "beat.timer": "[Timer]\nOnCalendar=*:*:*\nAccuracySec=1us\nPersistent=yes\n" + FREE,
    "beat.service": "[Service]\nLimitNOFILE=1024\nType=oneshot\nExecStart=/bin/busybox touch /tmp/beat\n" + FREE,
}
STANDING = "steady", "shown"


class Full(PivotBox):
    def shell(self, words, ok=True):
        with self.inside("/bin/busybox", "sh", "-c", words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True) as p:
            out = p.communicate(timeout=DEADLINE)[0]
        assert not ok or p.returncode == 0, f"{words}: {out}"
        return out

    def pids(self):
        return {name: self.unit(name)["pid"] for name in STANDING}

    def reborn(self):
        """The supervisor is killed; the next one answers."""
        before = self.supervisor_pid()
        self.kill_supervisor()
        eventually(lambda: self.supervisor_pid() not in (None, before) and self.supctl("list")[0] == 0,
                   f"the next supervisor; {self.said()}")


@pytest.fixture
def box(tmp_path):
    with Full(tmp_path, {**UNITS, **{f"many{i}.service": SLEEP + FREE for i in range(MANY)}}) as b:
        b.ready()
        b.at_rest(STANDING)
        b.standing = b.pids()
        yield b
        assert b.pids() == b.standing, "what ran was started again"


def test_no_descriptor_left(box):
    """A limit of 64 and 50 services: some start, the rest is refused, none that runs is touched."""
    supervisor = box.supervisor_pid()
    usual = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (64, usual[1]))
    refused = []
    for i in range(MANY):
        status, _, said = box.supctl("start", f"many{i}")
        assert (status, said) == (0, "") or "No file descriptors available" in said, said
        refused += [i] if status else []
        assert box.supctl("status", "steady")[0] == 0
    assert 0 < len(refused) < MANY
    running = {i: box.unit(f"many{i}").get("pid") for i in range(MANY) if i not in refused}
    assert all(running.values())
    assert box.supervisor_pid() == supervisor
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, usual)
    for i in refused:
        assert box.supctl("start", f"many{i}") == (0, "", "")
    assert {i: box.unit(f"many{i}").get("pid") for i in running} == running
    assert box.supctl("stop", *[f"many{i}" for i in range(MANY)])[0] == 0


def test_no_descriptor_left_for_callers(box):
    """As many callers as there are descriptors: another still is answered, by the place of one that says nothing."""
    supervisor = box.supervisor_pid()
    usual = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (64, usual[1]))
    idle = [box.client() for _ in range(100)]
    assert box.supctl("status", "steady")[0] == 0
    for s in idle:
        s.close()
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, usual)
    assert box.supctl("start", "plain") == (0, "", "")
    assert box.supervisor_pid() == supervisor


def fill(box, folder):
    box.shell(f"/bin/busybox dd if=/dev/zero of={folder}/filler bs=4096 2>/dev/null; "
              f"/bin/busybox dd if=/dev/zero of={folder}/filler2 bs=1 count=4096 2>/dev/null", ok=False)


def test_run_is_full(box):
    """What needs a file there says so; a service needs none."""
    box.shell("/bin/busybox mount -o remount,size=512k /run")
    fill(box, "/run")
    status, _, said = box.supctl("start", "web")
    assert status == 1 and "/run/sup/files" in said and "No space left on device" in said
    assert box.supctl("start", "some@1") == (0, "", "")
    assert box.supctl("start", "plain")[0] == 0
    assert box.supctl("reload")[0] == 0
    box.reborn()
    assert box.pids() == box.standing
    assert box.unit("plain")["state"] == "running"
    box.shell("/bin/busybox rm /run/filler /run/filler2")
    assert box.supctl("start", "web", "ready", "door.socket") == (0, "", "")


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_var_cannot_be_written(box, how):
    """Leases, stamps and the record of boots: what is lost of them is said, and all runs."""
    box.shell(f"/bin/busybox mount -t tmpfs -o size=256k{',ro' if how == 'read-only' else ''} tmpfs /var")
    box.reborn()
    if how == "full":
        fill(box, "/var")
    assert box.supctl("start", "web", "beat.timer", "ready") == (0, "", "")
    eventually(lambda: "will not be made up for" in box.said(), "what is lost of the timer is said")
    assert "web.container" in box.shell("/bin/busybox cat /run/sup/state/leases")  # until the next boot only
    box.reborn()
    assert box.pids() == box.standing and box.unit("web")["state"] == "running"
    box.shell("/bin/busybox mount -o remount,rw /var; /bin/busybox rm -f /var/filler*")
    box.reborn()
    assert box.supctl("restart", "web") == (0, "", "")
    eventually(lambda: "beat.timer" in box.shell("/bin/busybox ls /var/lib/sup/timers", ok=False), "the stamp is there")


def test_row15_a_root_that_cannot_be_written(tmp_path):
    """Only /run can be: all runs, what would be kept over a boot is said by name, the next supervisor goes on."""
    volume = {"kept.volume": "[Volume]\n" + FREE,
              "kept.container": UNITS["web.container"].replace("Exec=", "Volume=kept.volume:/kept\nExec=")}
    made = Full(tmp_path, {**UNITS, **volume})
    made.root_is = "ro"
    with made as box:
        box.ready()
        box.at_rest(STANDING)
        before = box.pids()
        assert "Read-only file system" in box.shell("/bin/busybox touch /var/x", ok=False)
        assert box.supctl("start", "web", "ready", "door.socket", "beat.timer", "plain", "some@1") == (0, "", "")
        status, _, said = box.supctl("start", "kept.container")
        assert status == 1 and "volume kept.volume: mkdir /var/lib: Read-only file system" in said
        eventually(lambda: "will not be made up for" in box.said(), "what is lost of the timer is said")
        assert "started" in box.supctl("logs", "steady")[1]
        box.reborn()
        assert box.supctl("reload")[0] == 0
        assert box.pids() == before and box.unit("web")["state"] == "running"
        assert "web.container" in box.shell("/bin/busybox cat /run/sup/state/leases")
        assert box.supctl("poweroff")[0] == 0
        box.outer.wait(DEADLINE)


def test_row20_more_files_of_units_than_are_read(box):
    """A reload that would not read all of them changes nothing; without them it does what it should."""
    crowd = box.units.parent.parent.parent / "run-crowd"
    crowd.mkdir()
    (box.units / "steady.service.wants").symlink_to("/run-crowd")
    for i in range(17000):
        (crowd / f"u{i}.service").touch()
    (box.units / "later.service").write_text(SLEEP)
    for _ in range(2):
        status, _, said = box.supctl("reload")
        assert status == 1 and "there are more than 16384 files of units" in said, said
        assert box.pids() == box.standing
        assert box.supctl("status", "later")[0] == 4
    assert box.supctl("start", "plain")[0] == 0
    (box.units / "steady.service.wants").unlink()
    assert box.supctl("reload")[0] == 0
    assert box.supctl("start", "later")[0] == 0
