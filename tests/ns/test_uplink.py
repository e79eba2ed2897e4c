"""A network with Uplink=yes: what is behind the ports of its bridge is the outside of all other networks. A router on the LAN there
has an address of its own beyond."""

import contextlib
import json

import pytest

from initbox import eventually
from test_live import LiveBox
from test_net import CONNECT, LAN, LAN6, PYTHON, VAULT, attach, host, namespaces, netctl  # noqa: F401 (fixtures)
from test_reconcile import FREE, SLEEP

UPLINK = "network uplink.network 10.89.4.0/24 open,poser,uplink"
SHUT = UPLINK.replace(",uplink", "")
UPLINK6 = "network uplink.network 10.89.4.0/24,fd04::/64 open,poser,uplink"
GLOBAL6 = "network wide.network 10.89.5.0/24,2001:db8:4::/64 open"
BEYOND = "198.51.100.1"


def site(host, uplink, *lines):
    """The host is 192.168.7.50 on the LAN; web is a tenant, safe is in an internal network, cam on the bridge with an address of sup's,
    and lens with one of the LAN."""
    names = "web", "safe", "cam", "lens"
    namespaces(host, "router", *names)
    host.good(uplink, LAN, VAULT, *(attach(host, n, of) for n, of in zip(names, ("lan", "vault", "uplink", "uplink"))), *lines, "rules")
    host.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", host.path("router"))
    host.run("ip", "link", "set", "up0", "master", "uplink", "up")
    host.run("ip", "addr", "add", "192.168.7.50/24", "dev", "uplink")
    host.run("ip", "addr", "add", "192.168.7.1/24", "dev", "eth0", ns="router")
    host.run("ip", "link", "set", "eth0", "up", ns="router")
    host.run("ip", "addr", "add", f"{BEYOND}/32", "dev", "lo", ns="router")
    host.run("ip", "link", "set", "lo", "up", ns="router")
    host.run("ip", "route", "add", "default", "via", "192.168.7.1")
    host.run("ip", "addr", "add", "192.168.7.60/24", "dev", "eth0", ns="lens")
    host.run("ip", "route", "replace", "default", "via", "192.168.7.1", "dev", "eth0", ns="lens")
    host.serve("router", "tcp", 9000, "router")
    host.serve("lens", "tcp", 80, "lens")
    assert any(host.pings(None, "192.168.7.1") for _ in range(10))


def knows_the_way(host):
    """What a router may do to us besides."""
    host.run("ip", "route", "add", "10.0.0.0/8", "via", "192.168.7.50", ns="router")


def test_other_networks_go_out_by_it(host):
    site(host, UPLINK)
    host.serve("cam", "tcp", 80, "cam")
    for address in "192.168.7.1", BEYOND:
        assert host.ask("web", "tcp", address, 9000) == "router 192.168.7.50"
    # Who is on it is a machine of the LAN.
    assert host.ask("web", "tcp", "192.168.7.60", 80) == "lens 192.168.7.50"
    assert host.ask("web", "tcp", "10.89.4.2", 80) == "cam 10.89.4.1"
    assert host.ask("router", "tcp", "192.168.7.60", 80) == "lens 192.168.7.1"
    assert host.ask("lens", "tcp", BEYOND, 9000) == "router 192.168.7.60"
    # But of a network without a way out, even with a route of its own making.
    host.run("ip", "route", "add", "default", "via", "10.89.3.1", ns="safe")
    assert host.refused("safe", "tcp", BEYOND, 9000)


@pytest.mark.parametrize("bridged", [0, 1])
def test_an_address_that_the_lan_does_not_know_goes_out_too(host, bridged):
    """Time and again: the host does not send it to the router directly, who would not see the host's address then."""
    host.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-iptables={bridged}", check=bridged == 1)
    site(host, UPLINK)
    for _ in range(8):
        for address in BEYOND, "192.168.7.1":
            assert host.ask("cam", "tcp", address, 9000) == "router 192.168.7.50"
    # Neighbours see each other as they are.
    host.run("ip", "addr", "add", "10.89.4.77/24", "dev", "eth0", ns="router")
    assert host.ask("cam", "tcp", "10.89.4.77", 9000) == "router 10.89.4.2"


def test_nothing_comes_in_by_it(host):
    site(host, UPLINK, "port web.container * 8080 80 tcp", "port safe.container * 8090 80 tcp")
    host.serve("web", "tcp", 80, "web")
    host.serve("safe", "tcp", 80, "safe")
    host.serve(None, "tcp", 6000, "host")
    knows_the_way(host)
    for who in "router", "cam":
        assert host.refused(who, "tcp", "10.89.1.2", 80)
        assert host.refused(who, "tcp", "10.89.3.2", 80)
        assert host.run(PYTHON, "-c", CONNECT, "192.168.7.50", 6000, ns=who) == "EHOSTUNREACH\n"
    assert host.ask("router", "tcp", "192.168.7.50", 8080) == "web 192.168.7.1"
    assert host.ask("router", "tcp", "192.168.7.50", 8090) == "safe 10.89.3.1"
    for who in "cam", None:
        assert host.ask(who, "tcp", "192.168.7.50", 8080).split()[0] == "web"


def test_the_guards_stay(host):
    """The loopback is not reached by a bridge of ours, where the kernel would let it be; and nobody there poses as one of the LAN."""
    site(host, UPLINK.replace("poser,", "") + ",host", "port web.container 127.0.0.1 8080 80 tcp")
    host.serve("web", "tcp", 80, "web")
    host.serve(None, "tcp", 6000, "secret")
    assert host.run("cat", "/proc/sys/net/ipv4/conf/uplink/route_localnet") == "1\n"
    host.run("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1", ns="router")
    host.run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo", ns="router")
    host.run("ip", "route", "add", "127.0.0.1/32", "via", "192.168.7.50", ns="router")
    assert host.ask("router", "tcp", "192.168.7.50", 6000) == "secret 192.168.7.1"
    assert host.ask(None, "tcp", "127.0.0.1", 8080).split()[0] == "web"
    for port in 6000, 8080:
        assert host.refused("router", "tcp", "127.0.0.1", port)
    assert host.refused("router", "tcp", "192.168.7.60", 80)


def test_host_access_is_for_the_lan_too(host):
    site(host, UPLINK + ",host")
    host.serve(None, "tcp", 6000, "host")
    assert host.ask("router", "tcp", "192.168.7.50", 6000) == "host 192.168.7.1"
    assert host.run(PYTHON, "-c", CONNECT, "192.168.7.50", 6000, ns="web") == "EHOSTUNREACH\n"


def test_without_it_the_bridge_is_a_network_like_others(host):
    site(host, SHUT, "port web.container * 8080 80 tcp")
    host.serve("web", "tcp", 80, "web")
    knows_the_way(host)
    for address in "192.168.7.1", BEYOND:
        assert host.refused("web", "tcp", address, 9000)
    assert host.refused("web", "tcp", "192.168.7.60", 80)
    assert host.refused("router", "tcp", "10.89.1.2", 80)
    assert host.ask("router", "tcp", "192.168.7.50", 8080) == "web 192.168.7.1"
    # The rules are the same, whoever is in the sets.
    def rules():
        return [x["rule"]["expr"] for x in json.loads(host.run("nft", "-j", "list", "table", "inet", "sup"))["nftables"] if "rule" in x]
    before = rules()
    host.good(UPLINK, LAN, VAULT, "rules")
    assert rules() == before and host.ask("web", "tcp", BEYOND, 9000) == "router 192.168.7.50"


def test_ipv6_goes_out_by_it(host):
    """A local address under the host's, a global one as it is; nothing comes in by itself."""
    namespaces(host, "router", "web", "wide", "cam")
    host.good(UPLINK6, LAN6, GLOBAL6, attach(host, "web", "lan"), attach(host, "wide", "wide"), attach(host, "cam", "uplink"), "rules")
    host.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", host.path("router"))
    host.run("ip", "link", "set", "up0", "master", "uplink", "up")
    host.run("ip", "addr", "add", "2001:db8::2/64", "dev", "uplink", "nodad")
    host.run("ip", "addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad", ns="router")
    host.run("ip", "link", "set", "eth0", "up", ns="router")
    host.run("ip", "addr", "add", "2001:db8:9::1/128", "dev", "lo", ns="router")
    host.run("ip", "link", "set", "lo", "up", ns="router")
    host.run("ip", "-6", "route", "add", "default", "via", "2001:db8::1")
    host.run("ip", "route", "add", "2001:db8:4::/64", "via", "2001:db8::2", ns="router")
    host.run("ip", "route", "add", "fd00::/8", "via", "2001:db8::2", ns="router")
    assert any(host.pings(None, "2001:db8::1") for _ in range(10))
    host.serve("router", "tcp6", 9000, "router")
    for _ in range(8):
        for address in "2001:db8::1", "2001:db8:9::1":
            for who, seen in ("web", "2001:db8::2"), ("wide", "2001:db8:4::2"), ("cam", "2001:db8::2"):
                assert host.ask(who, "tcp", address, 9000) == f"router {seen}"
    for name, address in ("web", "fd01::2"), ("wide", "2001:db8:4::2"):
        host.serve(name, "tcp6", 80, name)
        for who in "router", "cam":
            assert host.refused(who, "tcp", address, 80)


BRIDGE = "[Network]\nSubnet=10.32.0.0/24\nInterface=eth0\n"
UNITS = {
    "uplink.network": BRIDGE + FREE,
    "lan.network": "[Network]\nSubnet=10.30.0.0/24\n" + FREE,
    "web.container": "[Container]\nNetwork=lan.network\nIP=10.30.0.9\nPublishPort=8080:80\n" + SLEEP,
    "db.container": "[Container]\nNetwork=uplink.network\nIP=10.32.0.8\n" + SLEEP,
    "router.container": "[Container]\nNetwork=none\nInterface=eth1\n" + SLEEP,
}


@pytest.fixture
def box(tmp_path):
    """The NIC of the host is one end of a pair, and a container that has the other is the LAN."""
    with LiveBox(tmp_path, UNITS) as b, contextlib.ExitStack() as stack:
        b.ready()
        b.on_host("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        assert b.supctl("start", "router", "web", "db")[0] == 0
        b.on_host("ip", "address", "add", "192.168.7.50/24", "dev", "uplink")
        b.runs("router", SETUP)
        stack.enter_context(b.serves("router", 7000))
        stack.enter_context(b.serves("web", 80))
        yield b
        assert "Segmentation" not in b.said() and "mended" not in b.journal() and "while it runs" not in b.journal()


SETUP = """
import subprocess
for words in "address add 192.168.7.1/24 dev eth1", "link set eth1 up", "route add 10.0.0.0/8 via 192.168.7.50":
    subprocess.run(["ip", *words.split()], check=True)
"""


def test_it_changes_while_containers_run(box):
    web, router = box.inside_of("web"), box.inside_of("router")

    def reach():
        return box.answers(web, "192.168.7.1", 7000), box.answers(router, "10.30.0.9", 80), box.answers(router, "192.168.7.50", 8080)
    eventually(lambda: box.answers(box.of_host(), "192.168.7.1", 7000), "the LAN is there")
    pids = box.pids()
    with box.talks(router, "192.168.7.50", 8080), box.talks(box.inside_of("db"), "10.32.0.1", 8080):
        assert reach() == (False, False, True)
        assert "uplink.network: changed while it runs\n  -Uplink=no\n  +Uplink=yes\n" in box.planned(uplink_network=BRIDGE + "Uplink=yes\n")
        box.reload()
        assert reach() == (True, False, True)
        with box.talks(web, "192.168.7.1", 7000):
            box.reborn()
            assert reach() == (True, False, True)
            box.reload(uplink_network=BRIDGE)
            assert reach() == (False, False, True)
            box.reborn()
            assert reach() == (False, False, True)
    assert box.pids() == pids
