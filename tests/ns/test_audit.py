"""supctl audit: what a running container has, beside what its unit declares."""

import pytest

from initbox import eventually
from pivotbox import PivotBox

UNITS = {
    "tight.container": "[Container]\nRootfs=/srv/root\nReadOnly=yes\nNetwork=none\nUser=33\n"
                       "Exec=/bin/busybox sleep 100000\nDropCapability=all\nVolume=/srv/data:/tmp/data:ro\n",
    "loose.container": "[Container]\nRootfs=/srv/root:O\nNetwork=host\nNoNewPrivileges=no\nRunInit=no\n"
                       "Secret=key,type=env\nExec=/bin/busybox sleep 100000\nAddCapability=CAP_NET_RAW\n",
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
    """This box has no cgroups."""
    return [r["has"].split()[0] for r in answer["rows"] if r["differs"] and r["what"] != "pids.max"]


def test_nothing_differs(box):
    answer, rows = audit(box, "tight")
    assert differ(answer) == []
    assert rows["effective"]["has"] == rows["bounding"]["has"] == "none"
    assert rows["namespace net"]["has"] == rows["namespace mnt"]["has"] == "own"
    # of its program, not of the init that runs it
    program = box.host_pid(answer["pid"]) is None
    assert program and answer["pid"] != box.unit("tight")["pid"]
    writable = [r["has"].split()[0] for r in answer["rows"] if r["what"] == "writable"]
    assert "/" not in writable and "/tmp" in writable and "/tmp/data" not in writable
    assert not any(line.startswith(("ReadOnly", "NoNewPrivileges", "DropCapability", "Network")) for line in answer["advice"])


def test_what_could_be_less(box):
    answer, rows = audit(box, "loose")
    assert rows["namespace net"]["has"] == "the host's" and not rows["namespace net"]["differs"]
    assert "net_raw" in rows["effective"]["has"]
    advice = [line.partition("  #")[0] for line in answer["advice"]]
    for line in "ReadOnly=yes", "NoNewPrivileges=yes", "Network=NAME.network", "Secret=key,type=mount":
        assert line in advice
    assert "DropCapability=all" not in advice
    # a mount that nobody has declared
    pid = box.unit("loose")["pid"]
    assert box.inside("/bin/busybox", "nsenter", "-m", "-t", str(pid), "/bin/busybox", "mount", "-t", "tmpfs", "none", "/tmp").wait() == 0
    answer = box.data("audit", "loose")
    assert differ(answer) == ["/tmp"]
    assert "! writable" in box.supctl("audit", "loose")[1]


def test_services_and_refusals(box):
    answer, rows = audit(box, "host")
    assert rows["namespace mnt"]["has"] == "the host's" and not rows["namespace mnt"]["differs"]
    assert not any(r["what"] in ("mount", "writable") for r in answer["rows"])
    assert box.supctl("audit", "tight") == (1, "", "supctl: tight.container is not running\n")
    assert box.supctl("audit", "nothing")[0] == 4
    assert box.supctl("audit")[0] == 2
