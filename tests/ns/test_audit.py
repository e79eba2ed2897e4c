"""supctl audit: what a running container has, beside what its unit declares."""

import pytest

from initbox import eventually
from pivotbox import PivotBox

UNITS = {
    "tight.container": "[Container]\nRootfs=/srv/root\nReadOnly=yes\nNetwork=none\nUser=33\nUserNS=keep-id\n"
                       "Exec=/bin/busybox sleep 100000\nDropCapability=all\nVolume=/srv/data:/tmp/data:ro\n",
    "loose.container": "[Container]\nRootfs=/srv/root:O\nNetwork=host\nNoNewPrivileges=no\nRunInit=no\nUnmask=ALL\nSeccompProfile=unconfined\n"
                       "Secret=key,type=env\nExec=/bin/busybox sleep 100000\nAddCapability=CAP_NET_RAW\n",
    "unmapped.container": "[Container]\nRootfs=/srv/root\nNetwork=none\nExec=/bin/busybox sleep 100000\n",
    "learns.service": "[Service]\nLearn=yes\nExecStart=/bin/busybox sleep 100000\n",
    "host.service": "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sleep 100000\n",
}


@pytest.fixture
def box(tmp_path):
    box = PivotBox(tmp_path, UNITS)
    secrets = box.root / "etc/sup/secrets"
    secrets.mkdir(parents=True)
    (secrets / "key").write_text("geheim")
    (secrets / "key").chmod(0o600)
    (box.root / "srv/data").mkdir()
    with box:
        box.ready()
        yield box


def audit(box, name):
    assert box.supctl("start", name)[0] == 0, box.supctl("status", name)
    eventually(lambda: box.supctl("audit", name)[0] == 0, name)  # it is executed
    answer = box.data("audit", name)
    return answer, {r["what"]: r for r in answer["rows"]}


def differ(answer):
    """This box has no cgroups, and so no list of devices."""
    return [r["has"].split()[0] for r in answer["rows"] if r["differs"] and r["what"] not in ("pids.max", "devices")]


def test_nothing_differs(box):
    answer, rows = audit(box, "tight")
    assert differ(answer) == []
    assert rows["effective"]["has"] == rows["bounding"]["has"] == "none"
    assert rows["namespace net"]["has"] == rows["namespace mnt"]["has"] == "own"
    # of its program, not of the init that runs it
    program = box.host_pid(answer["pid"]) is None
    assert program and answer["pid"] != box.unit("tight")["pid"]
    assert rows["namespace user"]["has"] == "own" and rows["uid-map"]["has"] == "0:0:65536", rows["uid-map"]
    assert rows["seccomp"]["has"] == "default"
    hidden, read_only = (rows[name]["has"].split() for name in ("hidden", "read-only"))
    assert "/proc/keys" in hidden and "/proc/sys" in read_only and "/" in read_only
    # one row for a place that is hidden by a file, too
    assert not any("/proc/keys" in r["has"] for r in answer["rows"] if r["what"] == "writable")
    writable = [r["has"].split()[0] for r in answer["rows"] if r["what"] == "writable"]
    assert "/" not in writable and "/tmp" in writable and "/tmp/data" not in writable
    assert not any(line.startswith(("ReadOnly", "NoNewPrivileges", "DropCapability", "Network")) for line in answer["advice"])


def test_what_could_be_less(box):
    answer, rows = audit(box, "loose")
    assert rows["namespace net"]["has"] == "the host's" and not rows["namespace net"]["differs"]
    assert "net_raw" in rows["effective"]["has"]
    advice = [line.partition("  #")[0] for line in answer["advice"]]
    assert rows["no user namespace"]["has"] == "Network=host" and "User=NUMBER" in advice
    assert rows["seccomp"]["has"] == "unconfined" and not rows["seccomp"]["differs"]
    for line in "SeccompProfile=", "Unmask=", "DropCapability=net_raw", "ReadOnly=yes", "NoNewPrivileges=yes", "Network=NAME.network", "Secret=key,type=mount":
        assert line in advice
    assert "DropCapability=all" not in advice
    # a mount that nobody has declared
    pid = box.unit("loose")["pid"]
    assert box.inside("/bin/busybox", "nsenter", "-m", "-t", str(pid), "/bin/busybox", "mount", "-t", "tmpfs", "none", "/tmp").wait() == 0
    answer = box.data("audit", "loose")
    assert differ(answer) == ["/tmp"]
    assert "! writable" in box.supctl("audit", "loose")[1]


def test_what_cannot_be_had(box):
    """This box has no ids to give: a container runs without a user namespace, which is a difference, with its reason."""
    answer, rows = audit(box, "unmapped")
    assert rows["namespace user"]["differs"] and rows["no user namespace"]["has"]
    assert any(line.startswith("User=NUMBER") for line in answer["advice"])
    assert not rows["uid-map"]["differs"] and not rows["gid-map"]["differs"]


def test_services_and_refusals(box):
    answer, rows = audit(box, "host")
    assert rows["namespace mnt"]["has"] == "the host's" and not rows["namespace mnt"]["differs"]
    assert not any(r["what"] in ("read-only", "writable") for r in answer["rows"])
    for line in "User=NAME", "DevicePolicy=closed", "ProtectSystem=yes", "ProtectKernelModules=yes", "NoNewPrivileges=yes":
        assert any(a.startswith(line) for a in answer["advice"]), line
    assert box.supctl("audit", "tight") == (1, "", "supctl: tight.container is not running\n")
    assert box.supctl("audit", "nothing")[0] == 4
    assert box.supctl("audit")[0] == 2


def test_learning_that_cannot_be(box):
    """This box has pids of its own, which tracing does not know: it says so, and the unit runs."""
    why = "tracing knows the machine's own pids alone"
    answer, _ = audit(box, "learns")
    assert answer["learned"] == {"starts": 0, "since": 0, "lost": 0, "calls": [], "lines": [], "why": why}
    assert f"Nothing is learned yet: {why}" in box.supctl("audit", "learns")[1]
    assert box.unit("learns")["lacks"] == ["Learn=: started without, or its log says why"]
    assert f"going on without: {why}" in box.supctl("logs", "learns")[1]
    assert box.supctl("stop", "learns")[0] == 0
    assert box.data("audit", "learns")["pid"] == 0
    assert audit(box, "host")[0]["learned"] is None
