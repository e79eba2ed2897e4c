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
    "auto.network": "[Network]\n",
    "web.container": container("web", "Network=lan.network", "PublishPort=8080:80",
                               "PublishPort=5353:53/udp", "PublishPort=127.0.0.1:8081:80"),
    "db.container": container("db", "Network=lan.network", "IP=10.30.0.9", "ContainerName=store",
                              "AddHost=gate:10.9.9.9"),
    "plain.container": container("plain"),
    "safe.container": container("safe", "Network=vault.network", "PublishPort=8090:80"),
    "auto.container": container("auto", "Network=auto.network"),
    "alone.container": container("alone", "Network=none"),
    "host.container": container("host", "Network=host").replace("tcp:80 udp:53", "tcp:9000"),
    "friend.container": container("friend", "Network=web.container").replace(
        "tcp:80 udp:53", "tcp:81"),
    # The port is web's; the port is a process's of the host.
    "thief.container": container("thief", "Network=lan.network", "PublishPort=8080:81").replace(
        "WantedBy", "#WantedBy"),
    "late.container": container("late", "Network=lan.network", "PublishPort=9000:81").replace(
        "WantedBy", "#WantedBy"),
}

SCRIPT = r"""
all='web db plain safe auto alone host friend'
await 60 '! { for u in $all; do is $u active || echo no; done; } | grep -q no'
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
check addr-auto 'addr auto'
check route-web 'nsenter -t $(main web) -n ip route'
check link-web 'nsenter -t $(main web) -n ip -o link'
check links-alone 'nsenter -t $(main alone) -n ip -o link'
check hosts-db 'cat /proc/$(main db)/root/etc/hosts'
check hosts-friend 'cat /proc/$(main friend)/root/etc/hosts'
check resolv-db 'cat /proc/$(main db)/root/etc/resolv.conf'
check resolv-plain 'cat /proc/$(main plain)/root/etc/resolv.conf'
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

check thief 'supctl start thief'
check late 'supctl start late'
check status-thief 'supctl status thief'

before=$(ns web) at=$(addr web)
check restart 'supctl restart web && await 20 "is web active" && ns web && addr web'
check status-web 'supctl status web'
check restart-before 'echo $before; echo $at'
pid=$(main web)
check killed 'kill -9 $pid; await 20 "is web active && [ $(main web) != $pid ]"; ns web; addr web'
check killed-answers 'await 20 "within db tcp 10.30.0.254 8080 | grep -q web"; within db tcp 10.30.0.254 8080'
check friend-after 'within friend tcp 127.0.0.1 80'
check stop 'supctl stop friend web && await 20 "is web inactive" && chroot /nft /usr/sbin/nft list table ip sup'
check closed '/usr/lib/netpeer ask tcp 10.0.2.15 8080'
check start 'supctl start web && await 20 "is web active"; addr web'
check rules 'chroot /nft /usr/sbin/nft list table ip sup'

supctl stop $all
await 30 '! { for u in $all; do is $u inactive || echo no; done; } | grep -q no'
check left-veths 'ip -o link | grep -c "@if"'
check left-rules 'chroot /nft /usr/sbin/nft list table ip sup'
supctl stop lan.network vault.network auto.network sup0.network
check left-links 'ip -o link'
check left-tables 'chroot /nft /usr/sbin/nft list tables'
check left-addr 'ip -4 -o addr'
check log 'supctl logs supervisor; cat /var/log/sup/supervisor* /run/log/sup/supervisor* 2>/dev/null'
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
    folder = lab.appliance("network", UNITS, [
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


def test_ended_well(boot):
    boot.ended_well()
