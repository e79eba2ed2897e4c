"""The network of a container is made while its process mounts: it waits for it, and nothing is left of one that cannot be made."""

import re

import pytest

from initbox import eventually
from test_reconcile import FREE, SLEEP, NetBox

UNITS = {
    "lan.network": "[Network]\nSubnet=10.30.0.0/24\n" + FREE,
    "first.container": "[Container]\nNetwork=lan.network\nIP=10.30.0.8\n" + SLEEP,
    "web.container": "[Container]\nNetwork=lan.network\nIP=10.30.0.9\n" + SLEEP,
}
MANY = 12
SEE = "".join(f"Network=n{i}.network\n" for i in range(MANY)) + (
    "Rootfs=/srv/root:O\nExec=/bin/busybox sh -c 'ls /sys/class/net | grep -c eth; exec sleep 100000'\n" + FREE)
UNITS |= {f"n{i}.network": f"[Network]\nSubnet=10.31.{i}.0/24\n" + FREE for i in range(MANY)}
UNITS |= {"many.container": "[Container]\n" + SEE,
          "tuned.container": f"[Container]\nSysctl=net.ipv4.conf.eth{MANY - 1}.rp_filter=2\n" + SEE}
PORTS = 1023


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with NetBox(tmp_path_factory.mktemp("connect"), UNITS) as b:
        b.ready()
        assert b.supctl("start", "first")[0] == 0
        yield b
        assert "Segmentation" not in b.said()


def children(box):
    """Of init: the supervisor, and what it started."""
    pid = box.init_pid()
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return sorted(file.read().split())


@pytest.fixture(name="full")
def full_bridge(box):
    links = "".join(f"link add f{i} master lan type veth peer name g{i}\n" for i in range(PORTS - 1))
    (box.root / "links").write_text(links)
    box.on_host("ip", "-batch", box.root / "links")
    yield
    (box.root / "links").write_text("".join(f"link delete f{i}\n" for i in range(PORTS - 1)))
    box.on_host("ip", "-batch", box.root / "links")


def test_nothing_is_left_of_a_network_that_cannot_be_made(box, full):
    before, links = children(box), box.on_host("ip", "-br", "link").count("\n")
    status, _, err = box.supctl("start", "web")
    assert status == 1
    assert "network: web.container: the bridge lan is full: it has 1,023 ports, the most the kernel takes" in err
    assert box.unit("web")["state"] == "failed"
    eventually(lambda: children(box) == before, "the process that mounted is gone")
    assert box.port("web") is None
    assert box.on_host("ip", "-br", "link").count("\n") == links
    assert "web" not in box.on_host("nft", "list", "ruleset")


@pytest.mark.parametrize("unit", ["many", "tuned"])
def test_it_waits_for_its_network(box, unit):
    """Which takes longer than its mounts; the settings of the kernel that it names are those of the last interface."""
    assert box.supctl("start", unit)[0] == 0
    found = eventually(lambda: re.findall(r" out (\d+)$", box.supctl("logs", unit)[1], re.M), "it tells what it found")
    assert found == [str(MANY)]
    if unit == "tuned":
        path = f"/proc/sys/net/ipv4/conf/eth{MANY - 1}/rp_filter"
        assert box.supctl("exec", unit, "/bin/busybox", "cat", path)[1].strip() == "2"


def test_what_failed_starts_when_it_can(box):
    assert box.supctl("start", "web")[0] == 0
    eventually(lambda: box.reaches("web", "10.30.0.8"), "it reaches its neighbour")
