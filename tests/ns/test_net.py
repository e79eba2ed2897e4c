"""Networks on a host made for the test: a network and mount namespace of its own, containers and the
outside as further network namespaces. What the kernel shows is read with ip and nft, what works is tried
with sockets."""

import contextlib
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ["tests/ns/helpers/netctl.c", "supervisor/core/arena.c", "supervisor/core/number.c", "supervisor/core/text.c",
           "supervisor/core/unit/unit.c", "supervisor/sys/file.c", "common/err.c",
           *sorted(str(p.relative_to(ROOT)) for d in ("core", "sys")
                   for p in (ROOT / "supervisor" / d / "net").glob("*.c"))]
PYTHON = sys.executable
SECONDS = 20

# Answers each peer with a word of its own and the address it sees.
SERVER = """
import socket, sys
kind, port, word = sys.argv[1], int(sys.argv[2]), sys.argv[3]
v6 = kind.endswith("6")
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM if kind.startswith("udp") else socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if v6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(("::" if v6 else "0.0.0.0", port))
if kind.startswith("tcp"):
    s.listen()
print("ready", flush=True)
while True:
    if kind.startswith("udp"):
        _, peer = s.recvfrom(100)
        s.sendto(f"{word} {peer[0]}".encode(), peer)
    else:
        c, peer = s.accept()
        c.sendall(f"{word} {peer[0]}".encode())
        c.close()
"""
CLIENT = """
import socket, sys
kind, addr, port, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
s.settimeout(limit)
try:
    s.connect((addr, port))
    if kind == "udp":
        s.send(b"?")
    print(s.recv(100).decode())
except OSError as e:
    print("no answer")
"""


@pytest.fixture(scope="session")
def netctl(tmp_path_factory):
    program = tmp_path_factory.mktemp("netctl") / "netctl"
    subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-I.", "-g", "-O1",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
                    "-o", program, *SOURCES], cwd=ROOT, check=True, timeout=120)
    return program


class Host:
    """A machine: a process that sleeps in its namespaces holds them; its end removes everything."""

    def __init__(self, stack, netctl, folder):
        self.stack, self.netctl, self.folder = stack, netctl, folder
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
             f"mount -t tmpfs ns {folder} && ip link set lo up && echo ready && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(self.end, self.holder)
        assert self.holder.stdout.readline() == "ready\n"
        self.enter = ["nsenter", f"--target={self.holder.pid}", "--net", "--mount"]

    @staticmethod
    def end(process):
        process.kill()
        process.wait()
        process.stdout.close()

    def path(self, name):
        return f"{self.folder}/{name}"

    def argv(self, ns, *argv):
        inside = [] if ns is None else ["nsenter", f"--net={self.path(ns)}"]
        return [*self.enter, *inside, *map(str, argv)]

    def run(self, *argv, ns=None, check=True):
        done = subprocess.run(self.argv(ns, *argv), capture_output=True, text=True,
                              timeout=SECONDS)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def ctl(self, *lines):
        """Each line's answer, from one life of the program."""
        done = subprocess.run([*self.enter, self.netctl], input="\n".join(lines) + "\n",
                              capture_output=True, text=True, timeout=4 * SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        answers = done.stdout.splitlines()
        assert len(answers) == len(lines)
        return answers

    def good(self, *lines):
        answers = self.ctl(*lines)
        assert all(a.startswith("ok") for a in answers), answers
        return answers

    def links(self):
        return {l["ifname"]: l for l in json.loads(self.run("ip", "-d", "-j", "link"))}

    def state(self):
        """Links, addresses, routes and rules: what must be as before."""
        return (sorted(self.links()), self.run("ip", "-o", "addr"), self.run("ip", "route"),
                self.run("nft", "list", "ruleset"))

    def becomes(self, ask, wanted):
        """The kernel removes a namespace, and the links in it, a moment after its last user."""
        end = time.monotonic() + SECONDS
        while ask() != wanted and time.monotonic() < end:
            time.sleep(0.05)
        assert ask() == wanted

    def serve(self, ns, kind, port, word):
        server = subprocess.Popen(self.argv(ns, PYTHON, "-c", SERVER, kind, port, word),
                                  stdout=subprocess.PIPE, text=True)
        self.stack.callback(self.end, server)
        assert server.stdout.readline() == "ready\n"
        return server

    def ask(self, ns, kind, addr, port, limit=SECONDS / 2):
        return self.run(PYTHON, "-c", CLIENT, kind, addr, port, limit, ns=ns).strip()

    def refused(self, ns, kind, addr, port):
        return self.ask(ns, kind, addr, port, limit=0.7) == "no answer"

    def pings(self, ns, addr):
        """Within a second, or on a machine that is busy at a later one of three attempts."""
        return any(subprocess.run(self.argv(ns, "busybox", "ping", "-c", "1", "-W", "1", addr), capture_output=True,
                                  timeout=SECONDS).returncode == 0 for _ in range(3))


@pytest.fixture
def host(netctl, tmp_path):
    assert os.geteuid() == 0, "these tests make network namespaces and must be root"
    with contextlib.ExitStack() as stack:
        yield Host(stack, netctl, tmp_path)


LAN = "network lan.network 10.89.1.0/24 open"
OFFICE = "network office.network 10.89.2.0/24 open"
VAULT = "network vault.network 10.89.3.0/24 internal"


def namespaces(host, *names):
    host.good(*(f"ns {host.path(n)}" for n in names))


def attach(host, name, network, addr="auto"):
    return f"attach {name}.container {network}.network {addr} {host.path(name)}"


def outside(host):
    """A neighbour of the host at 192.0.2.1; the host is 192.0.2.2. It has no route to any container,
    but sends 10.0.0.0/8 to the host when told so."""
    namespaces(host, "outside")
    host.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns",
             host.path("outside"))
    host.run("ip", "addr", "add", "192.0.2.2/24", "dev", "up0")
    host.run("ip", "addr", "add", "2001:db8::2/64", "dev", "up0", "nodad")
    host.run("ip", "link", "set", "up0", "up")
    host.run("ip", "addr", "add", "192.0.2.1/24", "dev", "eth0", ns="outside")
    host.run("ip", "addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad", ns="outside")
    host.run("ip", "link", "set", "eth0", "up", ns="outside")


def test_neighbours_reach_each_other_and_the_gateway(host):
    namespaces(host, "web", "db")
    answers = host.good(LAN, attach(host, "web", "lan"), attach(host, "db", "lan"), "rules")
    assert [a.split()[-1] for a in answers[:3]] == ["10.89.1.1", "10.89.1.2", "10.89.1.3"]
    assert host.pings("web", "10.89.1.3") and host.pings("db", "10.89.1.2")
    assert host.pings("web", "10.89.1.1")
    assert "default via 10.89.1.1 dev eth0" in host.run("ip", "route", ns="web")
    lo = json.loads(host.run("ip", "-j", "addr", "show", "lo", ns="web"))[0]
    assert "UP" in lo["flags"] and lo["addr_info"][0]["local"] == "127.0.0.1"


SIX = "network six.network 10.89.6.0/24,fd06::/64 open"


def setting(host, ns, path):
    return host.run("cat", f"/proc/sys/net/ipv6/{path}", ns=ns).strip()


def test_two_families(host):
    """At once: nobody waits for the kernel to ask the network whether an address is taken."""
    namespaces(host, "web", "db")
    answers = host.good(SIX, attach(host, "web", "six"), attach(host, "db", "six"), "rules")
    assert [a.split()[2:] for a in answers[:3]] == [
        ["10.89.6.1", "fd06::1"], ["10.89.6.2", "fd06::2"], ["10.89.6.3", "fd06::3"]]
    assert host.pings("web", "fd06::3") and host.pings("web", "fd06::1")
    assert host.pings("web", "10.89.6.3") and host.pings("db", "fd06::2")
    assert "default via fd06::1 dev eth0" in host.run("ip", "-6", "route", ns="web")
    assert "default via 10.89.6.1 dev eth0" in host.run("ip", "route", ns="web")
    assert setting(host, "web", "conf/eth0/accept_ra") == "0"
    assert setting(host, None, "conf/six/accept_ra") == "0"
    again = host.good(SIX, attach(host, "web", "six"), attach(host, "db", "six"), "rules")
    assert again == answers and host.pings("web", "fd06::3")


def test_ipv6_alone(host):
    namespaces(host, "web", "db")
    answers = host.good("network six.network fd06::/64 open",
                        attach(host, "web", "six", "fd06::abcd"), attach(host, "db", "six"), "rules")
    assert [a.split()[2:] for a in answers[:3]] == [["fd06::1"], ["fd06::abcd"], ["fd06::2"]]
    assert host.pings("db", "fd06::abcd")
    assert "inet " not in host.run("ip", "-o", "addr", "show", "dev", "eth0", ns="web")
    assert host.run("ip", "route", ns="web") == ""


def test_network_without_ipv6_has_none(host):
    host.good(LAN)
    assert setting(host, None, "conf/lan/disable_ipv6") == "1"


def test_container_in_two_networks(host):
    namespaces(host, "web", "db", "desk")
    host.good(LAN, SIX, attach(host, "web", "lan"), f"{attach(host, 'web', 'six')} 1",
              attach(host, "db", "lan"), attach(host, "desk", "six"), "rules")
    assert host.pings("web", "10.89.1.3") and host.pings("web", "10.89.6.3")
    assert host.pings("desk", "fd06::2") and host.pings("db", "10.89.1.2")
    assert not host.pings("db", "10.89.6.3")
    assert host.run("ip", "route", "show", "default", ns="web").startswith("default via 10.89.1.1")


def test_hosts_loopback_is_brought_up(host):
    """A device's kernel starts with it down, and 127.0.0.1 would be no address."""
    host.run("ip", "link", "set", "lo", "down")
    host.good(LAN)
    assert "UP" in host.links()["lo"]["flags"]


def test_links_look_as_planned(host):
    namespaces(host, "web")
    host_if = host.good("network lan.network 10.89.1.0/24 open br-x 1400",
                        attach(host, "web", "lan", "10.89.1.77"))[1].split()[1]
    links = host.links()
    bridge, port = links["br-x"], links[host_if]
    assert bridge["linkinfo"]["info_kind"] == "bridge" and bridge["ifalias"] == "sup:lan.network"
    assert bridge["mtu"] == 1400 and bridge["address"].startswith("02:")
    assert port["master"] == "br-x" and port["ifalias"] == "sup:web.container"
    assert port["linkinfo"]["info_slave_data"]["hairpin"] is False
    inside = json.loads(host.run("ip", "-j", "addr", "show", "eth0", ns="web"))[0]
    assert inside["mtu"] == 1400
    assert (inside["addr_info"][0]["local"], inside["addr_info"][0]["prefixlen"]) == ("10.89.1.77", 24)
    assert host_if.startswith("vweb-") and len(host_if) <= 15


def test_the_same_again_changes_nothing(host):
    namespaces(host, "web")
    words = [LAN, VAULT, attach(host, "web", "lan"),
             "port web.container * 8080 80 tcp", "rules"]
    host.good(*words)
    before = host.state()
    host.good(*words)
    assert host.state() == before


def test_a_bridge_of_somebody_else_is_used_and_left(host):
    host.run("ip", "link", "add", "lan", "type", "bridge")
    host.good(LAN, "down lan.network")
    assert host.links()["lan"]["operstate"] is not None


def test_a_bridge_of_another_network_is_refused_and_left(host):
    host.run("ip", "link", "add", "lan", "type", "bridge")
    host.run("ip", "link", "set", "lan", "alias", "sup:other.network")
    answers = host.ctl(LAN, "down lan.network")
    assert answers[0] == "error lan.network: the interface lan is that of other.network, give the network another InterfaceName="
    assert "lan" in host.links()


def test_an_interface_that_is_no_bridge_is_refused(host):
    host.run("ip", "link", "add", "lan", "type", "veth", "peer", "name", "lan-peer")
    assert host.ctl(LAN) == [
        "error lan.network: the interface lan is there already and is no bridge, "
        "give the network another InterfaceName="]


def test_masquerade_to_the_outside_and_none_for_internal(host):
    outside(host)
    namespaces(host, "web", "safe")
    host.good(LAN, VAULT, attach(host, "web", "lan"), attach(host, "safe", "vault"), "rules")
    host.serve("outside", "tcp", 9000, "out")
    assert host.ask("web", "tcp", "192.0.2.1", 9000) == "out 192.0.2.2"
    assert "default" not in host.run("ip", "route", ns="safe")
    # Even with a route of its own making.
    host.run("ip", "route", "add", "default", "via", "10.89.3.1", ns="safe")
    assert host.refused("safe", "tcp", "192.0.2.1", 9000)
    assert host.pings("safe", "10.89.3.1")


def test_networks_are_apart_and_nothing_comes_in_by_itself(host):
    outside(host)
    namespaces(host, "web", "boss", "safe")
    host.good(LAN, OFFICE, VAULT, attach(host, "web", "lan"), attach(host, "boss", "office"),
              attach(host, "safe", "vault"), "rules")
    host.serve("boss", "tcp", 80, "boss")
    host.serve("safe", "tcp", 80, "safe")
    host.run("ip", "route", "add", "10.89.0.0/16", "via", "192.0.2.2", ns="outside")
    for who in ("web", "outside"):
        assert host.refused(who, "tcp", "10.89.2.2", 80)
        assert host.refused(who, "tcp", "10.89.3.2", 80)
    assert host.ask(None, "tcp", "10.89.2.2", 80) == "boss 10.89.2.1"


@pytest.mark.parametrize("bridged", [0, 1])
def test_published_port_is_reached_from_everywhere(host, bridged):
    """Both with and without the kernel's showing bridged packets to the rules (br_netfilter)."""
    outside(host)
    host.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-iptables={bridged}", check=bridged == 1)
    namespaces(host, "web", "db", "boss")
    host.good(LAN, OFFICE, attach(host, "web", "lan"), attach(host, "db", "lan"),
              attach(host, "boss", "office"), "port web.container * 8080 80 tcp",
              "port web.container * 5353 53 udp", "rules")
    host.serve("web", "tcp", 80, "web")
    host.serve("web", "udp", 53, "dns")
    for kind, port, word in (("tcp", 8080, "web"), ("udp", 5353, "dns")):
        assert host.ask("outside", kind, "192.0.2.2", port) == f"{word} 192.0.2.1"
        assert host.ask(None, kind, "127.0.0.1", port) == f"{word} 10.89.1.1"
        assert host.ask(None, kind, "192.0.2.2", port).split()[0] == word
        # A neighbour by the host's address, another network's container, and the container itself.
        assert host.ask("db", kind, "192.0.2.2", port).split()[0] == word
        assert host.ask("db", kind, "10.89.1.1", port).split()[0] == word
        assert host.ask("boss", kind, "192.0.2.2", port) == f"{word} 10.89.2.2"
    # No ICMP redirect has told the neighbour a shorter way, on which the answers would be strangers.
    assert "via 10.89.1.1" in host.run("ip", "route", "get", "192.0.2.2", ns="db")
    if not bridged:
        # A bridge that translates by itself never sends a frame back to the port it came from.
        assert host.ask("web", "tcp", "192.0.2.2", 8080).split()[0] == "web"
    assert host.refused("outside", "tcp", "192.0.2.2", 80)


def test_port_published_on_one_address_only(host):
    outside(host)
    namespaces(host, "web", "db")
    host.good(LAN, attach(host, "web", "lan"), attach(host, "db", "lan"),
              "port web.container 127.0.0.1 8080 80 tcp", "rules")
    host.serve("web", "tcp", 80, "web")
    assert host.ask(None, "tcp", "127.0.0.1", 8080) == "web 10.89.1.1"
    assert host.refused("outside", "tcp", "192.0.2.2", 8080)
    # Frames for 127.0.0.1 sent to the host's hardware address: from outside and from a container.
    for ns, gateway in (("outside", "192.0.2.2"), ("db", "10.89.1.1")):
        host.run("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1", ns=ns)
        host.run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo", ns=ns)
        host.run("ip", "route", "flush", "table", "local", "127.0.0.0/8", ns=ns, check=False)
        host.run("ip", "route", "add", "127.0.0.1/32", "via", gateway, ns=ns)
        assert host.refused(ns, "tcp", "127.0.0.1", 8080)


def test_services_of_the_hosts_loopback_stay_hidden(host):
    namespaces(host, "web", "db")
    host.good(LAN, attach(host, "web", "lan"), attach(host, "db", "lan"),
              "port web.container * 8080 80 tcp", "rules")
    assert host.run("cat", "/proc/sys/net/ipv4/conf/lan/route_localnet") == "1\n"
    host.serve(None, "tcp", 6000, "secret")
    host.run("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1", ns="db")
    host.run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo", ns="db")
    host.run("ip", "route", "add", "127.0.0.1/32", "via", "10.89.1.1", ns="db")
    assert host.refused("db", "tcp", "127.0.0.1", 6000)


def test_internal_network_can_be_published(host):
    outside(host)
    namespaces(host, "safe", "web")
    host.good(LAN, VAULT, attach(host, "safe", "vault"), attach(host, "web", "lan"),
              "port safe.container * 8080 80 tcp",
              "port web.container * 8081 80 tcp", "rules")
    host.serve("safe", "tcp", 80, "safe")
    host.serve("web", "tcp", 80, "web")
    assert host.ask("outside", "tcp", "192.0.2.2", 8080) == "safe 10.89.3.1"
    assert host.ask(None, "tcp", "127.0.0.1", 8080) == "safe 10.89.3.1"
    # The other way it has no way out, not even by a port that is there for everyone.
    assert host.refused("safe", "tcp", "10.89.3.1", 8081)


def test_foreign_rules_and_forwarding_are_left_alone(host):
    host.run("nft", "add", "table", "ip", "mine")
    host.run("nft", "add", "chain", "ip", "mine", "c", "{ type filter hook forward priority 5; }")
    host.good(VAULT, "rules")
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward") == "0\n"
    host.good(LAN, "rules")
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"
    host.good("rules")
    tables = host.run("nft", "list", "tables")
    assert tables == "table ip mine\n"


def test_rules_are_replaced_as_a_whole(host):
    namespaces(host, "web")
    host.good(LAN, attach(host, "web", "lan"), "port web.container * 8080 80 tcp", "rules")
    assert "tcp . 8080 : 10.89.1.2 . 80" in host.run("nft", "list", "map", "inet", "sup", "ports")
    host.good(LAN, OFFICE, "rules")
    assert "8080" not in host.run("nft", "list", "ruleset")
    inside = host.run("nft", "list", "set", "inet", "sup", "inside")
    assert '"lan"' in inside and '"office"' in inside
    # One network or a hundred: as many rules.
    before = host.run("nft", "list", "table", "inet", "sup").count("\n\t\t")
    host.good(*(f"network n{i}.network 10.90.{i}.0/24 open" for i in range(20)), "rules")
    after = host.run("nft", "list", "chain", "inet", "sup", "forward")
    assert after.count("drop") == 5 and before > 0


def test_refused_rules_leave_the_old_ones(host):
    """One port that leads to two places: the kernel refuses."""
    namespaces(host, "web")
    host.good(LAN, attach(host, "web", "lan"), "port web.container * 8080 80 tcp", "rules")
    before = host.run("nft", "list", "ruleset")
    answers = host.ctl(LAN, attach(host, "web", "lan"), "port web.container * 1 1 tcp", "port web.container * 1 2 tcp", "rules")
    assert answers[-1] == "error nf_tables table inet sup: fill set ports: File exists"
    assert host.run("nft", "list", "ruleset") == before


def test_thousands_of_ports_in_one_transaction(host):
    namespaces(host, "web")
    ports = [f"port web.container 192.0.2.9 {p} {p} udp" for p in range(1, 5001)]
    host.good(LAN, attach(host, "web", "lan"), *ports, "rules")
    assert host.run("nft", "list", "map", "inet", "sup", "addr_ports").count(" : ") >= 5000


def test_taken_port_of_the_host(host):
    servers = [host.serve(None, "tcp", 8080, "mine"), host.serve(None, "udp", 53, "mine")]
    tcp, udp = (f"{Path(PYTHON).name}, process {server.pid}: Address already in use" for server in servers)
    assert host.ctl("free * 8080 tcp", "free 127.0.0.1 8080 tcp", "free 0.0.0.0 8080 udp",
                    "free 127.0.0.1 53 udp", "free 203.0.113.9 80 tcp", "free 203.0.113.9 8080 tcp") == [
        f"error taken by {tcp}",
        f"error taken by {tcp}",
        "ok",
        f"error taken by {udp}",
        "ok",  # of an address that comes later
        f"error taken by {tcp}"]


def test_nothing_is_left_behind(host):
    before = host.state()
    namespaces(host, "web", "db")
    for _ in range(3):
        host.good(LAN, VAULT, attach(host, "web", "lan"), attach(host, "db", "vault"),
                  "port web.container * 8080 80 tcp", "rules",
                  "detach web.container lan.network", "detach db.container vault.network",
                  "down lan.network", "down vault.network", "clear", "rules")
    host.run("umount", host.path("web"), host.path("db"))
    host.becomes(host.state, before)


def test_detached_is_cut_off_at_once_and_can_come_back(host):
    namespaces(host, "web")
    host.good(LAN, attach(host, "web", "lan"))
    assert any(host.pings("web", "10.89.1.1") for _ in range(10))  # a link comes up in its own time
    host.good(LAN, "detach web.container lan.network")
    assert not host.pings("web", "10.89.1.1")
    host.good(LAN, attach(host, "web", "lan"))
    assert any(host.pings("web", "10.89.1.1") for _ in range(10))


def test_detach_and_down_twice(host):
    host.good(LAN, "detach web.container lan.network", "down lan.network", "down lan.network")


def test_interface_of_another_pair_is_not_taken_for_ours(host):
    """The host's end belongs to a namespace that still exists, the eth0 inside to somebody else."""
    namespaces(host, "web", "old")
    host.good(LAN, f"attach web.container lan.network auto {host.path('old')}")
    host.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "x0", ns="web")
    assert host.ctl(LAN, attach(host, "web", "lan"))[1].startswith(
        "error web.container: make veth pair vweb-")


def test_new_namespace_takes_over_the_name(host):
    """The old namespace still exists, as after a crash: its pair goes, the new one works."""
    namespaces(host, "web", "web2")
    host.good(LAN, attach(host, "web", "lan"))
    host.good(LAN, f"attach web.container lan.network auto {host.path('web2')}")
    assert host.pings("web2", "10.89.1.1")
    assert "eth0" not in host.run("ip", "-o", "link", ns="web")


def test_sweep_removes_what_nobody_wants(host):
    namespaces(host, "web", "db")
    host.run("ip", "link", "add", "foreign", "type", "bridge")
    names = [a.split()[1] for a in host.good(
        LAN, OFFICE, attach(host, "web", "lan"), attach(host, "db", "lan"))]
    host.good("sweep lan.network web.container")
    left = host.links()
    assert names[0] in left and names[2] in left and "foreign" in left
    assert names[1] not in left and names[3] not in left


def test_missing_bridge_is_named(host):
    namespaces(host, "web")
    answers = host.ctl(LAN, "down lan.network", attach(host, "web", "lan"))
    assert answers[2] == "error web.container: the bridge lan is missing"


def test_full_bridge_is_said(host):
    """1,023 ports are what a bridge can number."""
    namespaces(host, "web")
    host.good(LAN)
    fill = "\n".join(f"link add f{i} master lan type veth peer name g{i}" for i in range(1023))
    subprocess.run(host.argv(None, "ip", "-batch", "-"), input=fill, text=True, check=True,
                   timeout=4 * SECONDS)
    before = len(host.links())
    assert host.ctl(LAN, attach(host, "web", "lan"))[1] == (
        "error web.container: the bridge lan is full: it has 1,023 ports, the most the kernel takes")
    assert len(host.links()) == before


def test_kernels_own_words_are_in_the_error(host):
    answers = host.ctl("network lan.network 10.89.1.0/24 open lan 600",
                       "network big.network 10.89.2.0/24 open . 600")
    assert answers[0].startswith("ok")
    assert answers[1] == "error big.network: make bridge .: Invalid argument"


# Sends frames as they are: hex, one a line.
SENDER = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for line in sys.stdin:
    s.send(bytes.fromhex(line))
"""
# The marks that frames bear, until one of them is "end".
SNIFFER = """
import re, socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
print("ready", flush=True)
seen = []
while "end" not in seen:
    seen += [m.decode() for m in re.findall(rb"mark-([a-z0-9-]+);", s.recv(2000))]
print(*seen)
"""


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(text):
    return bytes(map(int, text.split(".")))


def frame(to, source, protocol, packet):
    return mac(to) + mac(source) + protocol.to_bytes(2, "big") + packet


def arp(source_mac, source, target, mark):
    """A reply that says: who asks for `source` is to send to source_mac."""
    return bytes.fromhex("0001080006040002") + mac(source_mac) + ip(source) + bytes(6) + ip(target) + mark


def datagram(source, to, mark):
    """IPv4 and UDP, with the sums right."""
    size = 8 + len(mark)
    head = bytes.fromhex("4500") + (20 + size).to_bytes(2, "big") + bytes.fromhex("0000400040110000") + ip(source) + ip(to)
    total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
    total = 0xffff & ~((total & 0xffff) + (total >> 16))
    ports = (9).to_bytes(2, "big") * 2
    return head[:10] + total.to_bytes(2, "big") + head[12:] + ports + size.to_bytes(2, "big") + bytes(2) + mark


def no_next_header(mark):
    """IPv6, from a router to all."""
    ends = bytes.fromhex("fe80" + "00" * 13 + "01" + "ff02" + "00" * 13 + "01")
    return bytes.fromhex("60000000") + len(mark).to_bytes(2, "big") + bytes([59, 255]) + ends + mark


ALL, ME, OTHER, GATEWAY, NOBODY = "ff:ff:ff:ff:ff:ff", "10.89.1.2", "10.89.1.3", "10.89.1.1", "10.89.1.7"
STRANGE = "02:00:00:00:00:07"
# By mark: what the neighbour is to see, and what not.
HONEST = {
    "arp": lambda own, mark: frame(ALL, own, 0x806, arp(own, ME, OTHER, mark)),
    "datagram": lambda own, mark: frame(ALL, own, 0x800, datagram(ME, OTHER, mark)),
}
POSES = {
    "mac": lambda own, mark: frame(ALL, STRANGE, 0x800, datagram(ME, OTHER, mark)),
    "address": lambda own, mark: frame(ALL, own, 0x800, datagram(NOBODY, OTHER, mark)),
    "gateway": lambda own, mark: frame(ALL, own, 0x800, datagram(GATEWAY, OTHER, mark)),
    "arp-gateway": lambda own, mark: frame(ALL, own, 0x806, arp(own, GATEWAY, OTHER, mark)),
    "arp-neighbour": lambda own, mark: frame(ALL, own, 0x806, arp(own, OTHER, GATEWAY, mark)),
    "arp-mac": lambda own, mark: frame(ALL, own, 0x806, arp(STRANGE, ME, OTHER, mark)),
    "arp-frame": lambda own, mark: frame(ALL, STRANGE, 0x806, arp(own, ME, OTHER, mark)),
    "ipv6": lambda own, mark: frame("33:33:00:00:00:01", own, 0x86dd, no_next_header(mark)),
    "other-protocol": lambda own, mark: frame(ALL, own, 0x88b5, mark),
    "vlan": lambda own, mark: frame(ALL, own, 0x8100, bytes.fromhex("00050800") + datagram(NOBODY, OTHER, mark)),
    # What is in it is its own, and a bridge that a NIC is a port of would send it on with its tag.
    "vlan-own": lambda own, mark: frame(ALL, own, 0x8100, bytes.fromhex("00050800") + datagram(ME, OTHER, mark)),
    "vlan-none": lambda own, mark: frame(ALL, own, 0x8100, bytes.fromhex("00000800") + datagram(ME, OTHER, mark)),
    "vlan-ad": lambda own, mark: frame(ALL, own, 0x88a8, bytes.fromhex("00050800") + datagram(ME, OTHER, mark)),
    "vlan-two": lambda own, mark: frame(ALL, own, 0x88a8, bytes.fromhex("0005810000060800") + datagram(ME, OTHER, mark)),
}


@pytest.mark.parametrize("words, seen", [("open", [*HONEST, "end"]), ("poser", [*HONEST, *POSES, "end"])])
def test_nobody_poses_as_a_neighbour(host, words, seen):
    namespaces(host, "web", "db")
    host.good(f"network lan.network 10.89.1.0/24 {words}", attach(host, "web", "lan"), attach(host, "db", "lan"), "rules")
    assert any(host.pings("web", OTHER) for _ in range(10))
    own = json.loads(host.run("ip", "-j", "link", "show", "eth0", ns="web"))[0]["address"]
    sniffer = subprocess.Popen(host.argv("db", PYTHON, "-c", SNIFFER), stdout=subprocess.PIPE, text=True)
    host.stack.callback(host.end, sniffer)
    assert sniffer.stdout.readline() == "ready\n"
    frames = [make(own, f"mark-{mark};".encode())
              for mark, make in {**HONEST, **POSES, "end": HONEST["datagram"]}.items()]
    subprocess.run(host.argv("web", PYTHON, "-c", SENDER), input="\n".join(f.hex() for f in frames), text=True,
                   check=True, timeout=SECONDS)
    sniffer.wait(SECONDS)
    assert sniffer.stdout.read().split() == seen


# What a bridge takes for itself: it gives that to the host as if it had come from the port.
GROUPS = [f"01:80:c2:00:00:0{n:x}" for n in (0, 2, 3, 4, 0xd, 0xe, 0xf)]


# Says the marks of datagrams that the host hears, until "end".
HEARER = """
import re, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9))
print("ready", flush=True)
seen = []
while "end" not in seen:
    seen += [m.decode() for m in re.findall(rb"mark-([a-z0-9:]+);", s.recv(2000))]
print(*seen)
"""


@pytest.mark.parametrize("words, heard", [("open-hostaccess-poser", [*GROUPS, "end"]), ("open", ["end"])])
def test_no_frame_goes_past_the_rules(host, words, heard):
    namespaces(host, "web")
    host.good(f"network lan.network 10.89.1.0/24 {words}", attach(host, "web", "lan"), "rules")
    assert any(host.pings("web", GATEWAY) for _ in range(10))
    own = json.loads(host.run("ip", "-j", "link", "show", "eth0", ns="web"))[0]["address"]
    hearer = subprocess.Popen(host.argv(None, PYTHON, "-c", HEARER), stdout=subprocess.PIPE, text=True)
    host.stack.callback(host.end, hearer)
    assert hearer.stdout.readline() == "ready\n"
    frames = [frame(group, own, 0x800, datagram(ME, GATEWAY, f"mark-{group};".encode())) for group in GROUPS]
    frames += [frame(group, STRANGE, 0x88cc, bytes(46)) for group in GROUPS]
    subprocess.run(host.argv("web", PYTHON, "-c", SENDER), input="\n".join(f.hex() for f in frames), text=True,
                   check=True, timeout=SECONDS)
    host.run(PYTHON, "-c", "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'mark-end;', ('127.0.0.1', 9))")
    hearer.wait(SECONDS)
    assert hearer.stdout.read().split() == heard
    assert (STRANGE in host.run("bridge", "fdb", "show")) == ("poser" in words)


def test_the_guard_goes_with_who_is_guarded(host):
    namespaces(host, "web", "db")
    host.good(LAN, attach(host, "web", "lan"), attach(host, "db", "lan"), "rules")
    assert "10.89.1.2" in host.run("nft", "list", "set", "bridge", "sup", "own")
    host.good(LAN, attach(host, "web", "lan"), "detach web.container lan.network")
    left = host.run("nft", "list", "table", "bridge", "sup")
    assert "10.89.1.2" not in left and "10.89.1.3" in left
    host.good("rules")
    assert "bridge" not in host.run("nft", "list", "tables")


CONNECT = """
import errno, socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
    print("connected")
except OSError as e:
    print(errno.errorcode.get(e.errno, e))
"""


def test_services_of_the_host_are_for_those_with_host_access(host):
    outside(host)
    namespaces(host, "web", "boss")
    host.good(LAN, "network office.network 10.89.2.0/24 host", attach(host, "web", "lan"),
              attach(host, "boss", "office"), "rules")
    host.serve(None, "tcp", 6000, "host")
    assert any(host.pings("web", "10.89.1.1") for _ in range(10))
    for address in "10.89.1.1", "10.89.2.1", "192.0.2.2":
        assert host.run(PYTHON, "-c", CONNECT, address, 6000, ns="web") == "EHOSTUNREACH\n"
    for address in "10.89.2.1", "192.0.2.2":
        assert host.ask("boss", "tcp", address, 6000) == "host 10.89.2.2"
    # The host itself asks whom it likes, and the machines outside are no business of these rules.
    host.serve("web", "tcp", 80, "web")
    assert host.ask(None, "tcp", "10.89.1.2", 80) == "web 10.89.1.1"
    assert host.ask("outside", "tcp", "192.0.2.2", 6000) == "host 192.0.2.1"


def test_strict_network_keeps_neighbours_apart(host):
    outside(host)
    # A bridge that translates by itself sends from port to port, which is what is forbidden.
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", check=False)
    namespaces(host, "web", "db")
    host.good("network lan.network 10.89.1.0/24 strict", attach(host, "web", "lan"),
              attach(host, "db", "lan"), "port db.container * 8080 80 tcp", "rules")
    host.serve("db", "tcp", 80, "db")
    host.serve("outside", "tcp", 9000, "out")
    assert any(host.pings("web", "10.89.1.1") for _ in range(10))
    assert host.refused("web", "tcp", OTHER, 80)
    # Nor by way of the host, which would send it back.
    host.run("ip", "route", "add", OTHER, "via", "10.89.1.1", ns="web")
    assert host.refused("web", "tcp", OTHER, 80)
    assert host.ask("web", "tcp", "192.0.2.1", 9000) == "out 192.0.2.2"
    # What is published is there for everyone.
    assert host.ask("web", "tcp", "10.89.1.1", 8080).split()[0] == "db"


# Sends so many datagrams of 1000 bytes to each address, in turn.
FLOOD = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[1])):
    for to in sys.argv[2:]:
        try:
            s.sendto(bytes(1000), (to, 9))
        except OSError:
            pass
"""
# Counts, when it is told to, the datagrams that have come, by their source.
COUNTER = """
import collections, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE: nothing is lost here
s.bind(("0.0.0.0", 9))
print("ready", flush=True)
sys.stdin.readline()
s.setblocking(False)
seen = collections.Counter()
try:
    while True:
        seen[s.recvfrom(2000)[1][0]] += 1
except BlockingIOError:
    pass
for source, n in sorted(seen.items()):
    print(source, n)
"""


def counter(host, ns):
    process = subprocess.Popen(host.argv(ns, PYTHON, "-c", COUNTER), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    host.stack.callback(host.end, process)
    assert process.stdout.readline() == "ready\n"
    return process


def counted(process):
    answer, _ = process.communicate("now\n", timeout=SECONDS)
    return {line.split()[0]: int(line.split()[1]) for line in answer.splitlines()}


PLENTY = 4000
# A second of the rate and 128 kB pass at once, then 10 of these datagrams in a second.
RATE = 10000


@pytest.mark.parametrize("words", ["open", "poser"])
def test_rates_hold_back_one_and_not_its_neighbours(host, words):
    """Of what is sent at the same time as by another, less than a tenth passes; the same of what is sent to it. Guarded or not."""
    namespaces(host, "web", "free", "sink")
    limit = f"limit web.container {RATE} {RATE} 0"
    host.good(f"network lan.network 10.89.1.0/24 {words}", limit, *(attach(host, n, "lan") for n in ("web", "free", "sink")), "rules")
    web, free, sink = "10.89.1.2", "10.89.1.3", "10.89.1.4"
    assert any(host.pings("sink", web) and host.pings("sink", free) for _ in range(10))
    at = {n: counter(host, n) for n in ("web", "free", "sink")}
    for n in "web", "free":
        host.run(PYTHON, "-c", FLOOD, PLENTY, sink, ns=n)
    host.run(PYTHON, "-c", FLOOD, PLENTY, web, free, ns="sink")
    got = {n: counted(process) for n, process in at.items()}
    assert got["sink"][free] == PLENTY and got["free"][sink] == PLENTY
    assert 100 < got["sink"][web] < PLENTY / 10
    assert 100 < got["web"][sink] < PLENTY / 10
    out, into, _, bytes_in, _, limited, _ = map(int, host.good(
        f"network lan.network 10.89.1.0/24 {words}", "traffic web.container lan.network")[1].split()[1:])
    assert limited == 2 * PLENTY - got["sink"][web] - got["web"][sink]
    assert out >= PLENTY and PLENTY > into >= got["web"][sink] and bytes_in >= 1000 * got["web"][sink]


# How many of the connections come to be; they last as long as this program.
HOLD = """
import socket, sys
held = []
for _ in range(int(sys.argv[3])):
    try:
        held.append(socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.5))
    except OSError:
        pass
print(len(held))
"""
# Keeps each connection until the other side has ended it.
QUEUE = """
import socket, sys, threading
s = socket.create_server((sys.argv[1], 9000), backlog=64, family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print("ready", flush=True)
def keep(c):
    c.recv(1)
    c.close()
while True:
    threading.Thread(target=keep, args=(s.accept()[0],), daemon=True).start()
"""


def queue(host, ns, address):
    process = subprocess.Popen(host.argv(ns, PYTHON, "-c", QUEUE, address), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    host.stack.callback(host.end, process)
    assert process.stdout.readline() == "ready\n"


def test_connections_of_one_container_have_an_end(host):
    outside(host)
    namespaces(host, "web", "free")
    host.good(LAN, "limit web.container 0 0 5", attach(host, "web", "lan"), attach(host, "free", "lan"), "rules")
    queue(host, "outside", "192.0.2.1")
    queue(host, "free", "10.89.1.3")
    # Else a bridge shows the rules what goes from neighbour to neighbour.
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", check=False)
    assert host.run(PYTHON, "-c", HOLD, "192.0.2.1", 9000, 12, ns="free") == "12\n"
    assert host.run(PYTHON, "-c", HOLD, "192.0.2.1", 9000, 8, ns="web") == "5\n"
    # Those have ended, and others may come; neighbours do not count.
    host.becomes(lambda: host.run(PYTHON, "-c", HOLD, "192.0.2.1", 9000, 5, ns="web"), "5\n")
    assert host.run(PYTHON, "-c", HOLD, "10.89.1.3", 9000, 12, ns="web") == "12\n"
    assert stopped(host, "web") >= 3 and stopped(host, "free") == 0


def stopped(host, name):
    return int(host.good(LAN, f"traffic {name}.container lan.network")[1].split()[7])


# One flow each, which the kernel remembers for half a minute.
FLOWS = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(10000, 10000 + int(sys.argv[2])):
    s.sendto(b"?", (sys.argv[1], port))
"""
TABLE = "/proc/sys/net/netfilter/nf_conntrack_max"


def table_of(host, most):
    """How much it holds is the real host's, and nobody else may change it. Here it is a file, as anybody's."""
    file = host.path("table")
    host.run("sh", "-c", f"echo {most} >{file}")
    host.run("mount", "--bind", file, TABLE)


def test_nobody_has_the_whole_table_of_connections(host):
    """Of a small table that cannot be made larger it is a quarter; ConnectionsMax= may be more."""
    outside(host)
    namespaces(host, "web", "free", "own")
    table_of(host, 48)
    host.run("mount", "-o", "remount,bind,ro", TABLE)
    host.good(LAN, "limit own.container 0 0 20", *(attach(host, n, "lan") for n in ("web", "free", "own")), "rules")
    host.serve("outside", "tcp", 8000, "out")
    queue(host, "outside", "192.0.2.1")
    host.run(PYTHON, "-c", FLOWS, "192.0.2.1", 11, ns="web")
    assert host.ask("web", "tcp", "192.0.2.1", 8000) == "out 192.0.2.2" and stopped(host, "web") == 0
    host.run(PYTHON, "-c", FLOWS, "192.0.2.1", 30, ns="web")
    assert host.refused("web", "tcp", "192.0.2.1", 8000)
    # The way to the host and to whom it publishes is one, too.
    host.run(PYTHON, "-c", FLOWS, "10.89.1.1", 5, ns="web")
    assert stopped(host, "web") >= 18 + 1 + 5
    for name in "free", None:
        assert host.ask(name, "tcp", "192.0.2.1", 8000) == "out 192.0.2.2"
    assert host.run(PYTHON, "-c", HOLD, "192.0.2.1", 9000, 22, ns="own") == "20\n"
    assert stopped(host, "own") >= 2 and stopped(host, "free") == 0


@pytest.mark.parametrize("most, then, share", [(4096, 16384, 4096), (16384, 16384, 4096), (40000, 40000, 10000), (1000000, 1000000, 16384)])
def test_a_small_table_of_connections_is_made_larger(host, most, then, share):
    table_of(host, most)
    host.good(LAN, "rules")
    assert int(host.run("cat", TABLE)) == then
    assert f"ct count over {share} }}" in host.run("nft", "list", "chain", "inet", "sup", "prerouting")


def test_what_poses_is_counted(host):
    namespaces(host, "web", "db")
    host.good(LAN, attach(host, "web", "lan"), attach(host, "db", "lan"), "rules")
    assert any(host.pings("web", OTHER) for _ in range(10))
    own = json.loads(host.run("ip", "-j", "link", "show", "eth0", ns="web"))[0]["address"]
    before = host.good(LAN, "traffic web.container lan.network")[1].split()
    subprocess.run(host.argv("web", PYTHON, "-c", SENDER), check=True, timeout=SECONDS, text=True,
                   input="\n".join(make(own, b"mark-x;").hex() for make in POSES.values()))
    after = host.good(LAN, "traffic web.container lan.network")[1].split()
    # IPv6, which the kernel says of its own accord, is dropped where the network has none, and not told.
    assert int(after[5]) - int(before[5]) == len(POSES) - 1 and before[5] == after[6] == "0"


LAN6 = "network lan.network 10.89.1.0/24,fd01::/64 open"
OFFICE6 = "network office.network 10.89.2.0/24,fd02::/64 open"
VAULT6 = "network vault.network 10.89.3.0/24,fd03::/64 internal"
GLOBAL6 = "network wide.network 10.89.4.0/24,2001:db8:4::/64 open"


def test_ipv6_goes_out_and_does_not_come_in(host):
    """A local address goes out under the host's, a global one under its own; nothing comes in by itself."""
    outside(host)
    namespaces(host, "web", "boss", "safe", "wide")
    host.good(LAN6, OFFICE6, VAULT6, GLOBAL6, attach(host, "web", "lan"), attach(host, "boss", "office"),
              attach(host, "safe", "vault"), attach(host, "wide", "wide"), "rules")
    host.serve("outside", "tcp6", 9000, "out")
    for name in "boss", "safe", "wide":
        host.serve(name, "tcp6", 80, name)
    assert host.ask("web", "tcp", "2001:db8::1", 9000) == "out 2001:db8::2"
    host.run("ip", "route", "add", "2001:db8:4::/64", "via", "2001:db8::2", ns="outside")
    assert host.ask("wide", "tcp", "2001:db8::1", 9000) == "out 2001:db8:4::2"
    host.run("ip", "-6", "route", "add", "default", "via", "fd03::1", ns="safe")
    assert host.refused("safe", "tcp", "2001:db8::1", 9000)
    host.run("ip", "route", "add", "fd00::/8", "via", "2001:db8::2", ns="outside")
    for who in ("web", "outside"):
        for address in ("fd02::2", "fd03::2", "2001:db8:4::2"):
            assert host.refused(who, "tcp", address, 80)
    assert host.ask(None, "tcp", "fd02::2", 80) == "boss fd02::1"


def test_host_stays_a_host_to_its_routers(host):
    """Who forwards does not listen to routers, unless it is told so before."""
    outside(host)
    host.run("sysctl", "-qw", "net.ipv6.conf.up0.accept_ra=1", "net.ipv6.conf.all.forwarding=0")
    host.good(VAULT6, "rules")
    assert host.run("cat", "/proc/sys/net/ipv6/conf/all/forwarding") == "0\n"
    host.good(LAN6, "rules")
    assert host.run("cat", "/proc/sys/net/ipv6/conf/all/forwarding", "/proc/sys/net/ipv6/conf/up0/accept_ra") == "1\n2\n"


@pytest.mark.parametrize("bridged", [0, 1])
def test_published_port_is_reached_by_ipv6(host, bridged):
    outside(host)
    host.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-iptables={bridged}",
             f"net.bridge.bridge-nf-call-ip6tables={bridged}", check=bridged == 1)
    namespaces(host, "web", "db", "boss", "safe", "old")
    host.good(LAN6, OFFICE6, VAULT6, "network four.network 10.89.5.0/24 open", attach(host, "web", "lan"),
              attach(host, "db", "lan"), attach(host, "boss", "office"), attach(host, "safe", "vault"),
              attach(host, "old", "four"), "port web.container * 8080 80 tcp", "port web.container * 5353 53 udp",
              "port safe.container 2001:db8::2 8090 80 tcp", "port web.container 0.0.0.0 8081 80 tcp",
              "port old.container * 8082 80 tcp", "rules")
    for kind, port, word in (("tcp", 80, "web"), ("udp", 53, "dns")):
        host.serve("web", kind, port, word)
        host.serve("web", kind + "6", port, word)
    host.serve("safe", "tcp6", 80, "safe")
    for kind, port, word in (("tcp", 8080, "web"), ("udp", 5353, "dns")):
        assert host.ask("outside", kind, "2001:db8::2", port) == f"{word} 2001:db8::1"
        for address in "2001:db8::2", "fd01::1":
            assert host.ask(None, kind, address, port).split()[0] == word
            assert host.ask("db", kind, address, port).split()[0] == word
            assert host.ask("boss", kind, address, port) == f"{word} fd02::2"
        if not bridged:
            assert host.ask("web", kind, "fd01::1", port).split()[0] == word
    assert host.ask("outside", "tcp", "2001:db8::2", 8090) == "safe fd03::1"
    assert host.refused("outside", "tcp", "2001:db8::2", 8081) and host.refused("outside", "tcp", "2001:db8::2", 8082)
    assert host.ask("outside", "tcp", "192.0.2.2", 8081) == "web 192.0.2.1"
    # ::1 is the host's own, at once: who is refused there goes on to 127.0.0.1.
    assert host.run(PYTHON, "-c", CONNECT, "::1", 8080) == "ECONNREFUSED\n"
    assert host.ask(None, "tcp", "localhost", 8080).split()[0] == "web"


def test_services_of_the_host_are_closed_in_ipv6(host):
    outside(host)
    namespaces(host, "web", "boss")
    host.good(LAN6, "network office.network 10.89.2.0/24,fd02::/64 host", attach(host, "web", "lan"), attach(host, "boss", "office"),
              "rules")
    host.serve(None, "tcp6", 6000, "host")
    assert host.pings("web", "fd01::1")
    link = next(a["local"] for a in json.loads(host.run("ip", "-j", "-6", "addr", "show", "lan"))[0]["addr_info"]
                if a["scope"] == "link")
    for address in "fd01::1", "fd02::1", "2001:db8::2", f"{link}%eth0":
        assert host.run(PYTHON, "-c", CONNECT, address, 6000, ns="web") == "EACCES\n"
    for address in "fd02::1", "2001:db8::2":
        assert host.ask("boss", "tcp", address, 6000) == "host fd02::2"


def test_taken_port_of_ipv6(host):
    servers = [host.serve(None, "tcp6", 8080, "mine"), host.serve(None, "udp6", 53, "mine")]
    tcp, udp = (f"{Path(PYTHON).name}, process {server.pid}: Address already in use" for server in servers)
    assert host.ctl("free * 8080 tcp", "free ::1 8080 tcp", "free 127.0.0.1 8080 tcp", "free * 53 udp",
                    "free * 8080 sctp", "free 2001:db8::9 80 tcp", "free 2001:db8::9 8080 tcp") == [
        f"error taken by {tcp}", f"error taken by {tcp}", "ok",
        f"error taken by {udp}", "ok", "ok", f"error taken by {tcp}"]


def ip6(text):
    return ipaddress.IPv6Address(text).packed


def packet6(source, to, protocol, body, extra=b"", header=0):
    """IPv6; `extra` stands between its header and the body: the first byte of it is the protocol then."""
    first = header if extra else protocol
    return (bytes.fromhex("60000000") + (len(extra) + len(body)).to_bytes(2, "big") + bytes([first, 255]) +
            ip6(source) + ip6(to) + extra + body)


def icmp6(source, to, kind, rest, extra=b""):
    body = bytes([kind, 0, 0, 0]) + rest
    whole = ip6(source) + ip6(to) + len(body).to_bytes(4, "big") + bytes([0, 0, 0, 58]) + body + bytes(len(body) % 2)
    total = sum(int.from_bytes(whole[i:i + 2], "big") for i in range(0, len(whole), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return packet6(source, to, 58, body[:2] + (0xffff & ~total).to_bytes(2, "big") + body[4:], extra)


def udp6(source, to, port, mark):
    return packet6(source, to, 17, port.to_bytes(2, "big") + (9).to_bytes(2, "big") + (8 + len(mark)).to_bytes(2, "big") + b"\1\1" + mark)


def first_fragment(packet, mark, says=b""):
    """The first part of a packet: a header of options with the mark and, of what is behind it, `says`."""
    option = bytes([1, len(mark)]) + mark
    option += bytes(-(2 + len(option)) % 8)
    options = bytes([packet[6], len(option) // 8]) + option
    body = bytes([60, 0, 0, 1, 0, 0, 0, 7]) + options + says
    return packet[:4] + len(body).to_bytes(2, "big") + bytes([44]) + packet[7:40] + body


ME6, OTHER6, GATEWAY6, NOBODY6, EVERY6 = "fd01::2", "fd01::3", "fd01::1", "fd01::7", "ff02::1"
NS, NA, RA, REDIRECT = 135, 136, 134, 137
HOPS = bytes([58, 0, 1, 4, 0, 0, 0, 0])  # a header of options that say nothing
HONEST6 = {
    "datagram": lambda link, mark: udp6(ME6, EVERY6, 9, mark),
    "link": lambda link, mark: udp6(link, EVERY6, 9, mark),
    "asks": lambda link, mark: icmp6(ME6, EVERY6, NS, bytes(4) + ip6(OTHER6) + mark),
    "claims": lambda link, mark: icmp6("::", EVERY6, NS, bytes(4) + ip6(ME6) + mark),
    "answers": lambda link, mark: icmp6(ME6, EVERY6, NA, bytes(4) + ip6(ME6) + mark),
    "answers-link": lambda link, mark: icmp6(ME6, EVERY6, NA, bytes(4) + ip6(link) + mark),
    "dhcp-client": lambda link, mark: udp6(link, EVERY6, 546, mark),
    "part-datagram": lambda link, mark: first_fragment(udp6(ME6, OTHER6, 9, b""), mark, udp6(ME6, OTHER6, 9, b"")[40:]),
    "part-later": lambda link, mark: packet6(ME6, OTHER6, 17, mark + bytes(8), bytes([17, 0, 0, 8, 0, 0, 0, 9]), 44),
    "part-pong": lambda link, mark: first_fragment(icmp6(ME6, OTHER6, 129, b""), mark, icmp6(ME6, OTHER6, 129, bytes(4))[40:]),
    "nothing-behind": lambda link, mark: packet6(ME6, EVERY6, 59, mark),
    "pong": lambda link, mark: icmp6(ME6, EVERY6, 129, bytes(4) + mark),
}
POSES6 = {
    "address": lambda link, mark: udp6(NOBODY6, EVERY6, 9, mark),
    "gateway": lambda link, mark: udp6(GATEWAY6, EVERY6, 9, mark),
    "link-other": lambda link, mark: udp6("fe80::7", EVERY6, 9, mark),
    "answers-gateway": lambda link, mark: icmp6(ME6, EVERY6, NA, bytes(4) + ip6(GATEWAY6) + mark),
    "answers-other": lambda link, mark: icmp6(link, EVERY6, NA, bytes(4) + ip6(OTHER6) + mark),
    "answers-behind": lambda link, mark: icmp6(ME6, EVERY6, NA, bytes(4) + ip6(GATEWAY6) + mark, HOPS),
    "claims-other": lambda link, mark: icmp6("::", EVERY6, NS, bytes(4) + ip6(OTHER6) + mark),
    "router": lambda link, mark: icmp6(link, EVERY6, RA, bytes(12) + mark),
    "router-behind": lambda link, mark: icmp6(link, EVERY6, RA, bytes(12) + mark, HOPS),
    "redirect": lambda link, mark: icmp6(link, EVERY6, REDIRECT, bytes(4) + ip6(OTHER6) + ip6(OTHER6) + mark),
    "part-router": lambda link, mark: first_fragment(icmp6(link, EVERY6, RA, b""), mark),
    "part-router-type": lambda link, mark: first_fragment(icmp6(link, EVERY6, RA, b""), mark, icmp6(link, EVERY6, RA, bytes(4))[40:]),
    "part-answers": lambda link, mark: first_fragment(icmp6(ME6, EVERY6, NA, b""), mark, icmp6(ME6, EVERY6, NA, bytes(4))[40:]),
    "part-dhcp": lambda link, mark: first_fragment(udp6(link, EVERY6, 547, b""), mark),
    "part-dhcp-port": lambda link, mark: first_fragment(udp6(link, EVERY6, 547, b""), mark, udp6(link, EVERY6, 547, b"")[40:]),
    "dhcp-server": lambda link, mark: udp6(link, EVERY6, 547, mark),
}


# Answers with as many bytes as it gets.
ECHO = """
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 9000))
print("ready", flush=True)
while True:
    s.sendto(*s.recvfrom(9000))
"""
LONG = """
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(bytes(4000), (sys.argv[1], 9000))
print(len(s.recv(9000)))
"""


@pytest.mark.parametrize("bridged", [0, 1])
def test_long_datagrams_pass_in_parts(host, bridged):
    outside(host)
    host.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-ip6tables={bridged}", check=bridged == 1)
    namespaces(host, "web", "db")
    host.good(LAN6, attach(host, "web", "lan"), attach(host, "db", "lan"), "rules")
    for ns, address in (("db", OTHER6), ("outside", "2001:db8::1")):
        echo = subprocess.Popen(host.argv(ns, PYTHON, "-c", ECHO), stdout=subprocess.PIPE, text=True)
        host.stack.callback(host.end, echo)
        assert echo.stdout.readline() == "ready\n"
        assert host.run(PYTHON, "-c", LONG, address, ns="web") == "4000\n"
        host.run("busybox", "ping", "-c", "1", "-W", "5", "-s", "4000", address, ns="web")


@pytest.mark.parametrize("words, seen", [("open", [*HONEST6, "end"]), ("poser", [*HONEST6, *POSES6, "end"])])
def test_nobody_poses_as_a_neighbour_in_ipv6(host, words, seen):
    # Which gathers the parts of a packet, and would keep those whose others do not come.
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-ip6tables=0", check=False)
    namespaces(host, "web", "db")
    host.good(f"network lan.network 10.89.1.0/24,fd01::/64 {words}", attach(host, "web", "lan"), attach(host, "db", "lan"), "rules")
    assert any(host.pings("web", OTHER6) for _ in range(10))
    own = json.loads(host.run("ip", "-j", "addr", "show", "eth0", ns="web"))[0]
    link = next(a["local"] for a in own["addr_info"] if a["scope"] == "link")
    sniffer = subprocess.Popen(host.argv("db", PYTHON, "-c", SNIFFER), stdout=subprocess.PIPE, text=True)
    host.stack.callback(host.end, sniffer)
    assert sniffer.stdout.readline() == "ready\n"
    frames = [frame("33:33:00:00:00:01", own["address"], 0x86dd, make(link, f"mark-{mark};".encode()))
              for mark, make in {**HONEST6, **POSES6, "end": HONEST6["datagram"]}.items()]
    subprocess.run(host.argv("web", PYTHON, "-c", SENDER), input="\n".join(f.hex() for f in frames), text=True,
                   check=True, timeout=SECONDS)
    sniffer.wait(SECONDS)
    assert sniffer.stdout.read().split() == seen
