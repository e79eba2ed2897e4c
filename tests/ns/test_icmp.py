"""Errors of ICMP: who may tell whom of a connection. A network tells only of its own, and those are heard."""

import subprocess

import pytest

from test_net import LAN6, OFFICE6, PYTHON, attach, host, namespaces, netctl, outside  # noqa: F401 (fixtures)

# A connected socket of UDP at a port; what it says when it is asked is the error it was told of meanwhile.
PEER = """
import errno, socket, sys
at, to, port, first = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
v6 = ":" in to
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.bind(("::" if v6 else "0.0.0.0", at))
s.connect((to, port))
print("ready", flush=True)
for word in ("s", "r") if first == "first" else ("r", "s"):
    s.send(b"?") if word == "s" else s.recv(9)
print("talks", flush=True)
sys.stdin.readline()
n = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
print(errno.errorcode[n] if n else "nothing")
"""
# That a port is closed: about a datagram from..to, in an error to somebody.
TELLS = """
import ipaddress, socket, struct, sys
to, source, port, target, target_port = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
udp = struct.pack(">HHHH", port, target_port, 16, 0) + bytes(8)
def total(data):
    n = sum(struct.unpack(f">{len(data) // 2}H", data))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return struct.pack(">H", 0xffff & ~n)
if a.version == 4:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 36, 1, 0, 64, 17, 0) + a.packed + b.packed
    head = head[:10] + total(head) + head[12:]
    error = struct.pack(">BBHI", 3, 3, 0, 0) + head + udp
    error = error[:2] + total(error) + error[4:]
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
else:
    error = struct.pack(">BBHI", 1, 4, 0, 0) + struct.pack(">IHBB", 6 << 28, 16, 17, 64) + a.packed + b.packed + udp
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.sendto(error, (to, 0))
"""
# What a datagram to a port where nobody listens is answered with.
CLOSED = """
import errno, socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(float(sys.argv[3]))
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"?")
try:
    s.recv(9)
except OSError as e:
    print(errno.errorcode.get(e.errno, "silence"))
"""
# How wide a way is found to be, by datagrams that must not be cut in parts.
WIDTH = """
import socket, sys, time
v6 = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
level, discover, mtu = (41, 23, 24) if v6 else (0, 10, 14)
s.setsockopt(level, discover, 2)
s.connect((sys.argv[1], 9))
end = time.monotonic() + 10
while s.getsockopt(level, mtu) == 1500 and time.monotonic() < end:
    try:
        s.send(bytes(1400))
    except OSError:
        pass
    time.sleep(0.05)
print(s.getsockopt(level, mtu))
"""
WORLD = {4: ("192.0.2.2", "192.0.2.1"), 6: ("2001:db8::2", "2001:db8::1")}
BEE = {4: "10.89.1.2", 6: "fd01::2"}
GATEWAY = {4: ("10.89.1.1", "10.89.2.1"), 6: ("fd01::1", "fd02::1")}
EVIL = {4: "10.89.2.2", 6: "fd02::2"}


def two_networks(host, *lines):
    outside(host)
    namespaces(host, "bee", "evil")
    host.good(LAN6, OFFICE6, attach(host, "bee", "lan"), attach(host, "evil", "office"), *lines, "rules")
    host.run("ip", "route", "add", "default", "via", "192.0.2.2", ns="outside")
    assert any(host.pings("evil", WORLD[4][0]) for _ in range(10))


def peer(host, ns, at, to, port, turn):
    process = subprocess.Popen(host.argv(ns, PYTHON, "-c", PEER, at, to, port, turn), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    host.stack.callback(host.end, process)
    assert process.stdout.readline() == "ready\n"
    return process


def talk(*peers):
    assert [p.stdout.readline() for p in peers] == ["talks\n"] * len(peers)


def told(process):
    return process.communicate("now\n", timeout=20)[0].strip()


def tells(host, ns, *words):
    """And what it has sent is where it goes: the ping behind it has been answered."""
    host.run(PYTHON, "-c", TELLS, *words, ns=ns)
    assert host.pings(ns, WORLD[4][0])


@pytest.mark.parametrize("teller, heard", [("evil", "nothing"), ("outside", "ECONNREFUSED")])
@pytest.mark.parametrize("family", [4, 6])
def test_another_network_is_not_told_of_its_connections(host, family, teller, heard):
    """One out under the host's address, and one in by a published port: what the machine that it is with may tell, and no container."""
    two_networks(host, "port bee.container * 8080 80 udp")
    us, far = WORLD[family]
    server = peer(host, "outside", 9000, us, 5000, "second")
    bee = peer(host, "bee", 5000, far, 9000, "first")
    talk(server, bee)
    inside = peer(host, "bee", 80, far, 6000, "second")
    client = peer(host, "outside", 6000, us, 8080, "first")
    talk(inside, client)
    tells(host, teller, us, us, 5000, far, 9000)
    tells(host, teller, us, us, 8080, far, 6000)
    assert told(bee) == told(inside) == heard


@pytest.mark.parametrize("family", [4, 6])
def test_the_outside_is_not_told_of_them_either(host, family):
    two_networks(host)
    us, far = WORLD[family]
    server = peer(host, "outside", 9000, us, 5000, "second")
    bee = peer(host, "bee", 5000, far, 9000, "first")
    talk(server, bee)
    tells(host, "evil", far, far, 9000, BEE[family], 5000)
    assert told(server) == "nothing"


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("teller, heard", [("evil", "nothing"), ("outside", "ECONNREFUSED")])
def test_the_host_is_not_told_of_its_own(host, family, teller, heard):
    """At whatever address it is sent to."""
    two_networks(host)
    us, far = WORLD[family]
    server = peer(host, "outside", 9001, us, 5001, "second")
    own = peer(host, None, 5001, far, 9001, "first")
    talk(server, own)
    for to in us, GATEWAY[family][1]:
        if teller == "evil" or to == us:
            tells(host, teller, to, us, 5001, far, 9001)
    assert told(own) == heard


@pytest.mark.parametrize("family", [4, 6])
def test_a_network_tells_of_its_own(host, family):
    """That nobody listens: to the host, to a machine outside and to another network's container by a published port."""
    two_networks(host, "port bee.container * 8080 80 udp")
    for ns, address, port in ((None, BEE[family], 80), ("outside", WORLD[family][0], 8080), ("evil", GATEWAY[family][1], 8080),
                              ("evil", WORLD[family][0], 8080), (None, GATEWAY[family][0], 8080)):
        assert host.run(PYTHON, "-c", CLOSED, address, port, 10, ns=ns) == "ECONNREFUSED\n", (ns, address)
    # What comes from outside is heard.
    assert host.run(PYTHON, "-c", CLOSED, WORLD[family][1], 9, 10, ns="bee") == "ECONNREFUSED\n"


@pytest.mark.parametrize("family", [4, 6])
def test_a_narrow_way_outside_is_known(host, family):
    two_networks(host)
    namespaces(host, "far")
    net, bits, extra = {4: ("198.51.100.", 24, []), 6: ("2001:db8:9::", 64, ["nodad"])}[family]
    host.run("ip", "link", "add", "n0", "mtu", "1300", "type", "veth", "peer", "name", "eth0", "mtu", "1300", "netns", host.path("far"),
             ns="outside")
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", ns="outside")
    for ns, link, address in ("outside", "n0", f"{net}1"), ("far", "eth0", f"{net}2"):
        host.run("ip", "addr", "add", f"{address}/{bits}", "dev", link, *extra, ns=ns)
        host.run("ip", "link", "set", link, "up", ns=ns)
    host.run("ip", "route", "add", f"{net}0/{bits}", "via", WORLD[family][1])
    for ns in "bee", None:
        assert host.run(PYTHON, "-c", WIDTH, f"{net}2", ns=ns) == "1300\n"


def test_tenants_do_not_tell_of_each_other(host):
    outside(host)
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", check=False)
    namespaces(host, "bee", "evil")
    host.good("network lan.network 10.89.1.0/24 strict", attach(host, "bee", "lan"), attach(host, "evil", "lan"), "rules")
    us, far = WORLD[4]
    assert any(host.pings("evil", us) for _ in range(10))
    server = peer(host, "outside", 9000, us, 5000, "second")
    bee = peer(host, "bee", 5000, far, 9000, "first")
    talk(server, bee)
    tells(host, "evil", us, us, 5000, far, 9000)
    assert told(bee) == "nothing"
