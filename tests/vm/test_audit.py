"""supctl audit as an operator reads it: a container as it is by default, one that is wide open, services."""

import pytest

INSTALL = "\n[Install]\nWantedBy=multi-user.target\n"
UNITS = {
    "plain.container": "[Container]\nImage=busybox\nNetwork=none" + INSTALL,
    "wide.container": "[Container]\nImage=busybox\nNetwork=host\nUserNS=host\nSeccompProfile=unconfined\nAddCapability=ALL\n"
                      "NoNewPrivileges=no\nUnmask=ALL\nAddDevice=/dev/kmsg\nVolume=/var/lib:/srv" + INSTALL,
    "mapped.container": "[Container]\nImage=busybox\nNetwork=none\nReadOnly=yes\nDropCapability=all\nUser=501\n"
                        "UIDMap=0:700000:1000\nUIDMap=1000:800000:1000\nGIDMap=0:700000:2000\n"
                        "[Service]\nMemoryMax=64M\nSystemCallFilter=~@clock" + INSTALL,
    "open.service": "[Service]\nExecStart=/usr/bin/busybox sleep 100000" + INSTALL,
    "closed.service": "[Service]\nExecStart=/usr/bin/busybox sleep 100000\nProtectSystem=strict\nPrivateDevices=yes\n"
                      "ProtectKernelTunables=yes\nSystemCallFilter=@system-service\nCapabilityBoundingSet=\nUser=7" + INSTALL,
}

SCRIPT = r"""
await 60 '[ $(supctl status | grep -c "running") -ge 5 ]'
for name in plain wide mapped open closed; do
	await 60 "supctl audit $name"
	check $name "supctl audit $name"
done

# what somebody else has done to a container
busybox nsenter -m -t $(main plain) busybox mount -t tmpfs none /tmp
busybox nsenter -m -t $(main plain) busybox mount -t tmpfs none /sys/firmware
check changed 'supctl audit plain'
# another supervisor has another program in its cache
old=$(supervisor)
kill -9 $old
another $old
check killed 'supctl audit wide'
# another list, which starts it anew
mkdir -p /run/sup/units
sed 's/^AddDevice=.*//' /usr/lib/sup/units/wide.container >/run/sup/units/wide.container
supctl reload
await 60 'is wide running && supctl audit wide'
check reloaded 'supctl audit wide'
"""


@pytest.fixture(scope="module")
def guest(lab):
    return lab.boot(lab.appliance("audit", UNITS, [lab.busybox()]), SCRIPT)


def rows(guest, name):
    """What the command printed, by the name of the row, and the lines below."""
    found, text = {}, guest.ok(name)
    table, _, advice = text.partition("\n\n")
    for line in table.splitlines()[1:]:
        found.setdefault(line[2:20].strip(), []).append((line[0] == "!", line[21:]))
    return found, [line.strip() for line in advice.splitlines()[2:]]


USUAL = "null, zero, full, random, urandom, tty, ptmx, pts, console"


def test_default(guest):
    found, advice = rows(guest, "plain")
    assert not any(differs for lines in found.values() for differs, _ in lines), guest.text("plain")
    assert all(found[f"namespace {n}"] == [(False, "own")] for n in "mnt pid uts ipc net cgroup user".split())
    assert found["uid-map"] == found["gid-map"] and found["uid-map"][0][1].startswith("0:")
    assert found["seccomp"] == [(False, "default")] and found["devices"] == [(False, USUAL)]
    assert "/proc/kcore" in found["hidden"][0][1].split() and "/proc/sys" in found["read-only"][0][1].split()
    writable = [text.split()[0] for _, text in found["writable"]]
    assert "/" in writable and not any(w.startswith("/proc/") for w in writable), writable
    assert sorted(line.partition("=")[0] for line in advice) == ["MemoryMax", "ReadOnly"]


def test_wide_open(guest):
    found, advice = rows(guest, "wide")
    assert found["namespace user"] == found["namespace net"] == [(False, "the host's")]
    assert found["bounding"] == [(False, "all")] and found["seccomp"] == [(False, "unconfined")]
    assert found["devices"] == [(False, USUAL + ", char 1:11 rwm")]
    assert "hidden" not in found and found["device nodes"] == [(False, "/dev/kmsg")]
    assert any(text.startswith("/srv ") for _, text in found["writable"])
    for line in "UserNS=auto", "NoNewPrivileges=yes", "SeccompProfile=", "ReadOnly=yes", "Unmask=", "Network=NAME.network":
        assert any(a.startswith(line + "  #") for a in advice), advice
    assert any(a.startswith("DropCapability=") and "sys_admin" in a and "chown" not in a for a in advice), advice


def test_maps_and_filters(guest):
    found, advice = rows(guest, "mapped")
    assert found["uid-map"] == [(False, "0:700000:1000 1000:800000:1000")]
    assert found["uid"] == [(False, "700501")] and found["seccomp"] == [(False, "default, keys of [Service]")]
    assert advice == [], advice


def test_services(guest):
    found, advice = rows(guest, "open")
    assert found["devices"] == [(False, "any")] and found["seccomp"] == [(False, "none")]
    for key in "User CapabilityBoundingSet SystemCallFilter DevicePolicy ProtectSystem ProtectHome PrivateTmp".split():
        assert any(a.startswith(key + "=") for a in advice), key
    found, advice = rows(guest, "closed")
    assert not any(differs for lines in found.values() for differs, _ in lines), guest.text("closed")
    assert found["seccomp"] == [(False, "keys of [Service]")] and "console" not in found["devices"][0][1]
    assert "/" in found["read-only"][0][1].split()
    assert not any(a.startswith(("ProtectSystem", "PrivateDevices", "User=", "DevicePolicy")) for a in advice), advice


def test_what_somebody_changed(guest):
    found, _ = rows(guest, "changed")
    assert [text.split()[0] for differs, text in found["writable"] if differs] == ["/tmp", "/sys/firmware"], found["writable"]
    found, _ = rows(guest, "killed")
    assert found["devices"] == [(False, USUAL + ", char 1:11 rwm")]
    found, _ = rows(guest, "reloaded")
    assert found["devices"] == [(False, USUAL)]


def test_the_machine_ended_well(guest):
    guest.ended_well()
