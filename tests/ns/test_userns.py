"""Users of containers: whose ids they are, seen from inside and from the host."""

import contextlib
import errno
import os
import re
import subprocess
from pathlib import Path

import pytest

from injection import call_names, injector
from initbox import DEADLINE, eventually
from rootbox import RootBox

SLEEP = "Exec=/bin/busybox sleep 1000\n"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
FREE = "[Unit]\nStartLimitIntervalSec=0\n"
OVER = "HealthInterval=200ms\nHealthCmd=/bin/busybox id -u >/tmp/health; test -e /tmp/health\n"


def container(more="", rootfs="/srv/root:O", network="none", run=SLEEP):
    return f"{FREE}[Container]\nRootfs={rootfs}\nNetwork={network}\n{run}{more}{INSTALL}"


UNITS = {
    "one.container": container("Volume=data.volume:/data\nVolume=/srv/folder:/folder\n" + OVER),
    "two.container": container("AddDevice=/dev/mine\n"),
    "plain.container": container(rootfs="/srv/plain"),
    "sealed.container": container("ReadOnly=yes\n"),
    "worker.container": container("User=500:600\n"),
    "host.container": container("UserNS=host\n"),
    "keep.container": container("UserNS=keep-id\n"),
    "small.container": container("UserNS=auto:size=1000\n"),
    "lines.container": container("UIDMap=0:300000:100\nUIDMap=1000:400000\nGIDMap=0:500000:2000\n"),
    "outside.container": container("UserNS=auto:size=10\nUser=500\n"),
    "lan.network": "[Network]\nSubnet=10.31.0.0/24\n",
    "web.container": container("AddCapability=NET_ADMIN NET_RAW\n", network="lan.network"),
    "side.container": "[Unit]\nRequires=web.container\nAfter=web.container\n" + container(network="web.container"),
    "alone.container": container(network="host"),
    "clock.container": container("AddCapability=SYS_TIME\n"),
    "mounter.container": container("AddCapability=SYS_ADMIN\n"),
    "odd.container": container("Volume=/sys/kernel:/mnt\n"),
    "words.container": container(run="Exec=/bin/sh -c 'echo out >/dev/stdout; echo err >/dev/stderr; "
                                     "echo self >>/proc/self/fd/1; exec sleep 1000'\n"),
    "data.volume": "[Volume]\n",
}
RUN = [n for n in UNITS if n.endswith(".container") and n != "outside.container"]
OWN = [n for n in RUN if n not in ("host.container", "keep.container", "lines.container", "side.container",
                                   "alone.container", "clock.container", "odd.container")]
ALL = [0, 0, 2**32 - 1]
LATE = 65536 * 30000


class UsersBox(RootBox):
    def __init__(self, folder):
        super().__init__(folder, UNITS)
        self.image("root")
        (self.root / "srv/folder").mkdir(parents=True)
        (self.root / "srv/folder/secret").write_text("of root")
        (self.root / "srv/folder/secret").chmod(0o600)
        subprocess.run(["cp", "-a", self.root / "srv/root", self.root / "srv/plain"], check=True)
        # A long table, in which one of ours has the last line: 65,536 bytes are not all of it.
        table = self.root / "var/lib/sup/state/ids"
        table.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"some-other-unit-of-long-ago-{i}.container {65536 * (20000 + i)} 65536\n" for i in range(1500)]
        table.write_text("".join(lines) + f"two.container {LATE} 65536\n")

    def __enter__(self):
        super().__enter__()
        self.ready()
        return self

    def shell(self, unit, words, ok=True):
        """Run in the unit; what it prints."""
        with self.inside("/bin/supctl", "exec", unit, "--", "/bin/busybox", "sh", "-c", words, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
            out, err = p.communicate(timeout=DEADLINE)
        assert not ok or p.returncode == 0, f"{words}: {out} {err}"
        return (out + err).strip()

    def map_of(self, unit, what="uid"):
        """Of its first process, as the host sees it."""
        text = self.of_main(unit, f"{what}_map")
        return [[int(n) for n in line.split()] for line in text.splitlines()]

    def of_main(self, unit, file):
        return (Path(f"/proc/{self.init_pid()}/root/proc") / str(self.unit(unit)["pid"]) / file).read_text()

    def settled(self, *units):
        """Each is what it is going to be: its init runs."""
        def is_settled(unit):
            with contextlib.suppress(FileNotFoundError, KeyError):  # it ends just now
                return self.unit(unit)["state"] == "running" and self.of_main(unit, "cmdline").startswith("init\0")
            return False

        for unit in units:
            eventually(lambda u=unit: is_settled(u), f"{unit}; {self.said()}")

    def reborn(self):
        before = self.supervisor_pid()
        self.kill_supervisor()
        eventually(lambda: self.supervisor_pid() not in (None, before) and self.supctl("list")[0] == 0,
                   f"the next supervisor; {self.said()}")

    def namespaces(self, unit):
        pid = self.unit(unit)["pid"]
        return [os.readlink(f"/proc/{self.init_pid()}/root/proc/{pid}/ns/{kind}") for kind in ("user", "net")]


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    b = UsersBox(tmp_path_factory.mktemp("users"))
    with b:
        b.inside("/bin/busybox", "mknod", "-m", "660", "/dev/mine", "c", "1", "3").wait()
        b.inside("/bin/busybox", "chown", "0:20", "/dev/mine").wait()
        b.supctl("restart", "two")
        b.settled(*RUN)
        yield b


def test_each_has_a_range_of_its_own(box):
    ranges = []
    for unit in OWN:
        (inside, base, count), = box.map_of(unit)
        assert inside == 0 and base >= 65536 and base % 65536 == 0
        assert count == (1000 if unit.startswith("small") else 65536)
        assert box.map_of(unit, "gid") == [[0, base, count]]
        assert "allow" in box.of_main(unit, "setgroups")
        ranges.append((base, base + count))
    ranges.sort()
    assert all(a[1] <= b[0] for a, b in zip(ranges, ranges[1:]))


def test_the_kinds(box):
    assert box.map_of("host") == [ALL] and box.map_of("keep") == [ALL]
    host, keep = box.namespaces("host")[0], box.namespaces("keep")[0]
    assert host == os.readlink("/proc/self/ns/user") != keep
    assert box.map_of("lines") == [[0, 300000, 100], [1000, 400000, 1]]
    assert box.map_of("lines", "gid") == [[0, 500000, 2000]]
    for unit, why in ("alone", "Network=host"), ("clock", "AddCapability="), ("host", "UserNS=host"):
        assert box.namespaces(unit)[0] == host
        assert re.search(f"no-user-ns +{why}\n", box.supctl("plan", unit)[1])
        assert "lacks" not in box.unit(unit)
    (_, base, _), = box.map_of("one")
    plan = box.supctl("plan", "one")[1]
    assert f"uid-map       0:{base}:65536\n" in plan and "idmap" in plan


def test_all_that_it_sees_is_its_own(box):
    """Root inside owns its tree; the kernel's are nobody's."""
    for unit in "one", "two", "plain", "sealed", "small", "lines":
        seen = box.shell(unit, "stat -c '%u:%g %n' / /bin /bin/busybox /dev /dev/null /dev/pts /dev/pts/ptmx /dev/shm "
                               "/dev/mqueue /dev/fd /etc /tmp")
        assert {line.split()[0] for line in seen.splitlines()} == {"0:0"}, f"{unit}: {seen}"
        assert box.shell(unit, "stat -c %u /proc/self/fd") == "0"
    assert box.shell("sealed", "stat -c '%u %a' /run /tmp") == "0 755\n0 1777"
    assert box.shell("two", "stat -c '%u:%g %a' /dev/mine; echo x >/dev/mine") == "0:20 660"


def test_files_of_the_host(box):
    """A volume's owners are on the disk what they are inside, whatever the range is."""
    folder = box.root / "srv/folder"
    assert box.shell("one", "cat /folder/secret; echo new >/folder/new; chown 7:8 /folder/new; echo x >/data/x") == "of root"
    assert [(os.stat(folder / "new").st_uid, os.stat(folder / "new").st_gid)] == [(7, 8)]
    assert os.stat(box.root / "var/lib/sup/volumes/data/x").st_uid == 0
    box.shell("plain", "echo x >/made")
    assert os.stat(box.root / "srv/plain/made").st_uid == 0
    assert os.stat(box.root / "srv/plain/dev").st_uid == 0
    # what is the supervisor's is not to be written, though it is the container's
    assert "Read-only" in box.shell("one", "echo x >>/etc/hosts", ok=False)


def test_who_runs(box):
    (_, base, _), = box.map_of("worker")
    status = box.of_main("worker", "status")
    assert f"\nUid:\t{base + 500}\t" in status and f"\nGid:\t{base + 600}\t" in status
    assert box.shell("worker", "id -u; id -g") == "500\n600"
    assert box.shell("worker", "cat /proc/self/uid_map").split() == ["0", str(base), "65536"]
    assert box.shell("one", "id -u; cat /proc/self/uid_map").split()[:2] == ["0", "0"]
    eventually(lambda: box.shell("one", "cat /tmp/health", ok=False) == "0", "a check")
    eventually(lambda: box.unit("outside")["state"] == "failed" or box.unit("outside")["restarts"] == 0 and
               "cause" in box.unit("outside"), "outside fails")
    assert "user: 500: is none of the ids of its user namespace" in box.unit("outside")["cause"]


def test_output_can_be_opened_again(box):
    eventually(lambda: set(box.supctl("logs", "words")[1].split()) >= {"out", "err", "self"}, "three lines")
    assert box.shell("one", "echo x >/dev/stderr") == "x"


def test_rights(box):
    """Over its own network, and nothing else."""
    serve = "(echo hello | nc -l -p %d >/dev/null) & for i in 1 2 3 4 5 6 7 8 9; do nc 10.9.9.9 %d && break; sleep 0.1; done"
    assert "hello" in box.shell("web", "ip addr add 10.9.9.9/32 dev lo;" + serve % (80, 80))
    assert "hello" in box.shell("side", serve % (81, 81))
    assert box.namespaces("web") == box.namespaces("side")
    box.shell("mounter", "mount -t tmpfs none /tmp && echo x >/tmp/x")
    assert box.shell("mounter", "umount /proc/kcore || umount /proc/sys; mount -o remount,rw,bind /proc/sys; "
                                "echo 1 >/proc/sys/vm/drop_caches || echo refused", ok=False).startswith("refused")
    assert box.shell("mounter", "hostname other && hostname; mknod /tmp/node c 1 3; date -s 2001-01-01; echo end",
                     ok=False).count("not permitted") == 2
    assert box.shell("mounter", "hostname") == "other"  # what enters it later is in the same namespace
    for unit in "one", "web":
        said = box.shell(unit, "hostname other; mknod /tmp/node c 1 3; date -s 2001-01-01; "
                               "chroot /proc/1/root true; kill -0 1 && echo reached", ok=False)
        assert said.count("not permitted") >= 3, said


def test_one_that_cannot_be_mapped(box):
    odd = box.unit("odd")
    assert odd["lacks"] == ["user namespace: owners of /sys/kernel, or below, cannot be mapped: Invalid argument"]
    assert box.namespaces("odd")[0] == os.readlink("/proc/self/ns/user")
    assert "runs without a user namespace: owners of /sys/kernel" in box.supctl("logs", "odd")[1]
    assert "Lacks: user namespace: owners of" in box.supctl("status", "odd")[1]
    assert "no-user-ns    owners of /sys/kernel" in box.supctl("plan", "odd")[1]


def test_it_stays(box):
    """Over a restart of the process, a crash of the supervisor, a stop, and a boot."""
    before = {u: box.map_of(u) for u in RUN}
    box.inside("/bin/busybox", "kill", "-9", str(box.unit("one")["pid"])).wait()
    box.reborn()
    pids = {u: box.unit(u)["pid"] for u in RUN if u != "one.container"}
    assert box.shell("two", "id -u; cat /proc/self/uid_map").split()[2] == str(before["two.container"][0][1])
    assert box.unit("odd")["lacks"] == ["user namespace, its log says why"]
    box.supctl("start", "one")
    box.settled("one")
    assert {u: box.map_of(u) for u in RUN} == before
    assert {u: box.unit(u)["pid"] for u in pids} == pids
    assert box.supctl("stop", "one")[0] == 0 and box.supctl("start", "one")[0] == 0
    box.settled("one")
    assert box.map_of("one") == before["one.container"]
    table = (box.root / "var/lib/sup/state/ids").read_text()
    assert f"one.container {before['one.container'][0][1]} 65536\n" in table


def test_its_namespaces_outlive_its_process(box):
    """Restart=: the same ones, and the network as it was."""
    unit = box.units / "again.container"
    unit.write_text(container("[Service]\nRestart=always\nRestartSec=0\n", network="lan.network"))
    assert box.supctl("reload")[0] == 0 and box.supctl("start", "again")[0] == 0
    box.settled("again")
    spaces, pid = box.namespaces("again"), box.unit("again")["pid"]
    box.reborn()
    box.inside("/bin/busybox", "kill", "-9", str(pid)).wait()
    eventually(lambda: box.unit("again").get("pid") not in (None, pid), "it is started again")
    box.settled("again")
    assert box.namespaces("again") == spaces
    assert box.supctl("stop", "again")[0] == 0


def test_a_long_table_of_ids(box):
    assert box.map_of("two") == [[0, LATE, 65536]]
    assert f"two.container {LATE} 65536\n" in (box.root / "var/lib/sup/state/ids").read_text()


def started(box, name, more):
    """What supctl says of its first start."""
    (box.units / f"{name}.container").write_text(container(more))
    assert box.supctl("reload")[0] == 0
    status, _, said = box.supctl("start", name)
    if status == 0:
        box.settled(name)
    return said


def test_volumes_that_are_given(box):
    """U: the source's owners are the container's user; what a link leads to, and what is mounted below, is not touched."""
    given = box.root / "srv/given"
    (given / "deep/deeper").mkdir(parents=True)
    for path in given / "file", given / "deep/deeper/file", box.root / "srv/outside":
        path.write_text("x")
    (given / "deep/link").symlink_to("/srv/outside")
    (given / "deep/host-link").symlink_to(box.root / "srv/outside")
    for i in range(300):
        (given / f"deep/{i}").mkdir()
    (given / "deep/299/last").write_text("x")
    box.inside("/bin/busybox", "mkdir", "-p", "/srv/given/mounted").wait()
    box.inside("/bin/busybox", "mount", "-t", "tmpfs", "none", "/srv/given/mounted").wait()
    assert started(box, "given", "User=500:600\nVolume=given:/data:U\nVolume=/srv/given:/given:ro,U\nVolume=/mine:U\n"
                                 "Volume=/srv/folder/secret:/secret:U\n") == ""
    paths = [given, *(p for p in given.rglob("*") if p.name != "mounted"), box.root / "var/lib/sup/volumes/given",
             box.root / "srv/folder/secret"]
    assert len(paths) > 300
    assert {(os.lstat(p).st_uid, os.lstat(p).st_gid) for p in paths} == {(500, 600)}
    assert os.stat(box.root / "srv/outside").st_uid == 0
    assert os.stat(f"/proc/{box.init_pid()}/root/srv/given/mounted").st_uid == 0
    assert set(box.shell("given", "stat -c %u:%g /data /given/file /mine /secret").split()) == {"500:600"}
    assert box.shell("given", "echo y >/data/y; echo y >/mine/y; echo y >/given/file || echo refused", ok=False).startswith("refused")
    assert "idmap,chown" in box.supctl("plan", "given")[1]
    assert started(box, "given-host", "UserNS=host\nUser=501\nVolume=/srv/folder/secret:/secret:U\n") == ""
    assert os.stat(box.root / "srv/folder/secret").st_uid == 501
    os.chown(box.root / "srv/folder/secret", 0, 0)


def test_nobody_enters_before_it_is_shut(box):
    """A volume of many files holds the start up; until it is done the process still has the host's files and ids."""
    many = box.root / "srv/many"
    for i in range(200):
        (many / str(i)).mkdir(parents=True)
        for k in range(100):
            (many / str(i) / str(k)).touch()
    (box.units / "slow.container").write_text(container("Volume=/srv/many:/many:U\nUser=7\n"))
    assert box.supctl("reload")[0] == 0 and box.supctl("start", "slow")[0] == 0
    said = set()

    def enters():
        status, out, err = box.supctl("exec", "slow", "/bin/busybox", "id", "-u")
        said.add(out + err)
        return status == 0

    eventually(enters, "its program is executed")
    assert {s for s in said if s != "7\n"} <= {"supctl: slow.container: its program is not executed yet\n"}
    assert os.stat(many / "199/99").st_uid == 7


def test_volumes_that_cannot_be_given(box):
    deep = box.root / "srv/deep"
    (deep / "/".join(["x"] * 120)).mkdir(parents=True)
    (box.root / "srv/link").symlink_to("/srv/deep")
    for name, said in ("deep", "more than 100 folders"), ("link", "leads through a symbolic link"):
        (box.units / f"to-{name}.container").write_text(container(f"User=5\nVolume=/srv/{name}:/a:U\n"))
        assert box.supctl("reload")[0] == 0
        box.supctl("start", f"to-{name}")
        eventually(lambda n=name, s=said: f"mount-volume: /srv/{n}: option U: {s}" in box.unit(f"to-{n}").get("cause", ""),
                   f"to-{name} has failed")


def test_a_table_is_on_the_disk(box):
    """Before the disk says that it has it, nothing was saved: the table of this boot is where it is then."""
    numbers = {name: number for number, name in call_names().items()}
    # the third: before it the file and its folder in memory
    with injector(box.supervisor_pid(), only=numbers["fsync"], at=3, no=errno.EIO) as inject:
        assert started(box, "late", "") == ""
        assert inject.end()[0] != ["gone"]
    eventually(lambda: "ids: I/O error; the ids are kept until the next boot only" in box.supctl("logs", "supervisor")[1],
               "that is said")
    assert "late.container" in (Path(f"/proc/{box.init_pid()}/root/run/sup/state/ids")).read_text()
    # the next one is written for good
    assert started(box, "later", "") == ""
    assert "late.container" in (box.root / "var/lib/sup/state/ids").read_text()


def test_a_table_that_is_too_long(box):
    # that of this boot is read before the one on the disk
    table = Path(f"/proc/{box.init_pid()}/root/run/sup/state/ids")
    text = table.read_text()
    table.write_text(text * 80)
    box.reborn()
    eventually(lambda: "state/ids: not a regular file of at most 4096 KiB" in box.said(), "that is said")
    table.write_text(text)
    box.reborn()
