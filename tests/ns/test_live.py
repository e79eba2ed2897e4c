"""A reload changes networks and ports while containers run: what differs becomes as the files say, and who talks by what did not
change goes on talking."""

import contextlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dnspeer
from crashbox import KILL_BUILD
from initbox import DEADLINE, eventually
from test_net import HOLD
from test_reconcile import FREE, SLEEP, NetBox

LAN = "[Network]\nSubnet=10.30.0.0/24\n"
WEB = "[Container]\nNetwork=lan.network\nIP=10.30.0.9\nPublishPort=8080:80\n"
UNITS = {
    "lan.network": LAN + FREE,
    "far.network": "[Network]\nSubnet=10.31.0.0/24\n" + FREE,
    "web.container": WEB + SLEEP,
    "db.container": "[Container]\nNetwork=lan.network\nIP=10.30.0.8\nPublishPort=9090:90\n" + SLEEP,
}
# Answers each line with itself, on each of the ports.
ECHO = """
import socket, sys, threading
def serve(c):
    with c, c.makefile("rw") as f:
        for line in f:
            print(line, end="", file=f, flush=True)
def listen(s):
    while True:
        threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
socks = [socket.create_server(("", int(p)), family=socket.AF_INET6, dualstack_ipv6=True) for p in sys.argv[1:]]
threads = [threading.Thread(target=listen, args=(s,), daemon=True) for s in socks]
[t.start() for t in threads]
print("ready", flush=True)
sys.stdin.read()
"""
# Passes lines on to a connection; with none, tries once.
CALL = """
import socket, sys
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))
except OSError as e:
    sys.exit(print("refused", flush=True))
f = s.makefile("rw")
print("connected", flush=True)
for line in sys.stdin:
    print(line, end="", file=f, flush=True)
    print(f.readline(), end="", flush=True)
"""


# Datagrams of a kB as fast as they go.
FLOOD = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[2])):
    s.sendto(bytes(1000), (sys.argv[1], 9))
"""


class LiveBox(NetBox):
    def __init__(self, folder, units, build=None):
        super().__init__(folder, units)
        for name, place in ("init", "init"), ("supervisor", "usr/lib/sup/supervisor"), ("supctl", "bin/supctl"):
            if build is not None:
                shutil.copy(build / name, self.root / place)

    def inside_of(self, unit):
        return ["nsenter", "-n", "-t", str(self.host_pid(self.unit(unit)["pid"]))]

    def of_host(self):
        return ["nsenter", "-U", "-n", "--preserve-credentials", "-t", str(self.init_pid())]

    @contextlib.contextmanager
    def python(self, where, program, *words):
        with subprocess.Popen([*where, sys.executable, "-c", program, *map(str, words)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as p:
            try:
                yield p
            finally:
                p.kill()

    @contextlib.contextmanager
    def serves(self, unit, *ports):
        with self.python(self.inside_of(unit), ECHO, *ports) as p:
            assert p.stdout.readline() == "ready\n"
            yield

    @contextlib.contextmanager
    def talks(self, where, addr, port):
        with self.python(where, CALL, addr, port, DEADLINE) as p:
            assert p.stdout.readline() == "connected\n"
            yield p
            assert self.says(p) == "still\n"

    @staticmethod
    def says(p):
        p.stdin.write("still\n")
        p.stdin.flush()
        return p.stdout.readline()

    def answers(self, where, addr, port, seconds=1):
        with self.python(where, CALL, addr, port, seconds) as p:
            return p.stdout.readline() == "connected\n"

    def runs(self, unit, program, *words):
        return subprocess.run([*self.inside_of(unit), sys.executable, "-c", program, *map(str, words)], check=True,
                              capture_output=True, text=True, timeout=DEADLINE).stdout

    def dropped(self, unit):
        return self.unit(unit)["traffic"]["limited"]

    def write(self, **texts):
        for name, text in texts.items():
            file = self.units / name.replace("_", ".")
            if text is None:
                file.unlink()
            else:
                file.write_text(text + (FREE if name.endswith("network") else SLEEP))

    def planned(self, **texts):
        self.write(**texts)
        return self.supctl("plan")[1]

    def reload(self, **texts):
        self.write(**texts)
        status, out, err = self.supctl("reload")
        assert status == 0, out + err

    def addresses(self, unit, family="inet"):
        out = subprocess.run([*self.inside_of(unit), "ip", "-j", "address"], capture_output=True, text=True, check=True).stdout
        return {l["ifname"]: [a["local"] for a in l["addr_info"] if a["family"] == family and a["scope"] != "link"]
                for l in json.loads(out)}

    def mtu(self, unit):
        out = subprocess.run([*self.inside_of(unit), "ip", "-j", "link", "show", "eth0"], capture_output=True, text=True, check=True)
        return json.loads(out.stdout)[0]["mtu"]

    def gateway(self, unit, family="-4"):
        out = subprocess.run([*self.inside_of(unit), "ip", family, "-j", "route", "show", "default"], capture_output=True, text=True,
                             check=True).stdout
        return [r["gateway"] for r in json.loads(out)]

    def pids(self):
        return {n: self.unit(n)["pid"] for n in ("web", "db")}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with LiveBox(tmp_path_factory.mktemp("live"), UNITS) as b:
        b.ready()
        assert b.supctl("start", "web", "db")[0] == 0
        yield b
        assert "Segmentation" not in b.said()


@pytest.fixture
def box(running):
    """As the units say in the beginning; nobody is restarted by what the test does, and nothing was to be mended or wrong."""
    running.reload(web_container=WEB, lan_network=LAN)
    pids, before = running.pids(), running.journal()
    yield running
    running.reload(web_container=WEB, lan_network=LAN)
    assert running.pids() == pids
    after = running.journal()[len(before):]
    assert "mended" not in after and "while it runs" not in after and "runs without: " not in after


def test_a_port_comes_and_goes(box):
    with box.serves("web", 80, 81), box.talks(box.of_host(), "127.0.0.1", 8080):
        assert not box.answers(box.of_host(), "127.0.0.1", 8181)
        box.reload(web_container=WEB + "PublishPort=8181:81\n")
        assert box.answers(box.of_host(), "127.0.0.1", 8181)
        assert box.answers(box.inside_of("db"), "10.30.0.1", 8181)
        box.reload(web_container=WEB)
        assert not box.answers(box.of_host(), "127.0.0.1", 8181)


def test_a_second_network_comes_and_goes(box):
    with box.serves("web", 80), box.talks(box.of_host(), "127.0.0.1", 8080), box.talks(box.inside_of("db"), "10.30.0.9", 80):
        assert box.unit("far.network")["state"] == "inactive"
        box.reload(web_container=WEB.replace("IP=10.30.0.9", "Network=far.network"))
        eventually(lambda: box.addresses("web").get("eth1"), f"it is attached; {box.journal()}")
        assert box.addresses("web")["eth1"] == ["10.31.0.2"]
        assert box.gateway("web") == ["10.30.0.1"]
        box.reload(web_container=WEB)
        assert "eth1" not in box.addresses("web")
    assert len([l for l in json.loads(box.on_host("ip", "-d", "-j", "link")) if l.get("ifalias") == "sup:web.container"]) == 1


def test_another_address(box):
    with box.serves("db", 90), box.talks(box.of_host(), "127.0.0.1", 9090):
        box.reload(web_container=WEB.replace("10.30.0.9", "10.30.0.77"))
        assert box.addresses("web")["eth0"] == ["10.30.0.77"]
        assert box.gateway("web") == ["10.30.0.1"]
        with box.serves("web", 80):
            assert box.answers(box.of_host(), "127.0.0.1", 8080)
            assert box.answers(box.inside_of("db"), "10.30.0.77", 80)
    box.reload(web_container=WEB)
    assert box.addresses("web")["eth0"] == ["10.30.0.9"]


@pytest.mark.parametrize("line, of", [("Options=mtu=1400", 1400), ("", 1500)])
def test_mtu(box, line, of):
    with box.serves("web", 80), box.talks(box.inside_of("db"), "10.30.0.9", 80):
        box.reload(lan_network=LAN + "Options=mtu=1300\n")
        box.reload(lan_network=LAN + line + "\n")
        assert [box.mtu("web"), box.mtu("db"), box.link("lan")["mtu"], box.link(box.port("web"))["mtu"]] == 4 * [of]


def test_who_may_reach_whom(box):
    with box.serves("web", 80), box.python(box.of_host(), ECHO, 7000) as host:
        assert host.stdout.readline() == "ready\n"
        reach = lambda: (box.answers(box.inside_of("db"), "10.30.0.9", 80), box.answers(box.inside_of("db"), "10.30.0.1", 7000))
        assert reach() == (True, False)
        box.reload(lan_network=LAN + "HostAccess=yes\n")
        assert reach() == (True, True)
        box.reload(lan_network=LAN + "Options=isolate=strict\n")
        assert reach() == (False, False)
        box.reload(lan_network=LAN)
        assert reach() == (True, False)


def test_the_way_out(box):
    with box.serves("web", 80), box.talks(box.inside_of("db"), "10.30.0.9", 80):
        box.reload(lan_network=LAN + "Internal=yes\n")
        assert box.gateway("web") == [] == box.gateway("db")
        box.reload(lan_network=LAN)
        assert box.gateway("web") == ["10.30.0.1"] == box.gateway("db")
        box.reload(lan_network=LAN + "Gateway=10.30.0.254\n")
        assert box.gateway("web") == ["10.30.0.254"]
        assert [a["local"] for a in json.loads(box.on_host("ip", "-j", "-4", "address", "show", "lan"))[0]["addr_info"]] == ["10.30.0.254"]
    with box.serves("web", 80):
        assert box.answers(box.of_host(), "127.0.0.1", 8080)


def test_status_is_what_the_interface_says(box):
    file = Path(__file__).resolve().parents[2] / "supervisor/sys/control/io.sup.Control.varlink"
    types = {name: set(re.findall(r"^\t(\w+):", members, re.MULTILINE))
             for name, members in re.findall(r"^type (\w+) \(\n(.*?)^\)", file.read_text(encoding="ascii"), re.MULTILINE | re.DOTALL)}
    units = box.data("status")["units"]
    assert set().union(*units) <= types["Unit"]
    web = box.unit("web")
    assert set(web["traffic"]) == types["Traffic"] and web["address"] == web["addresses"][0] == "10.30.0.9"


def test_what_would_change(box):
    def plan():
        return box.supctl("plan")[1]
    assert plan() == "nothing would change\n"
    (box.units / "web.container").write_text(WEB + "PublishPort=8181:81\n" + SLEEP)
    (box.units / "new.service").write_text("[Service]\nExecStart=/bin/busybox true\n")
    assert "web.container: changed while it runs\n  +PublishPort=8181:81" in plan().replace("  -PublishPort=8080:80\n", "").replace("  +PublishPort=8080:80\n", "")
    assert "new.service: new\n" in plan()
    (box.units / "lan.network").write_text(LAN.replace("/24", "/25") + FREE)
    assert "lan.network: restarted, if it runs\n  -Subnet=10.30.0.0/24\n  +Subnet=10.30.0.0/25\n" in plan()
    assert "db.container: restarted, if it runs\n" in plan()
    (box.units / "new.service").unlink()
    box.reload(web_container=WEB, lan_network=LAN)


def test_names(box):
    box.reload(web_container=WEB + "AddHost=printer:10.9.9.9\n")
    eventually(lambda: "10.9.9.9" in box.supctl("exec", "web", "/bin/busybox", "cat", "/etc/hosts")[1], "hosts")


@pytest.mark.parametrize("key, ends", [("IngressRate", ("db", "10.30.0.9")), ("EgressRate", ("web", "10.30.0.8"))])
def test_rates(box, key, ends):
    other = ("web", "10.30.0.8") if ends[0] == "db" else ("db", "10.30.0.9")

    def lost(sender, addr):
        before = box.dropped("web")
        box.runs(sender, FLOOD, addr, 1000)
        return box.dropped("web") - before
    with box.serves("db", 90), box.talks(box.of_host(), "127.0.0.1", 9090):
        box.reload(web_container=WEB + f"{key}=8K\n")
        assert lost(*ends) > 500
        assert lost(*other) < 50  # the refusals that come back
        box.reload(web_container=WEB + f"{key}=8M\n")
        box.reload(web_container=WEB)
        assert lost(*ends) == lost(*other) == 0


def test_most_connections(box):
    with box.serves("db", 90), box.talks(box.of_host(), "127.0.0.1", 9090), box.serves("web", 80), \
         box.talks(box.of_host(), "127.0.0.1", 8080):
        held = lambda: int(box.runs("web", HOLD, "10.30.0.1", 9090, 5))
        assert held() == 5
        # It is the host's, and the box may not change it.
        share = min(int(box.sysctl("netfilter/nf_conntrack_max")) // 4, 16384)
        assert f"ct count over {share} }}" in box.on_host("nft", "list", "chain", "inet", "sup", "prerouting")
        assert box.unit("web")["traffic"]["stopped"] == 0
        box.reload(web_container=WEB + "ConnectionsMax=2\n")
        assert held() == 2
        stopped = box.unit("web")["traffic"]["stopped"]
        assert stopped >= 3 and box.unit("db")["traffic"]["stopped"] == 0
        assert f" {stopped} over the connections\n" in box.supctl("status", "web")[1]
        box.reload(web_container=WEB + "ConnectionsMax=4\n")
        assert held() == 4
        box.reload(web_container=WEB)
        assert held() == 5


def test_name_servers(box):
    """Of the network and of a container; the resolver goes on."""
    with contextlib.ExitStack() as stack:
        spaces = {n: dnspeer.Namespace(p) for n, p in (("host", box.init_pid()),
                                                      *((n, box.host_pid(box.unit(n)["pid"])) for n in ("web", "db")))}
        for space in spaces.values():
            stack.callback(space.close)
        for n in 1, 2:
            box.on_host("ip", "address", "add", f"192.0.2.{n}/32", "dev", "lo")
            stack.callback(box.on_host, "ip", "address", "delete", f"192.0.2.{n}/32", "dev", "lo")
            stack.callback(dnspeer.Server(spaces["host"], f"192.0.2.{n}",
                                          lambda q, n=n: dnspeer.answer(q, [bytes([203, 0, 113, n])])).close)
        asked = itertools.count()

        def are_told(**wanted):
            def told(unit):
                return spaces[unit].ask("10.30.0.1", f"q{next(asked)}.example")[2]
            eventually(lambda: all(told(unit) == [f"203.0.113.{n}"] for unit, n in wanted.items()), f"{wanted}; {box.journal()}")
        box.reload(lan_network=LAN + "DNS=192.0.2.1\n")
        are_told(web=1, db=1)
        pid = box.unit("sup-dns@lan.service")["pid"]
        stack.enter_context(box.serves("web", 80))
        with box.talks(box.of_host(), "127.0.0.1", 8080):
            box.reload(lan_network=LAN + "DNS=192.0.2.2\n")
            are_told(web=2, db=2)
            box.reload(web_container=WEB + "DNS=192.0.2.1\n")
            are_told(web=1, db=2)
            box.reload(web_container=WEB)
            are_told(web=2, db=2)
        assert box.unit("sup-dns@lan.service")["pid"] == pid


def asks(space, gateway):
    with contextlib.suppress(OSError):
        return space.ask(gateway, "db")[2]


def test_another_gateway_takes_its_listeners_along(box):
    """The resolver, and sockets of units at the host's address in the network."""
    lan = LAN + "HostAccess=yes\n"
    own = {"own.socket": "[Socket]\nListenStream=lan.network:7000\n" + FREE,
           "own.service": "[Service]\nExecStart=/bin/busybox sleep 100000\n" + FREE}
    for name, text in own.items():
        (box.units / name).write_text(text)
    box.reload(lan_network=lan)
    assert box.supctl("start", "own.socket")[0] == 0
    with contextlib.closing(dnspeer.Namespace(box.host_pid(box.unit("web")["pid"]))) as space:
        for gateway in "10.30.0.254", "10.30.0.1":
            planned = box.planned(lan_network=lan + f"Gateway={gateway}\n")
            assert all(f"{unit}: restarted, if it runs\n" in planned for unit in ("sup-dns@lan.socket", "own.socket")), planned
            box.reload()
            eventually(lambda at=gateway: asks(space, at) == ["10.30.0.8"], f"the resolver; {box.journal()}")
            assert box.answers(box.inside_of("web"), gateway, 7000)
    for name in own:
        (box.units / name).unlink()


SIX = "[Network]\nSubnet=10.40.0.0/24\nSubnet=fd40::/64\n"
AT_SIX = "[Container]\nNetwork=six.network\nIP=10.40.0.9\nIP6=fd40::9\nPublishPort=8686:86\n"


@pytest.fixture(scope="module")
def dual(tmp_path_factory):
    units = {"six.network": SIX + FREE, "web.container": AT_SIX + SLEEP, "far.network": "[Network]\nSubnet=fd41::/64\n" + FREE,
             "db.container": "[Container]\nNetwork=six.network\nIP6=fd40::8\n" + SLEEP}
    with LiveBox(tmp_path_factory.mktemp("dual"), units) as b:
        b.ready()
        assert b.supctl("start", "web", "db")[0] == 0
        yield b
        assert "Segmentation" not in b.said() and "mended" not in b.journal()


@pytest.fixture
def six(dual):
    """As box above."""
    pids = dual.pids()
    yield dual
    dual.reload(web_container=AT_SIX, six_network=SIX)
    assert dual.pids() == pids and "while it runs" not in dual.journal()


def test_another_ipv6_address(six):
    with six.serves("web", 86), six.talks(six.inside_of("db"), "10.40.0.9", 86), six.talks(six.of_host(), "127.0.0.1", 8686):
        assert six.answers(six.inside_of("db"), "fd40::9", 86)
        six.reload(web_container=AT_SIX.replace("fd40::9", "fd40::77"))
        assert six.addresses("web", "inet6")["eth0"] == ["fd40::77"]
        assert six.answers(six.inside_of("db"), "fd40::77", 86) and not six.answers(six.inside_of("db"), "fd40::9", 86)
        # The host has to find its new neighbour first, whom it may ask but once a second.
        eventually(lambda: six.answers(six.inside_of("db"), "fd40::1", 8686), "the published port leads there")


def test_another_ipv4_address_leaves_ipv6_alone(six):
    with six.serves("web", 86), six.talks(six.inside_of("db"), "fd40::9", 86):
        six.reload(web_container=AT_SIX.replace("10.40.0.9", "10.40.0.77"))
        assert six.addresses("web")["eth0"] == ["10.40.0.77"]


def test_another_ipv6_gateway(six):
    with six.serves("web", 86), six.talks(six.inside_of("db"), "10.40.0.9", 86), six.talks(six.inside_of("db"), "fd40::9", 86):
        assert six.gateway("web", "-6") == ["fd40::1"]
        six.reload(six_network=SIX + "Gateway=fd40::fe\n")
        assert six.gateway("web", "-6") == ["fd40::fe"] == six.gateway("db", "-6")
        assert six.gateway("web") == ["10.40.0.1"]
        assert six.answers(six.inside_of("db"), "fd40::fe", 8686)
        six.reload(six_network=SIX + "Internal=yes\n")
        assert six.gateway("web", "-6") == [] == six.gateway("web")


def test_a_network_of_ipv6_comes_and_goes(six):
    with six.serves("web", 86), six.talks(six.inside_of("db"), "fd40::9", 86):
        six.reload(web_container=AT_SIX.replace("IP=10.40.0.9\nIP6=fd40::9\n", "Network=far.network\n").replace(
            "six.network", "six.network:ip=10.40.0.9,ip6=fd40::9"))
        eventually(lambda: six.addresses("web", "inet6").get("eth1") == ["fd41::2"], "it is attached")
        assert six.gateway("web", "-6") == ["fd40::1"]


def test_another_subnet_of_ipv6_takes_a_restart(dual):
    before = dual.pids()
    assert "web.container: restarted, if it runs" in dual.planned(six_network=SIX.replace("fd40::/64", "fd40::/80"))
    dual.reload()
    eventually(lambda: dual.unit("web")["state"] == "running" == dual.unit("db")["state"], "both run")
    assert not set(before.values()) & set(dual.pids().values())
    dual.reload(six_network=SIX)


def test_a_comment_changes_nothing(box):
    box.reload(web_container="# nothing\n" + WEB, lan_network=LAN + "# nothing\n")


def test_a_port_that_another_has(running):
    pids = running.pids()
    with running.serves("db", 90), running.talks(running.of_host(), "127.0.0.1", 9090):
        running.reload(web_container=WEB + "PublishPort=9090:80\n")
        assert "runs without: PublishPort=9090:80: taken by db.container" in running.journal()
    running.reload(web_container=WEB)
    assert running.pids() == pids


def test_a_port_that_a_process_of_the_host_has(running):
    """It keeps it, over a death of the supervisor as well; all else of the reload is done."""
    pids = running.pids()
    of_both = WEB + "PublishPort=8181:81\nPublishPort=8282:82\n"
    with running.serves("web", 82), running.talks(running.inside_of("db"), "10.30.0.9", 82):
        with running.python(running.of_host(), ECHO, 8181) as host:
            assert host.stdout.readline() == "ready\n"
            running.reload(web_container=of_both)
            assert "runs without: PublishPort=8181:81: taken by" in running.journal()
            assert running.answers(running.of_host(), "127.0.0.1", 8181) and running.answers(running.of_host(), "127.0.0.1", 8282)
            running.reborn()
            assert running.answers(running.of_host(), "127.0.0.1", 8181) and running.answers(running.of_host(), "127.0.0.1", 8282)
        with running.serves("web", 81):
            assert not running.answers(running.of_host(), "127.0.0.1", 8181)
            running.reload(web_container=of_both + "AddHost=printer:10.9.9.9\n")
            assert running.answers(running.of_host(), "127.0.0.1", 8181) and running.answers(running.of_host(), "127.0.0.1", 8282)
    running.reload(web_container=WEB)
    assert running.pids() == pids


@pytest.mark.parametrize("file, text, whose", [("web_container", WEB + "Interface=eth7\n", {"web"}),
                                               ("lan_network", LAN + "Interface=eth7\n", {"web", "db"})])
def test_a_device_takes_a_restart(running, file, text, whose):
    """And the plan says so before."""
    running.on_host("ip", "link", "add", "eth7", "type", "veth", "peer", "name", "eth8")

    def differ(before):
        return eventually(lambda: {u["state"] for u in map(running.unit, before)} == {"running"} and
                          {n for n, pid in running.pids().items() if pid != before[n]} == whose, f"{whose}; {running.journal()}")
    for words in {file: text}, {file: {"web_container": WEB, "lan_network": LAN}[file]}:
        before = running.pids()
        planned = running.planned(**words)
        assert f"{file.replace('_', '.')}: restarted, if it runs\n" in planned and "Interface=eth7\n" in planned
        assert {n for n in before if f"{n}.container: restarted, if it runs\n" in planned} == whose, planned
        running.reload()
        differ(before)
    running.on_host("ip", "link", "delete", "eth7")


def test_another_subnet_takes_a_restart(running):
    before = running.pids()
    running.reload(lan_network=LAN.replace("10.30.0.0/24", "10.30.0.0/25"))
    eventually(lambda: running.unit("web")["state"] == "running" and running.unit("db")["state"] == "running", "both run")
    assert not set(before.values()) & set(running.pids().values())
    running.reload(lan_network=LAN)


@pytest.mark.parametrize("keys", [("InterfaceName",), ("Subnet",), ("InterfaceName", "Subnet")], ids="+".join)
def test_two_networks_exchange_what_they_have(running, keys):
    """In one reload: neither may have it before the other has given it up."""
    def texts(**turned):
        subnets, names = ("10.36.0.0/24", "10.37.0.0/24"), ("swap0", "swap1")
        subnets, names = (v[::-1] if k in turned else v for k, v in (("Subnet", subnets), ("InterfaceName", names)))
        return {f"{u}_network": f"[Network]\nSubnet={n}\nInterfaceName={i}\n" for u, n, i in zip("pq", subnets, names)}
    containers = {f"in{u}_container": f"[Container]\nNetwork={u}.network\n" for u in "pq"}

    def seen():
        return {u: (running.addresses(u)["eth0"][0].rpartition(".")[0], running.link(running.port(u))["master"]) for u in ("inp", "inq")}
    running.reload(**texts(), **containers)
    assert running.supctl("start", "inp", "inq")[0] == 0
    before = {"inp": ("10.36.0", "swap0"), "inq": ("10.37.0", "swap1")}
    assert seen() == before
    other = {"inp": before["inq"], "inq": before["inp"]}
    wanted = {u: tuple(other[u][i] if k in keys else before[u][i] for i, k in enumerate(("Subnet", "InterfaceName"))) for u in before}
    running.reload(**texts(**dict.fromkeys(keys)))
    eventually(lambda: [running.unit(u)["state"] for u in ("inp", "inq")] == 2 * ["running"], f"both run; {running.journal()}")
    assert seen() == wanted
    running.reload(**dict.fromkeys([*texts(), *containers]))
    eventually(lambda: not running.link("swap0") and not running.link("swap1"), "both are gone")


@pytest.mark.parametrize("point", ["change-named", "change-unbridged", "change-unwired", "change-unplugged", "change-done", "change-ruled"])
def test_killed_in_the_middle(tmp_path, point):
    """The next one comes to the same end: by the new files, for its supctl asks again."""
    with LiveBox(tmp_path, UNITS, KILL_BUILD) as b:
        b.ready()
        assert b.supctl("start", "web", "db")[0] == 0
        pids = b.pids()
        b.reload(web_container=WEB.replace("IP=10.30.0.9", "Network=far.network"))
        eventually(lambda: b.addresses("web").get("eth1"), "it is attached")
        b.shell(f"echo {point} 1 >/run/sup/kill-point")
        b.reload(web_container=WEB.replace("0.9", "0.77") + "PublishPort=8181:81\n",
                 lan_network=LAN + "Gateway=10.30.0.254\nOptions=mtu=1400\n")
        assert "was killed by signal 9" in b.said()
        assert b.addresses("web") == {"lo": ["127.0.0.1"], "eth0": ["10.30.0.77"]}
        assert b.gateway("web") == ["10.30.0.254"] == b.gateway("db")
        assert [b.mtu("web"), b.mtu("db"), b.link("lan")["mtu"], b.link(b.port("web"))["mtu"]] == 4 * [1400]
        assert [a["local"] for a in json.loads(b.on_host("ip", "-j", "-4", "address", "show", "lan"))[0]["addr_info"]] == ["10.30.0.254"]
        with b.serves("web", 80, 81):
            assert b.answers(b.of_host(), "127.0.0.1", 8080) and b.answers(b.of_host(), "127.0.0.1", 8181)
            assert b.answers(b.inside_of("db"), "10.30.0.77", 80)
        assert b.pids() == pids
        assert not (b.root / "run/sup/state/network-change").exists()


@pytest.mark.parametrize("end", ["reload", "reborn"])
def test_addresses_of_units_that_are_gone_are_given_to_others(tmp_path, end):
    """When there is no other left; a unit that has stopped has its own."""
    units = {"tiny.network": "[Network]\nSubnet=10.38.0.0/29\n" + FREE}
    units |= {f"{name}.container": "[Container]\nNetwork=tiny.network\n" + SLEEP for name in ("stays", *"abcd")}
    with LiveBox(tmp_path, units) as b:
        b.ready()
        for name in ("stays", *"abcd"):
            assert b.supctl("start", name)[0] == 0
        kept = b.addresses("stays")
        assert b.supctl("stop", "stays", *"abcd")[0] == 0
        b.reload(a_container=None, b_container=None, new_container="[Container]\nNetwork=tiny.network\n",
                 more_container="[Container]\nNetwork=tiny.network\n", last_container="[Container]\nNetwork=tiny.network\n")
        if end == "reborn":
            b.reborn()
        assert b.supctl("start", "new", "more")[0] == 0
        status, _, err = b.supctl("start", "last")
        assert status == 1 and "no free address is left in 10.38.0.0/29" in err
        assert b.supctl("start", "stays")[0] == 0
        assert b.addresses("stays") == kept
