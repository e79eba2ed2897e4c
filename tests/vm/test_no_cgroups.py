"""No cgroups of version 2: the machine has put its own, of version 1, in their place. It boots, services and containers run, stop and
start, a limit that a unit asks for is a fault that names it, and nobody is busy with what is not there."""

import re

import pytest

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
STAY = "/usr/bin/busybox tail -f /dev/null"

UNITS = {
    "home.service": f"[Service]\nExecStart={STAY}\n" + INSTALL,
    "plain.container": "[Container]\nImage=busybox\n" + INSTALL,
    "again.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/usr/bin/busybox false\nRestart=always\nRestartSec=1s\n"
                     + INSTALL,
    "limited.service": f"[Service]\nExecStart={STAY}\nMemoryMax=20M\n" + INSTALL,
    "shared.service": f"[Service]\nExecStart={STAY}\nCPUWeight=50\n" + INSTALL,
}

# PID 1 before init: as hosts of long ago have it, a folder of hierarchies of version 1.
OLD = """#!/usr/bin/busybox sh
b=/usr/bin/busybox
$b mkdir -p /sys /run
$b mount -t sysfs sysfs /sys
$b mount -t tmpfs tmpfs /sys/fs/cgroup
for c in memory pids cpu; do
	$b mkdir /sys/fs/cgroup/$c
	$b mount -t cgroup -o $c none /sys/fs/cgroup/$c
done
exec /init
"""

SCRIPT = r"""
ticks() { for p in 1 $(supervisor); do sed 's/.*) //' /proc/$p/stat; done | awk '{ t += $12 + $13 } END { print t }'; }
await 60 'is home running && is plain running && is shared running && failed limited'
check mounted 'grep -c cgroup2 /proc/mounts'
check limited 'supctl status limited'
check words 'supctl logs supervisor'
check home 'm=$(main home); supctl stop home; test -e /proc/$m; echo $?; supctl start home; state home'
check plain 'm=$(main plain); supctl restart plain; test -e /proc/$m; echo $?; state plain'
check shared 'supctl status shared'
kept=$(main home)
kill -9 $(supervisor)
await 60 'supctl list'
check reborn "test $(main home) = $kept; echo \$?; state plain"
check busy 'a=$(ticks); sleep 5; b=$(ticks); echo $((b - a))'
check left 'ls /sys/fs/cgroup'
"""


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("no-cgroups", UNITS, [lab.busybox()], {"/etc/old": OLD}, more=("--append", "rdinit=/etc/old"))
    return lab.boot(folder, SCRIPT)


def test_cgroup2_not_mounted_is_said_and_the_machine_boots(boot):
    assert boot.text("mounted") == "0"
    assert "no limits, and stopping reaches a unit's main process only: /sys/fs/cgroup: no cgroup v2 is mounted there" \
        in boot.text("words")
    boot.ended_well()


def test_cgroup2_not_mounted_a_limit_that_is_asked_for_is_a_fault(boot):
    assert re.search("Why: failed: .*MemoryMax=: no cgroup v2 is mounted on /sys/fs/cgroup", boot.text("limited"))


def test_cgroup2_not_mounted_what_can_do_without_runs_stops_and_starts(boot):
    assert boot.lines("home")[-2:] == ["1", "running"]
    assert boot.lines("plain")[-2:] == ["1", "running"]
    assert "running" in boot.text("shared")


def test_cgroup2_not_mounted_the_next_supervisor_goes_on(boot):
    assert boot.lines("reborn") == ["0", "running"]


def test_cgroup2_not_mounted_nobody_is_busy_with_it(boot):
    """Of 500 ticks that both could have used; one unit is started again each second meanwhile."""
    assert int(boot.text("busy")) < 250


def test_cgroup2_not_mounted_what_is_there_instead_is_left_alone(boot):
    assert boot.text("left").split() == ["cpu", "memory", "pids"]
