"""Mounts on a device: a disk that a container's volume lies on, a file on that disk, a disk that comes late."""

import subprocess

import pytest

from conftest import CACHE, run

UNITS = {
    # Nothing wants it but the container whose volume lies on it.
    "srv-data.mount": "[Mount]\nWhat=/dev/vda\nWhere=/srv/data\nOptions=noatime,nodev\n",
    "srv-data-image.mount": "[Mount]\nWhat=/srv/data/disk.erofs\nWhere=/srv/data/image\nType=erofs\n"
                            "[Install]\nWantedBy=local-fs.target\n",
    "srv-late.mount": "[Mount]\nWhat=/dev/vdb\nWhere=/srv/late\nType=erofs\nReadWriteOnly=no\n",
    "srv-wrong.mount": "[Mount]\nWhat=/dev/vdb\nWhere=/srv/wrong\nType=ext4\n",
    "web.container": "[Container]\nImage=busybox\nNetwork=none\nVolume=/srv/data/sub:/data\n"
                     "Exec=sh -c 'cat /data/hello >/data/seen; exec tail -f /dev/null'\n"
                     "[Install]\nWantedBy=multi-user.target\n",
}

SCRIPT = r"""
await 60 'is web.container running && is srv-data-image.mount running'
await 60 'test -s /srv/data/sub/seen'
check seen 'cat /srv/data/sub/seen'
check inside 'supctl exec web cat /data/hello'
check options 'grep " /srv/data " /proc/self/mountinfo'
check image 'cat /srv/data/image/word; grep " /srv/data/image " /proc/self/mountinfo'
check status 'supctl status srv-data.mount'

check wrong '! supctl start srv-wrong.mount; field srv-wrong.mount cause'

# The disk is pulled out, and comes while its mount waits.
pci=$(readlink -f /sys/block/vdb/device/..)
echo 1 >$pci/remove
await 60 '! test -e /dev/vdb'
supctl start srv-late.mount &
await 60 'is srv-late.mount starting'
check waits 'state srv-late.mount; ls /srv/late 2>&1'
echo 1 >/sys/bus/pci/rescan
wait $!
check late 'cat /srv/late/word'

umount /srv/late
await 60 'is srv-late.mount inactive'
check by-hand 'field srv-late.mount cause'

# What stands on it goes first. What the container wrote at its first start must not be taken for the work of its second.
rm /srv/data/sub/seen
supctl stop srv-data.mount
check stopped 'state web.container; state srv-data-image.mount; state srv-data.mount; grep -c /srv/data /proc/self/mountinfo'
supctl start web.container
await 30 'supctl exec web test -s /data/seen'
check again 'supctl exec web cat /data/seen; grep -c " /srv/data " /proc/self/mountinfo'
"""


@pytest.fixture(scope="module")
def disk():
    return CACHE / "mounts.ext4"


@pytest.fixture(scope="module")
def boot(lab, disk):
    folder = lab.appliance("mounts", UNITS, [lab.busybox()])
    tree = CACHE / "mounts/tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/hello").write_text("hello\n")
    (tree / "image").mkdir()
    small = CACHE / "mounts/small"
    small.mkdir()
    (small / "word").write_text("a word\n")
    run("mkfs.erofs", "--quiet", tree / "disk.erofs", small)
    late = CACHE / "mounts/late.erofs"
    run("mkfs.erofs", "--quiet", late, small)
    disk.write_bytes(b"")
    with disk.open("r+b") as f:
        f.truncate(16 << 20)
    run("/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, disk)
    return lab.boot(folder, SCRIPT, "--disk", str(disk), "--disk", str(late))


def test_the_machine_ends_well(boot):
    boot.ended_well()


def test_a_container_waits_for_the_disk_below_its_volume(boot):
    assert boot.ok("seen") == "hello"
    assert boot.ok("inside") == "hello"


def test_the_file_system_is_found_out(boot):
    line = boot.ok("options")
    assert " ext4 /dev/vda " in line and "noatime" in line and "nodev" in line
    assert "/dev/vda" in boot.ok("status") and "ext4" in boot.ok("status")


def test_a_file_on_a_disk_is_mounted_by_a_loop_device(boot):
    word, line = boot.ok("image").splitlines()
    assert word == "a word"
    assert " erofs /dev/loop" in line


def test_a_wrong_type_says_what_the_kernel_says(boot):
    assert boot.text("wrong").splitlines()[-1] == "mount /dev/vdb at /srv/wrong: Invalid argument"


def test_a_disk_that_comes_late(boot):
    assert boot.lines("waits")[0] == "starting"
    assert boot.ok("late") == "a word"


def test_unmounted_by_hand(boot):
    assert boot.ok("by-hand") == "unmounted by somebody else"


def test_a_stop_takes_along_what_stands_on_it(boot):
    assert boot.lines("stopped") == ["inactive", "inactive", "inactive", "0"]
    assert boot.lines("again") == ["hello", "1"]


def test_the_disk_is_clean_at_the_end(boot, disk):
    boot.ended_well()
    head = subprocess.run(["/usr/sbin/dumpe2fs", "-h", str(disk)], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL, check=True).stdout
    assert "needs_recovery" not in head
    assert subprocess.run(["/usr/sbin/e2fsck", "-fn", str(disk)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0
