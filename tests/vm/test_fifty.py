"""Fifty containers come up at boot; when the last of them has stopped, nothing of them is left."""

import re

import pytest

COUNT = 50
LAST = r"""#!/usr/bin/busybox sh
# Stops after every container, on the way to the power-off.
{
	echo "@@ processes"
	ps -o args | grep "[t]ail -f"
	echo "@@ mounts"
	grep -v -e '^cgroup2 /sys' /proc/mounts | cut -d' ' -f2 | grep sup
	echo "@@ loops"
	cat /sys/block/loop*/loop/backing_file 2>/dev/null
	echo "@@ cgroups"
	find /sys/fs/cgroup/sup -mindepth 1 -type d
	# the kernel takes a network namespace away, and its links, a moment after its last process
	n=0
	while ls /sys/class/net | grep -q '^v' && [ $n -lt 200 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	echo "@@ links"
	ls -1 /sys/class/net
	echo "@@ namespaces"
	ls -l /proc/[0-9]*/ns/net | grep -o 'net:.*' | sort -u | wc -l
	echo "@@ held"
	ls -l /proc/1/fd | grep -c 'net:\|pipe:'
	echo "@@ end"
} >/dev/console 2>&1
"""

UNITS = {
    f"c{i:02}.container": f"""
[Unit]
After=last.service
[Container]
Image=busybox
{"Volume=data.volume:/data" if i % 5 == 0 else ""}
{"ReadOnly=yes" if i % 2 == 0 else ""}
[Install]
WantedBy=multi-user.target
""" for i in range(COUNT)}
UNITS["data.volume"] = "[Volume]\n"
UNITS["last.service"] = """
[Unit]
Before=sup0.network data.volume
[Service]
ExecStart=/usr/bin/busybox sleep 1000000
ExecStop=/etc/last
[Install]
WantedBy=multi-user.target
"""

SCRIPT = r"""
await 90 '[ $(supctl status | grep -c "container.*running") = 50 ]'
check status 'supctl status'
# An address and no more: neither a network's, with its prefix, nor its resolver's, with the port.
check addresses 'supctl --json status | grep -E "\"address\": \"[0-9.]+\"" | sort -u | wc -l'
check before 'ls /sys/fs/cgroup/sup | grep -c "^c[0-9]"; ls -1 /sys/class/net | grep -c .;
	ps -o args | grep -c "[t]ail -f"; grep -c /dev/loop /proc/mounts'
check names 'supctl exec c07 cat /etc/hosts'
"""


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("fifty", UNITS, [lab.busybox()], {"/etc/last": LAST})
    return lab.boot(folder, SCRIPT)


@pytest.fixture(scope="module")
def left(boot):
    """What last.service saw: section -> lines."""
    parts = re.split(r"^@@ ", boot.console, flags=re.MULTILINE)[1:]
    assert parts, boot.console[-3000:]
    return {p.split("\n")[0]: [x for x in p.split("\n")[1:] if x and "sup:" not in x and x[0] != "["]
            for p in parts}


def test_all_run_at_once(boot):
    boot.ended_well()
    assert len(re.findall(r"^c\d\d.container +running", boot.text("status"), re.MULTILINE)) == COUNT
    assert boot.lines("addresses") == [str(COUNT)]
    cgroups, links, processes, loops = boot.lines("before")
    assert (cgroups, links, processes, loops) == ("50", str(COUNT + 3), str(2 * COUNT), "1")
    names = boot.text("names")
    assert all(f"c{i:02}" in names for i in range(COUNT))


@pytest.mark.parametrize("what", ["processes", "mounts", "loops"])
def test_nothing_is_left(left, what):
    assert left[what] == []


def test_no_cgroup_is_left(left):
    units = {line.rpartition("/")[2] for line in left["cgroups"]}
    assert units <= {"last.service", "qemu-exec.service"}


def test_no_link_or_namespace_is_left(left):
    assert set(left["links"]) <= {"lo", "eth0"}
    assert left["namespaces"] == ["1"]
