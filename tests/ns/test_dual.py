"""Both families and several networks under the real supervisor: who has which address, who reaches whom, and that all of it
stays over restarts, crashes and a supervisor that is killed. test_net.py has the rules by themselves."""

import json
import os
import signal
import socket

import pytest

from dnspeer import A, AAAA, PTR
from initbox import eventually
from netbox import NetBox

CONTAINER = "[Container]\nRootfs=/srv/root:O\nExec=/bin/busybox sleep 100000\n"
INSTALL = "[Service]\nRestart=always\nRestartSec=10ms\n[Install]\nWantedBy=multi-user.target\n"
MAC = "02:00:5e:00:53:01"
UNITS = {
    "dual.network": "[Network]\nIPv6=yes\nSubnet=10.71.0.0/24\n",
    "six.network": "[Network]\nSubnet=fd71::/64\n",
    "closed.network": "[Network]\nSubnet=fd72::/64\nSubnet=10.72.0.0/24\nInternal=yes\n",
    "left.container": f"{CONTAINER}Network=dual.network\n{INSTALL}",
    # closed comes first, and has no way out.
    "both.container": f"{CONTAINER}Network=closed.network\nNetwork=dual.network:alias=cache,mac={MAC}\n"
                      f"Network=six.network:ip6=fd71::9,interface_name=lan6\nPublishPort=8080:80\n{INSTALL}",
    "two.container": f"{CONTAINER}Network=more.network\nNetwork=dual.network\nPublishPort=8081:80\n{INSTALL}",
    "more.network": "[Network]\nIPv6=yes\nSubnet=10.73.0.0/24\n",
    "alone.container": f"{CONTAINER}Network=more.network\n{INSTALL}",
    "right.container": f"{CONTAINER}Network=six.network\nIP6=fd71::77\n{INSTALL}",
}
CONTAINERS = "left", "both", "right", "two", "alone"


class Dual(NetBox):
    def __init__(self, folder):
        super().__init__(folder, UNITS)
        self.image("root")

    def links(self, unit):
        """interface: (hardware address, {its addresses but those of the link})"""
        found = json.loads(self.space(unit).run("ip", "-j", "addr"))
        return {link["ifname"]: (link["address"], {f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"]
                                                   if a["scope"] == "global"})
                for link in found if link["ifname"] != "lo"}

    def default(self, unit, family):
        return [(r["gateway"], r["dev"]) for r in json.loads(self.space(unit).run("ip", "-j", family, "route"))
                if r["dst"] == "default"]

    def address(self, unit, link, family):
        return next(a.partition("/")[0] for a in self.links(unit)[link][1] if (":" in a) == (family == 6))

    def hosts(self, unit):
        with self.inside("/bin/busybox", "cat", f"/run/sup/files/{unit}.container/hosts", stdout=-1, text=True) as p:
            return p.communicate(timeout=60)[0].splitlines()

    def reaches(self, asker, address, port=80, listener="both", at=80):
        """The address that the listener sees; None: nobody answers."""
        any_of = "::" if ":" in address else "0.0.0.0"
        with self.space(listener).socket(socket.SOCK_STREAM, (any_of, at)) as s:
            s.listen()
            c = self.space(asker).socket(socket.SOCK_STREAM, (any_of, 0), timeout=2)
            with c:
                try:
                    c.connect((address, port))
                except OSError:
                    return None
                peer, seen = s.accept()
                peer.close()
                return seen[0]


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Dual(tmp_path_factory.mktemp("dual")) as b:
        b.ready()
        for name in CONTAINERS:
            eventually(lambda: b.unit(name)["state"] == "running", name)
        yield b


def test_each_network_gives_an_interface_with_its_addresses(box):
    both, left = box.links("both"), box.links("left")
    assert sorted(both) == ["eth0", "eth1", "lan6"] and sorted(left) == ["eth0"]
    assert both["eth1"][0] == MAC
    assert both["lan6"][1] == {"fd71::9/64"}
    assert {len(both["eth0"][1]), len(both["eth1"][1]), len(left["eth0"][1])} == {2}
    assert box.links("right")["eth0"][1] == {"fd71::77/64"}
    print(box.unit("both"))
    assert {a.partition("/")[0] for link in both.values() for a in link[1]} == set(box.unit("both")["addresses"])


def test_the_way_out_is_that_of_the_first_network_that_has_one(box):
    assert box.default("both", "-4") == [("10.71.0.1", "eth1")]
    (gateway, link), = box.default("both", "-6")
    assert link == "eth1" and gateway.startswith("fd")
    assert box.default("right", "-6") == [("fd71::1", "eth0")]
    assert box.default("right", "-4") == []


def test_neighbours_meet_in_both_families(box):
    for family in 4, 6:
        assert box.reaches("left", box.address("both", "eth1", family)) == box.address("left", "eth0", family)
    assert box.reaches("right", "fd71::9") == "fd71::77"


@pytest.mark.parametrize("family", [4, 6])
def test_a_port_answers_who_is_a_neighbour_in_any_network(box, family):
    """It would answer directly who asks by way of the host, from the address that was not asked."""
    host = next(a for a in json.loads(box.space().run("ip", "-j", "addr", "show", "more"))[0]["addr_info"]
                if a["family"] == ("inet6" if family == 6 else "inet") and a["scope"] == "global")["local"]
    assert box.reaches("left", host, 8081, "two") == host
    assert box.reaches("alone", host, 8081, "two")
    if family == 6:
        # Who is no neighbour of it is seen as what it is.
        assert box.reaches("right", host, 8081, "two") == "fd71::77"


def test_networks_are_apart_in_ipv6(box):
    assert box.reaches("left", "fd71::77", listener="right") is None
    assert box.reaches("right", box.address("left", "eth0", 6), listener="left") is None


def test_names_have_addresses_of_both_families(box):
    four, six = (box.address("both", "eth1", family) for family in (4, 6))
    for name in "both", "cache":
        assert box.space("left").ask("10.71.0.1", name, A) == (0, False, [four])
        assert box.space("left").ask("10.71.0.1", name, AAAA) == (0, False, [six])
    assert box.space("right").ask("fd71::1", "both", AAAA)[2] == ["fd71::9"]
    assert box.space("right").ask("fd71::1", "both", A)[2] == []
    reverse = ".".join(reversed(socket.inet_pton(socket.AF_INET6, "fd71::77").hex())) + ".ip6.arpa"
    assert box.space("both").ask("fd71::1", reverse, PTR)[2] == ["right.six.internal"]
    assert {f"{four} both cache", f"{six} both cache"} <= set(box.hosts("left"))
    assert any(line.startswith("fd71::77 right") for line in box.hosts("both"))


def test_a_published_port_is_reached_in_both_families(box):
    four, six = (box.default("left", family)[0][0] for family in ("-4", "-6"))
    assert box.reaches("left", four, 8080) and box.reaches("left", six, 8080)
    assert box.reaches("right", "fd71::1", 8080)
    host = box.space()
    host.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0")
    host.run("ip", "addr", "add", "2001:db8::5/64", "dev", "up0", "nodad")
    host.run("ip", "link", "set", "up0", "up")
    assert box.reaches(None, "2001:db8::5", 8080)
    assert box.reaches(None, "127.0.0.1", 8080)


def state(box):
    return {name: box.links(name) for name in CONTAINERS}


def test_all_of_it_stays(box):
    before = state(box)
    assert box.supctl("restart", "both")[0] == 0
    box.anew("both")
    assert state(box) == before
    pid = box.unit("left")["pid"]
    os.kill(box.pid_outside(pid), signal.SIGKILL)
    eventually(lambda: box.unit("left").get("pid") not in (pid, None), "it is started again")
    box.anew("left")
    assert state(box) == before
    box.kill_supervisor()
    eventually(lambda: box.supctl("status")[0] == 0, "the next supervisor")
    assert state(box) == before
    assert box.supctl("stop", *CONTAINERS, "dual.network", "six.network", "closed.network")[0] == 0
    assert box.supctl("start", *CONTAINERS)[0] == 0
    for name in CONTAINERS:
        eventually(lambda: box.unit(name)["state"] == "running", name)
        box.anew(name)
    assert state(box) == before
    for family in 4, 6:
        assert box.reaches("left", box.address("both", "eth1", family))
