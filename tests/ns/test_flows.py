"""Who sends by UDP without a pause follows a port that moves, opens or closes, with the next datagram; who sends elsewhere is left alone."""

import contextlib
import json
import sys

import pytest

from crashbox import KILL_BUILD
from initbox import DEADLINE, eventually
from test_ports import ports, wants

# Answers each datagram with its name, at each of the ports.
ANSWERS = """
import socket, sys, threading
def answer(s):
    while True:
        s.sendto(sys.argv[1].encode(), s.recvfrom(99)[1])
for port in sys.argv[2:]:
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", int(port)))
    threading.Thread(target=answer, args=(s,), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""
# Owes the answer to the first until it is told to give it.
OWES = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[2])))
print("ready", flush=True)
_, peer = s.recvfrom(99)
print("heard", flush=True)
sys.stdin.readline()
s.sendto(sys.argv[1].encode(), peer)
sys.stdin.read()
"""
# Sends from one port a hundred times in a second, "asks" first and waits for the answer; asked for a name, says whether that one
# answers, or else who does.
SENDS = """
import contextlib, socket, sys, threading, time
addr, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_DGRAM)
if sys.argv[4:]:
    s.sendto(b"?", (addr, port))
    s.recv(99)
s.settimeout(0.5)
def send():
    while True:
        with contextlib.suppress(OSError):
            s.sendto(b"?", (addr, port))
        time.sleep(0.01)
threading.Thread(target=send, daemon=True).start()
def hear():
    try:
        return s.recv(99).decode()
    except TimeoutError:
        return "nobody"
for line in sys.stdin:
    end, name = time.monotonic() + seconds, hear()
    while name != line.strip() and time.monotonic() < end:
        name = hear()
    print(name, flush=True)
"""
# What conntrack knows of UDP: where to, and when it began.
FLOWS = """
import json, socket, struct
def parts(b):
    while len(b) >= 4:
        n, t = struct.unpack("=HH", b[:4])
        yield t & 0x3fff, b[4:n]
        b = b[n + 3 & ~3:]
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.send(struct.pack("=IHHIIBBH", 20, 0x101, 0x301, 1, 0, 0, 0, 0))
found, more = {}, True
while more:
    b = s.recv(65536)
    while more and b:
        n, kind = struct.unpack("=IH", b[:6])
        more = kind == 0x100
        flow = dict(parts(b[20:n])) if more else {}
        if more:
            sides = dict(parts(flow[1]))
            proto, ip = dict(parts(sides[2])), dict(parts(sides[1]))
            if proto[1][0] == 17:
                source, to = ip[1 if 1 in ip else 3], ip[2 if 2 in ip else 4]
                name = [socket.inet_ntop(socket.AF_INET if len(a) == 4 else socket.AF_INET6, a) for a in (source, to)]
                ports = struct.unpack(">HH", proto[2] + proto[3])
                found[f"{name[0]} {ports[0]} {name[1]} {ports[1]}"] = struct.unpack(">Q", dict(parts(flow[20]))[1])[0]
        b = b[n + 3 & ~3:]
print(json.dumps(found))
"""
ADDRESSES = pytest.mark.parametrize("addr", ["127.0.0.1", "fd00::1"])
UPLINK = "[Network]\nSubnet=10.32.0.0/24\nUplink=yes\nInterface=wan0\n"


class Udp:
    """Containers that answer datagrams in a box with ports."""

    def __init__(self, box):
        self.box = box
        box.sysctl("netfilter/nf_conntrack_timestamp", 1)

    @contextlib.contextmanager
    def runs(self, where, program, *words):
        with self.box.python(where, program, *words) as p:
            assert p.stdout.readline() == "ready\n"
            yield p

    def answers(self, unit, *inside):
        return self.runs(self.box.inside_of(unit), ANSWERS, unit, *inside)

    def host_answers(self, port):
        return self.runs(self.box.of_host(), ANSWERS, "host", port)

    @contextlib.contextmanager
    def sends(self, addr="127.0.0.1", port=8080, *first, where=None):
        with self.box.python(where or self.box.of_host(), SENDS, addr, port, DEADLINE, *first) as p:
            yield p

    def flows(self):
        return json.loads(self.box.on_host(sys.executable, "-c", FLOWS))

    def flow_to(self, addr, port):
        return [began for name, began in self.flows().items() if name.endswith(f" {addr} {port}")]


def hears(p, name):
    p.stdin.write(name + "\n")
    p.stdin.flush()
    assert p.stdout.readline() == name + "\n"


@contextlib.contextmanager
def udp(folder, build=None, **files):
    with ports(folder, build, **files) as box:
        yield box, Udp(box)


@ADDRESSES
def test_the_next_container_is_heard(tmp_path, addr):
    with udp(tmp_path, a=wants("8080:80/udp"), z=wants()) as (b, u), u.answers("a", 80), u.sends(addr) as client:
        hears(client, "a")
        assert b.supctl("stop", "a")[0] == 0
        b.reload(z_container=wants("8080:80/udp"))
        with u.answers("z", 80):
            hears(client, "z")


@ADDRESSES
def test_a_reload_moves_the_port(tmp_path, addr):
    """To another port of the container, then to another container: each hears what the one before hears no more."""
    with udp(tmp_path, a=wants("8080:80/udp"), z=wants()) as (b, u), u.answers("a", 80), u.answers("z", 80), \
            u.runs(b.inside_of("a"), ANSWERS, "other", 81), u.sends(addr) as client:
        hears(client, "a")
        b.reload(a_container=wants("8080:81/udp"))
        hears(client, "other")
        b.reload(a_container=wants(), z_container=wants("8080:80/udp"))
        hears(client, "z")


@ADDRESSES
def test_a_reload_closes_the_port(tmp_path, addr):
    with udp(tmp_path, a=wants("8080:80/udp")) as (b, u), u.answers("a", 80), u.sends(addr) as client:
        hears(client, "a")
        b.reload(a_container=wants())
        hears(client, "nobody")
        b.reload(a_container=wants("8080:80/udp"))
        hears(client, "a")


@ADDRESSES
def test_a_port_opens_where_somebody_sends_already(tmp_path, addr):
    with udp(tmp_path, a=wants()) as (b, u), u.answers("a", 80), u.sends(addr) as client:
        with u.host_answers(8080):
            hears(client, "host")
        hears(client, "nobody")
        b.reload(a_container=wants(f"{'0.0.0.0:' if addr == '127.0.0.1' else '[fd00::1]:'}8080:80/udp"))
        hears(client, "a")


def test_who_sends_elsewhere_is_left_alone(tmp_path):
    """By another port; by the host to a port of that number of somebody else; by TCP, too."""
    with udp(tmp_path, a=wants("8080:80/udp"), m=wants("8181:81/udp", "8080:80/tcp"), z=wants()) as (b, u), b.names("m"), \
            u.answers("a", 80), u.answers("m", 81, 8080), u.answers("z", 80):
        far = b.addresses("m")["eth0"][0]
        with u.sends() as moves, u.sends("127.0.0.1", 8181) as stays, u.sends(far, 8080) as direct, b.talks_to("m"):
            for client, name in (moves, "a"), (stays, "m"), (direct, "m"):
                hears(client, name)
            kept = [("127.0.0.1", 8181), (far, 8080)]
            began = [u.flow_to(*k) for k in kept]
            assert [len(x) for x in began] == [1, 1]
            moved = u.flow_to("127.0.0.1", 8080)
            b.reload(a_container=wants(), z_container=wants("8080:80/udp"))
            hears(moves, "z")
            # And once more, which takes another look at all.
            b.reload(z_container=wants())
            hears(moves, "nobody")
            assert u.flow_to("127.0.0.1", 8080) != moved
            assert [u.flow_to(*k) for k in kept] == began


def test_an_answer_that_is_owed_makes_no_way_back(tmp_path):
    """It opens a flow of its own, with the ports of the old one if they are the same inside and outside."""
    with udp(tmp_path, a=wants("80:80/udp"), z=wants()) as (b, u), u.answers("z", 80):
        b.on_host("ip", "link", "add", "wan0", "type", "veth", "peer", "name", "far0")
        b.reload(up_network=UPLINK, c_container="[Container]\nNetwork=up.network\n")
        status, out, err = b.supctl("start", "c")
        assert status == 0, out + err
        with u.runs(b.inside_of("a"), OWES, "a", 80) as owes, u.sends("10.32.0.1", 80, "asks", where=b.inside_of("c")) as client:
            assert owes.stdout.readline() == "heard\n"
            began = u.flow_to("10.32.0.1", 80)
            b.reload(a_container=wants(), z_container=wants("80:80/udp"))
            eventually(lambda: u.flow_to("10.32.0.1", 80) != began, "it is forgotten")
            owes.stdin.write("answer\n")
            owes.stdin.flush()
            hears(client, "z")


@pytest.mark.parametrize("point", ["ports-written", "detach-unlinked", "detach-unruled"])
def test_a_death_in_between_leaves_nobody_behind(tmp_path, point):
    with udp(tmp_path, KILL_BUILD, a=wants("8080:80/udp"), z=wants()) as (b, u), u.answers("a", 80), u.answers("z", 80), \
            u.sends() as client:
        hears(client, "a")
        b.reload(z_container=wants("8080:80/udp"))
        b.shell(f"echo {point} 1 >/run/sup/kill-point")
        b.supctl("stop", "a")
        eventually(lambda: "was killed by signal 9" in b.said(), b.said())
        hears(client, "z")


def test_a_death_forgets_nobody(tmp_path):
    with udp(tmp_path, a=wants("8080:80/udp")) as (b, u), u.answers("a", 80), u.sends() as client:
        hears(client, "a")
        began = u.flow_to("127.0.0.1", 8080)
        b.reborn()
        b.reload(a_container=wants("8080:80/udp", "8181:81/udp"))
        with u.sends("127.0.0.1", 8181), u.runs(b.inside_of("a"), ANSWERS, "other", 81):
            hears(client, "a")
            assert u.flow_to("127.0.0.1", 8080) == began
