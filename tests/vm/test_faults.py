"""What is wrong with one unit is said in one clear line, and the others run."""

import re

import pytest
from conftest import UPLINK

INSTALL = "[Install]\nWantedBy=multi-user.target\n"


def container(*lines, unit=""):
    return "\n".join([unit, "[Container]", "Image=busybox", *lines, INSTALL])


UNITS = {
    "uplink.service": UPLINK,
    "good.container": container(),
    "good.service": "[Service]\nExecStart=/usr/bin/busybox tail -f /dev/null\n" + INSTALL,
    "wrongkey.container": container("Enviroment=A=b"),
    "wrongvalue.container": container("ReadOnly=perhaps"),
    "elsewhere.container": container("Network=lan.network", "PodmanArgs=--privileged"),
    "noimage.container": "[Container]\nImage=nowhere/to-be:found\n" + INSTALL,
    "broken.container": "[Container]\nImage=rubbish\n" + INSTALL,
    "nothing.container": "[Container]\nExec=sh\n" + INSTALL,
    "nonetwork.container": container("Network=lann.network"),
    "lan.network": "[Network]\nSubnet=10.30.0.0/24\n",
    "badnet.network": "[Network]\nSubnet=10.30.0.0/99\n",
    "novolume.container": container("Volume=/srv/none:/data:ro"),
    "novolumeunit.container": container("Volume=dta.volume:/data"),
    "data.volume": "[Volume]\n",
    "noprogram.container": container("Exec=/bin/nothing-here"),
    "nouser.container": container("User=ghost"),
    "noenv.container": container("EnvironmentFile=/etc/none.env"),
    "noexec.service": "[Service]\nType=exec\nExecStart=/usr/bin/no-such-program\n" + INSTALL,
    "badip.container": container("Network=lan.network", "IP=10.31.0.9"),
    "twin-a.container": container("PublishPort=7001:80"),
    "twin-b.container": container("PublishPort=7001:80", unit="[Unit]\nAfter=twin-a.container"),
    "taken.container": container("PublishPort=7002:80",
                                 unit="[Unit]\nRequires=holder.service\nAfter=holder.service"),
    "holder.service": """
[Service]
ExecStart=/usr/bin/busybox nc -l -p 7002
ExecStartPost=/usr/bin/busybox sh -c "until netstat -lnt | grep -q :7002; do sleep 0.1; done"
""" + INSTALL,
    "ring-a.service": "[Unit]\nAfter=ring-b.service\n[Service]\n"
                      "ExecStart=/usr/bin/busybox tail -f /dev/null\n" + INSTALL,
    "ring-b.service": "[Unit]\nAfter=ring-c.service\n[Service]\n"
                      "ExecStart=/usr/bin/busybox tail -f /dev/null\n" + INSTALL,
    "ring-c.service": "[Unit]\nAfter=ring-a.service\n[Service]\n"
                      "ExecStart=/usr/bin/busybox tail -f /dev/null\n" + INSTALL,
    "needs.service": "[Unit]\nRequires=noexec.service\nAfter=noexec.service\n[Service]\n"
                     "ExecStart=/usr/bin/busybox tail -f /dev/null\n" + INSTALL,
    "needsghost.service": "[Unit]\nRequires=ghosts.service\n[Service]\n"
                          "ExecStart=/usr/bin/busybox tail -f /dev/null\n" + INSTALL,
    "garbage.container": "[Container]\nImage=busybox\n\x01\x02\n" + INSTALL,
    "nosection.service": "Type=exec\n[Service]\nExecStart=/usr/bin/true\n" + INSTALL,
}

# The units that fail to start -> what the cause must say.
STATIC = {
    "wrongkey.container": r"[Ee]nviroment.*did you mean Environment",
    "wrongvalue.container": r"ReadOnly",
    "nothing.container": r"neither Image= nor Rootfs=",
    "nonetwork.container": r"there is no unit lann.network; did you mean lan.network",
    "novolumeunit.container": r"there is no unit dta.volume; did you mean data.volume",
    "badnet.network": r"Subnet",
    "badip.container": r"IP= is not an address of a host in Subnet= of lan.network",
    "garbage.container": r"control|character|byte",
    "nosection.service": r"section",
    "needsghost.service": r"there is no unit ghosts.service",
}
AT_START = {
    "noimage.container": r"nowhere/to-be:found",
    "broken.container": r"rubbish",
    "novolume.container": r"/srv/none.*No such file",
    "noprogram.container": r"/bin/nothing-here.*No such file",
    "nouser.container": r"ghost",
    "noenv.container": r"/etc/none.env.*No such file",
    "noexec.service": r"/usr/bin/no-such-program.*No such file",
    "twin-b.container": r"PublishPort=7001:\d+: taken by twin-a.container",
    "taken.container": r"PublishPort=7002:.*taken by",
    "needs.service": r"requires noexec.service, which failed",
}

SCRIPT = r"""
await 60 'is good.container running && is good.service running && failed noimage && failed needs'
await 60 'failed taken && failed twin-b'
check status 'supctl status'
check json 'supctl --json status'
check faults 'supctl faults'
check check '(cd /usr/lib/sup/units; supctl check *)'
check check-good 'supctl check /usr/lib/sup/units/good.container'
check check-one 'supctl check /usr/lib/sup/units/wrongkey.container'
check nosuch 'supctl status nobody'
check nosuch-start 'supctl start nobody'
check usage 'supctl frobnicate'
check start-broken 'supctl start wrongkey'
check rings 'state ring-a; state ring-b; state ring-c'
for unit in $(ls /usr/lib/sup/units); do
	check "unit-$unit" "supctl status $unit"
done
"""


@pytest.fixture(scope="module")
def boot(lab):
    broken = lab.busybox().partition("=")[2]
    folder = lab.appliance("faults", UNITS,
                           [f"busybox={broken}"],
                           {"/usr/lib/sup/images/rubbish.erofs": "no file system\n" * 500})
    return lab.boot(folder, SCRIPT)


def why(boot, unit):
    """The one line of `supctl status UNIT` that says why."""
    lines = re.findall(r"^ +Why: (.*)$", boot.text(f"unit-{unit}"), re.MULTILINE)
    assert len(lines) == 1, boot.text(f"unit-{unit}")
    return lines[0]


def test_ends_well(boot):
    boot.ended_well()


@pytest.mark.parametrize("unit", STATIC)
def test_fault_of_a_file(boot, unit):
    assert re.search(STATIC[unit], why(boot, unit))
    for section in "faults", "check":
        lines = [x for x in boot.lines(section) if re.search(rf"{unit}:(\d+:\d+:)? error", x)]
        assert len(lines) == 1 and re.search(STATIC[unit], lines[0]), (section, lines)


@pytest.mark.parametrize("unit", AT_START)
def test_fault_at_the_start(boot, unit):
    assert "failed" in boot.text(f"unit-{unit}")
    assert re.search(AT_START[unit], why(boot, unit))


def test_cycle_is_named_and_broken(boot):
    for section in "faults", "check":
        lines = [x for x in boot.lines(section) if "cycle" in x]
        assert len(lines) == 1, lines
        assert all(f"ring-{x}.service" in lines[0] for x in "abc")
    assert boot.lines("rings") == ["running"] * 3


def test_known_words_are_warnings(boot):
    line = next(x for x in boot.lines("faults") if "PodmanArgs" in x)
    assert "warning" in line
    assert "running" in boot.text("unit-elsewhere.container")


def test_the_rest_runs(boot):
    for unit in "good.container", "good.service", "twin-a.container", "holder.service", "lan.network":
        assert "State: running" in boot.text(f"unit-{unit}")


def test_check_and_usage(boot):
    assert boot.code("check") != 0
    assert boot.ok("check-good") == ""
    assert boot.code("check-one") != 0
    assert re.search(r"wrongkey.container:\d+:\d+: error", boot.text("check-one"))
    assert "no such unit" in boot.text("nosuch")
    assert boot.code("nosuch") != 0 and boot.code("nosuch-start") != 0
    assert boot.code("usage") != 0
    assert re.search(STATIC["wrongkey.container"], boot.text("start-broken"))


def test_table_names_every_failure(boot):
    table = boot.text("status")
    for unit, cause in {**STATIC, **AT_START}.items():
        if unit != "badnet.network":  # nothing asks for it
            found = re.search(rf"^{unit[:20]}\S* +failed .*\n((?:    .*\n)+)", table, re.MULTILINE)
            assert found, unit
            assert re.search(cause, re.sub(r"\s+", " ", found[1])), (unit, found[1])
