"""Networks of a real appliance: two bridges, published ports, the outside through the NIC, and what
is left when all has stopped."""

import re
import socket
import threading
import time

import pytest
from conftest import BUILD, UPLINK, run

TRY_SECONDS = 200

CONTAINER = """
[Container]
Image=peer
Exec=serve {name} tcp:80 udp:53
{more}
[Service]
Restart=always
RestartSec=100ms

[Install]
WantedBy=multi-user.target
"""


def container(name, *more):
    return CONTAINER.format(name=name, more="\n".join(more))


UNITS = {
    "uplink.service": UPLINK,
    "lan.network": """
[Network]
Subnet=10.30.0.0/24
Gateway=10.30.0.254
IPRange=10.30.0.64/26
DNS=10.0.2.3
InterfaceName=br-lan
Options=mtu=1400
""",
    "vault.network": "[Network]\nSubnet=10.31.0.0/24\nInternal=yes\n",
    "auto.network": "[Network]\nHostAccess=yes\n",
    # Half of lan's.
    "twin.network": "[Network]\nSubnet=10.30.0.128/25\n",
    "web.container": container("web", "Network=lan.network", "PublishPort=8080:80",
                               "PublishPort=5353:53/udp", "PublishPort=127.0.0.1:8081:80"),
    "db.container": container("db", "Network=lan.network", "IP=10.30.0.9", "ContainerName=store",
                              "AddHost=gate:10.9.9.9"),
    "plain.container": container("plain"),
    "safe.container": container("safe", "Network=vault.network", "PublishPort=8090:80"),
    "roam.container": container("roam", "Network=auto.network"),
    "alone.container": container("alone", "Network=none"),
    "host.container": container("host", "Network=host").replace("tcp:80 udp:53", "tcp:9000"),
    "friend.container": container("friend", "Network=web.container").replace(
        "tcp:80 udp:53", "tcp:81"),
    "moved.container": container("moved", "Network=none", "Interface=eth0:wan0").replace("WantedBy", "#WantedBy"),
    "trunk.network": "[Network]\nSubnet=10.33.0.0/24\nInterface=eth0\nVLAN=100\n",
    "shared.network": "[Network]\nDriver=ipvlan\nInterface=eth0\nSubnet=10.0.2.0/24\nIPRange=10.0.2.64/26\n",
    "shared.container": container("shared", "Network=shared.network").replace("WantedBy", "#WantedBy"),
    # The port is web's; the port is a process's of the host.
    "thief.container": container("thief", "Network=lan.network", "PublishPort=8080:81").replace(
        "WantedBy", "#WantedBy"),
    "heir.container": container("heir", "Network=lan.network", "PublishPort=5353:53/udp").replace("WantedBy", "#WantedBy"),
    "late.container": container("late", "Network=lan.network", "PublishPort=9000:81").replace(
        "WantedBy", "#WantedBy"),
}

SCRIPT = r"""
all='web db plain safe roam alone host friend'
up() { supctl status | grep -cE '^(web|db|plain|safe|roam|alone|host|friend)[.]container +running'; }
await 60 '[ $(up) = 8 ]'
await 30 'ip -4 addr show eth0 | grep -q 10.0.2.15'
# In another unit's network: the words of `netpeer ask`.
within() { unit=$1; shift; supctl exec $unit /netpeer ask "$@"; }
ns() { readlink /proc/$(main $1)/ns/net; }
addr() { nsenter -t $(main $1) -n ip -4 -o addr show eth0 | sed 's/.*inet \([0-9.\/]*\).*/\1/'; }

check links 'ip -o link'
check addr-host 'ip -4 -o addr'
check addr-db 'addr db'
check addr-web 'addr web'
check addr-plain 'addr plain'
check addr-roam 'addr roam'
check route-web 'nsenter -t $(main web) -n ip route'
check link-web 'nsenter -t $(main web) -n ip -o link'
check links-alone 'nsenter -t $(main alone) -n ip -o link'
check hosts-db 'cat /proc/$(main db)/root/etc/hosts'
check hosts-friend 'cat /proc/$(main friend)/root/etc/hosts'
check resolv-db 'cat /proc/$(main db)/root/etc/resolv.conf'
check resolv-plain 'cat /proc/$(main plain)/root/etc/resolv.conf'
# As the container asks, by the busybox of the host.
resolve() { unit=$1; shift; nsenter -t $(main $unit) -n nslookup "$@"; }
check ask-web 'resolve db -type=a web 10.30.0.254'
check ask-web.lan.internal 'resolve db -type=a web.lan.internal 10.30.0.254'
check ask-reverse 'resolve web -type=ptr 9.0.30.10.in-addr.arpa 10.30.0.254'
check ask-nobody 'resolve db -type=a nobody.lan.internal 10.30.0.254'
check ask-safe 'resolve db -type=a safe 10.30.0.254'
check ask-outside 'resolve safe -type=a www.example.org 10.31.0.1'
check ns-host 'readlink /proc/self/ns/net; ns host'
check ns-friend 'ns web; ns friend'

check out-web 'within web tcp 10.0.2.2 PORT'
check out-plain 'within plain tcp 10.0.2.2 PORT'
check out-safe 'within safe tcp 10.0.2.2 PORT'
check lo-tcp '/usr/lib/netpeer ask tcp 127.0.0.1 8080'
check lo-udp '/usr/lib/netpeer ask udp 127.0.0.1 5353'
check own-tcp '/usr/lib/netpeer ask tcp 10.0.2.15 8080'
check own-udp '/usr/lib/netpeer ask udp 10.0.2.15 5353'
check only-lo '/usr/lib/netpeer ask tcp 127.0.0.1 8081'
check only-lo-own '/usr/lib/netpeer ask tcp 10.0.2.15 8081'
check safe-lo '/usr/lib/netpeer ask tcp 127.0.0.1 8090'
check neighbour 'within db tcp 10.30.0.64 80'
check by-gateway-tcp 'within db tcp 10.30.0.254 8080'
check by-gateway-udp 'within db udp 10.30.0.254 5353'
check by-other-gateway 'within plain tcp 10.88.0.1 8080'
check itself 'within web tcp 10.30.0.254 8080'
check friend 'within friend tcp 127.0.0.1 80; within db tcp 10.30.0.64 81'
check apart 'within plain tcp 10.30.0.64 80; within db tcp 10.31.0.2 80; within safe tcp 10.30.0.64 80'
check host-in 'within host tcp 127.0.0.1 8080'
check host-service 'within plain tcp 10.88.0.1 9000; within db tcp 10.0.2.15 9000'
check host-access 'within roam tcp 10.89.0.1 9000; within roam tcp 10.0.2.15 9000'
check neighbours 'cd /proc/sys/net; cat ipv[46]/neigh/default/gc_thresh[23]'
check guard 'chroot /nft /usr/sbin/nft list set bridge sup own'
# As a script of rules does that begins with "flush ruleset".
check guard-again 'chroot /nft /usr/sbin/nft delete table bridge sup; supctl stop roam && supctl start roam &&
	chroot /nft /usr/sbin/nft list set bridge sup own'

check thief 'supctl start thief'
check late 'supctl start late'
check twin 'supctl start twin.network'
check status-thief 'supctl status thief'

before=$(ns web) at=$(addr web)
check restart 'supctl restart web && await 20 "is web running" && ns web && addr web'
check status-web 'supctl status web'
check restart-before 'echo $before; echo $at'
pid=$(main web)
check killed 'kill -9 $pid; await 20 "is web running && [ \$(main web) != $pid ]"; ns web; addr web'
check killed-answers 'await 20 "within db tcp 10.30.0.254 8080 | grep -q web"; within db tcp 10.30.0.254 8080'
check friend-after 'within friend tcp 127.0.0.1 80'
# As one who sends without a pause: neither the next container nor this machine's slowness ends the flow.
for t in /proc/sys/net/netfilter/nf_conntrack_udp_timeout*; do echo 600 >$t; done
flow() { /usr/lib/netpeer ask udp 127.0.0.1 5353 4000; }
check flow-module 'grep -x nf_conntrack_netlink /etc/modules-load.d/sup.conf'
check flow-web 'flow'
check stop 'supctl stop friend web && await 20 "is web inactive" && chroot /nft /usr/sbin/nft list table inet sup'
check closed '/usr/lib/netpeer ask tcp 10.0.2.15 8080'
check flow-heir 'supctl start heir; await 20 "flow | grep -q heir"; flow; supctl stop heir'
check start 'supctl start web && await 20 "is web running"; addr web'
check rules 'chroot /nft /usr/sbin/nft list table inet sup'

# More than the table holds.
table() { cat /proc/sys/net/netfilter/nf_conntrack_$1; }
check table 'table max'
check table-flood 'supctl exec plain /netpeer flows 10.88.0.1 5353 20000; table count'
check table-flooder 'within plain tcp 10.0.2.2 PORT'
check table-others 'within db tcp 10.0.2.2 PORT; /usr/lib/netpeer ask tcp 10.0.2.2 PORT; within roam tcp 10.0.2.15 9000'
check table-status 'supctl status --json plain; supctl status plain'
check table-full 'dmesg | grep -c "table full"'

supctl stop $all
await 30 '[ $(up) = 0 ]'
# The kernel removes a namespace, and its links, a moment after its last process.
check left-veths 'await 20 "! ip -o link | grep -q @"'
supctl stop lan.network vault.network auto.network sup0.network
check left-links 'ls /sys/class/net | sort -r'
check left-tables 'chroot /nft /usr/sbin/nft list tables'
check left-addr 'ip -4 -o addr'

# The NIC itself: in a container, with a VLAN on it, shared.
nic() { cat /sys/class/net/eth0/flags; ip -4 -o addr show eth0 | sed 's/.*inet //'; }
check nic-before 'nic'
check nic-moved 'supctl start moved && nsenter -t $(main moved) -n ip -4 -o addr show wan0; ls /sys/class/net'
check nic-back 'supctl stop moved && nic'
check nic-shared 'supctl start shared && addr shared && within shared tcp 10.0.2.2 PORT'
check nic-trunk 'supctl start trunk.network && ls /sys/class/net/trunk/brif && grep VID /proc/net/vlan/eth0.100'
check nic-crash 'kill -9 $(supervisor); await 30 "is trunk.network running"; ls /sys/class/net/trunk/brif'
check nic-after 'supctl stop shared; supctl stop trunk.network shared.network; nic'
check nic-left 'ls /sys/class/net | sort -r'
"""


class Fetch(threading.Thread):
    """Asks the published port of the guest from this machine until it answers."""

    def __init__(self):
        super().__init__(daemon=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.answer = None
        self.end = time.monotonic() + TRY_SECONDS

    def run(self):
        while not self.answer and time.monotonic() < self.end:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                    s.settimeout(5)
                    self.answer = s.recv(100).decode()
            except OSError:
                pass
            # QEMU accepts before the guest does and hangs up again.
            if not self.answer:
                time.sleep(0.3)


class Word(threading.Thread):
    """Says a word to all who connect: the outside, 10.0.2.2 as the guest sees it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]

    def run(self):
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            peer.sendall(b"world")
            peer.close()


@pytest.fixture(scope="module")
def boot(lab, tmp_path_factory):
    nft = tmp_path_factory.mktemp("nft") / "nft"
    run("rootfs/mkimage", "--binary", "/usr/sbin/nft", "--format", "dir", "-o", nft)
    netpeer = BUILD / "tests/helpers/netpeer"
    folder = lab.appliance("networks", UNITS, [
        lab.image("peer", "--binary", f"{netpeer}:/netpeer", "--entrypoint", "/netpeer")],
        more=["--add", f"{nft}:/nft", "--add", f"{netpeer}:/usr/lib/netpeer"])
    world, fetch = Word(), Fetch()
    world.start()
    fetch.start()
    done = lab.boot(folder, SCRIPT.replace("PORT", str(world.port)),
                    "--publish", f"{fetch.port}:8080")
    world.server.close()
    fetch.end = 0
    fetch.join()
    done.fetched = fetch.answer
    return done


def test_nobody_has_the_whole_table_of_connections(boot):
    """On a machine of 512 MB, whose table is one of 4096 without us. Who has filled a quarter of what it is now opens no more; others do."""
    assert boot.text("table") == "16384"
    assert 4096 <= int(boot.text("table-flood")) < 5000
    assert boot.text("table-flooder").startswith("no answer")
    assert boot.lines("table-others") == ["world", "world", "host 10.89.0.2"]
    stopped = int(re.search(r'"stopped": *([0-9]+)', boot.text("table-status"))[1])
    assert stopped >= 2 * (20000 - 4096) and f" {stopped} over the connections" in boot.text("table-status")
    assert boot.text("table-full") == "0"


def test_everything_starts_and_ends_well(boot):
    boot.ended_well()
    assert "@late" not in boot.output


def test_addresses(boot):
    assert boot.text("addr-db") == "10.30.0.9/24"
    # The first of IPRange=, of the subnet, and of the next free subnet.
    assert boot.text("addr-web") == "10.30.0.64/24"
    assert boot.text("addr-plain") == "10.88.0.2/21"
    assert boot.text("addr-roam") == "10.89.0.2/24"
    bridges = re.findall(r"inet (10\.[38].*?) .*scope global (\S+?)\\", boot.text("addr-host"))
    assert sorted(bridges) == [("10.30.0.254/24", "br-lan"), ("10.31.0.1/24", "vault"),
                               ("10.88.0.1/21", "sup0"), ("10.89.0.1/24", "auto")]
    assert "default via 10.30.0.254 dev eth0" in boot.text("route-web")


def test_links(boot):
    links = boot.text("links")
    assert re.search(r"lo: <LOOPBACK,UP", links)
    assert re.search(r"br-lan: <.*UP.* mtu 1400 ", links)
    assert re.search(r"vweb-\w+@.* mtu 1400 .* master br-lan ", links)
    assert " mtu 1400 " in boot.text("link-web")
    assert len(boot.lines("links-alone")) == 1


def test_names(boot):
    head = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    assert boot.lines("hosts-db") == [*head, "10.9.9.9 gate", "10.30.0.9 db store", "10.30.0.64 web"]
    assert boot.lines("hosts-friend") == [*head, "10.30.0.64 friend", "10.30.0.9 db store",
                                          "10.30.0.64 web"]
    # The resolver of the network, also where DNS= of the network says whom that asks.
    assert boot.lines("resolv-db") == ["search lan.internal", "nameserver 10.30.0.254"]
    assert boot.lines("resolv-plain") == ["search sup0.internal", "nameserver 10.88.0.1"]


def test_the_resolver_answers_a_container(boot):
    for name in "web", "web.lan.internal":
        assert re.search(rf"^Name:\s+{name}\nAddress: 10\.30\.0\.64$", boot.ok(f"ask-{name}"), re.MULTILINE)
    assert re.search(r"name = db(\.lan\.internal)?$", boot.ok("ask-reverse"), re.MULTILINE)
    # Nobody's; a neighbour's in another network; of the outside, from a network without a way out.
    for name in "nobody", "safe", "outside":
        assert "NXDOMAIN" in boot.text(f"ask-{name}"), name


def test_shared_namespaces(boot):
    assert len(set(boot.lines("ns-host"))) == 1
    assert len(set(boot.lines("ns-friend"))) == 1
    assert boot.lines("friend") == ["web 127.0.0.1", "friend 10.30.0.9"]


def test_outside(boot):
    assert boot.text("out-web") == boot.text("out-plain") == "world"
    assert boot.text("out-safe") == "no answer: Network unreachable"


@pytest.mark.parametrize("where, answer", [
    ("lo-tcp", "web 10.30.0.254"), ("lo-udp", "web 10.30.0.254"),
    ("own-tcp", "web 10.0.2.15"), ("own-udp", "web 10.0.2.15"),
    ("only-lo", "web 10.30.0.254"), ("only-lo-own", "no answer: Connection refused"),
    ("safe-lo", "safe 10.31.0.1"), ("neighbour", "web 10.30.0.9"),
    ("by-gateway-tcp", "web 10.30.0.254"), ("by-gateway-udp", "web 10.30.0.254"),
    ("by-other-gateway", "web 10.88.0.2"), ("itself", "web 10.30.0.254"),
    ("host-in", "web 10.30.0.254"),
])
def test_published_port(boot, where, answer):
    assert boot.text(where) == answer


def test_published_port_from_another_machine(boot):
    assert boot.fetched == "web 10.0.2.2"


def test_networks_are_apart(boot):
    assert boot.lines("apart") == ["no answer: Operation timed out", "no answer: Operation timed out",
                                   "no answer: Network unreachable"]


def test_services_of_the_host_are_for_networks_with_host_access(boot):
    assert boot.lines("host-access") == ["host 10.89.0.2"] * 2
    refused = boot.lines("host-service")
    assert len(refused) == 2
    assert all(re.fullmatch("no answer: (No route to host|Host is unreachable)", line) for line in refused), refused


def test_there_is_room_for_neighbours(boot):
    assert boot.lines("neighbours") == ["4096", "8192", "4096", "8192"]


def test_the_guard_knows_who_is_where(boot):
    for guard in "guard", "guard-again":
        assert sorted(re.findall(r'"v(\w+)-\w+" \. [0-9a-f:]+ \. ([0-9.]+)', boot.ok(guard))) == [
            ("db", "10.30.0.9"), ("plain", "10.88.0.2"), ("roam", "10.89.0.2"), ("safe", "10.31.0.2"), ("web", "10.30.0.64")]


def test_taken_port_is_refused_by_name(boot):
    assert boot.code("thief") == boot.code("late") == 1
    assert "PublishPort=8080:81: taken by web.container" in boot.text("thief")
    assert re.search(r"PublishPort=9000:\d+: taken by netpeer, process \d+ of host\.container",
                     boot.text("late"))
    assert "taken by web.container" in boot.text("status-thief")


def test_overlapping_subnets_are_refused_by_name(boot):
    assert boot.code("twin") == 1
    assert "its subnet collides with that of lan.network, /usr/lib/sup/units/lan.network" in boot.text("twin")


def test_namespace_and_address_outlive_the_process(boot):
    assert boot.lines("restart") == boot.lines("killed") == boot.lines("restart-before")
    assert boot.text("killed-answers") == "web 10.30.0.254"
    assert boot.text("friend-after") == "web 127.0.0.1"


def test_stop_unpublishes_and_the_address_waits(boot):
    assert " 8080 " not in boot.ok("stop") and " 8090 " in boot.text("stop")
    assert boot.text("closed") == "no answer: Connection refused"
    assert boot.text("start") == "10.30.0.64/24"
    assert "8080 : 10.30.0.64 . 80" in boot.text("rules")


def test_a_flow_of_udp_follows_its_port(boot):
    assert boot.code("flow-module") == 0
    assert boot.text("flow-web") == "web 10.30.0.254"
    assert boot.lines("flow-heir")[0] == "heir 10.30.0.254"


def test_nothing_is_left(boot):
    assert boot.code("left-veths") == 0
    assert boot.lines("left-links") == ["lo", "eth0"]
    assert boot.text("left-tables") == ""
    assert "10.0.2.15" in boot.text("left-addr") and len(boot.lines("left-addr")) == 2


def test_the_nic_moves_into_a_container_and_back(boot):
    assert "10.0.2.15/24" in boot.ok("nic-moved") and "\neth0" not in boot.text("nic-moved")
    assert boot.ok("nic-back") == boot.ok("nic-before")


def test_the_nic_carries_a_vlan_and_is_shared(boot):
    assert boot.lines("nic-shared") == ["10.0.2.64/24", "world"]
    assert boot.lines("nic-trunk")[0] == "eth0.100" and "VID: 100" in boot.text("nic-trunk")
    assert boot.lines("nic-crash") == ["eth0.100"]
    assert boot.text("nic-after") == boot.text("nic-before")
    assert boot.lines("nic-left") == ["lo", "eth0"]
