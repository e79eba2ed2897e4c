"""Networks between containers, ports, names; and a reload that touches only what has changed."""

import re
import socket
import threading
import urllib.request

import pytest

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
STAY = "/usr/bin/busybox tail -f /dev/null"


def container(network, *lines, name="busybox"):
    return "\n".join(["[Container]", f"Image={name}", f"Network={network}", "Volume=/usr/bin/fetch:/fetch:ro",
                      *lines, INSTALL])


def web(network, *lines):
    return container(network, 'Exec=sh -c "mkdir -p /tmp/www && hostname >/tmp/www/index.html && '
                     'exec httpd -f -vv -p 80 -h /tmp/www"', *lines)


UNITS = {
    "red.network": "[Network]\nSubnet=10.41.0.0/24\nGateway=10.41.0.254\n",
    "blue.network": "[Network]\nSubnet=10.42.0.0/24\n",
    "inner.network": "[Network]\nSubnet=10.43.0.0/24\nInternal=yes\n",
    "apart.network": "[Network]\nSubnet=10.44.0.0/24\nOptions=isolate=true\n",
    "r1.container": web("red.network", "PublishPort=8081:80", "PublishPort=127.0.0.1:8082:80",
                        "IP=10.41.0.10", "ContainerName=crimson"),
    "r2.container": container("red.network"),
    "b1.container": web("blue.network", "PublishPort=8083:80"),
    "i1.container": web("inner.network"),
    "i2.container": container("inner.network"),
    "a1.container": web("apart.network"),
    "a2.container": container("apart.network"),
    "share.container": container("r2.container"),
    "host.container": container("host"),
    "none.container": container("none"),
    "uplink.service": f"""
[Service]
ExecStart=/usr/bin/busybox udhcpc -f -i eth0 -s /usr/lib/sup/udhcpc.script
{INSTALL}""",
    "same.service": f"[Service]\nExecStart={STAY}\n{INSTALL}",
    "changes.service": f"[Service]\nExecStart={STAY}\nEnvironment=A=1\n{INSTALL}",
    "leaves.service": f"[Service]\nExecStart={STAY}\n{INSTALL}",
}

SCRIPT = r"""
await 60 '[ $(supctl status | grep -c "container.*running") = 10 ] && grep -q nameserver /etc/resolv.conf'
get() { supctl exec $1 /fetch $2 ${3:-80}; }
await 30 'get r2 r1 && get i2 i1'

check names 'for n in r1 crimson 10.41.0.10; do get r2 $n; done'
check hosts 'supctl exec r2 cat /etc/hosts'
check addr 'supctl exec r1 ip -4 addr show eth0; supctl exec r1 ip route'
check other-network 'get b1 10.41.0.10'
check other-name 'get b1 r1'
check internal 'get i2 i1'
check internal-route 'supctl exec i2 ip route'
check internal-out 'supctl exec i2 ip route add default via 10.43.0.1; get i2 10.41.0.10; get i2 10.0.2.2 OUTSIDE'
check outside 'get r2 10.0.2.2 OUTSIDE'
check isolate-within 'get a2 $(field a1 address)'
check isolate-between 'get r2 $(field a1 address)'
check own-loopback 'fetch 127.0.0.1 8081'
check only-loopback 'fetch 127.0.0.1 8082'
check not-on-bridge 'fetch 10.41.0.254 8082'
check hairpin 'get r2 10.41.0.254 8081'
check shared 'supctl exec share ip -4 addr show eth0 | grep inet; supctl exec r2 ip -4 addr show eth0 | grep inet'
check host-net 'supctl exec host ls /sys/class/net; supctl exec host ip -o link | grep -c .'
check none-net 'supctl exec none ip -o link'
check resolv 'supctl exec r2 cat /etc/resolv.conf; supctl exec r2 cat /etc/hostname'

old=$(field r2 address); pid=$(main r2)
check kept-namespace 'before=$(supctl exec r2 readlink /proc/self/ns/net); supctl restart r2
	[ "$(main r2)" != $pid ] && [ "$(field r2 address)" = $old ]'
await 30 'supctl logs -n 100 r1 | grep 10.0.2.2'

same=$(main same); changes=$(main changes); r1=$(main r1)
mkdir -p /run/sup/units /etc/sup/units
sed s/A=1/A=2/ /usr/lib/sup/units/changes.service >/etc/sup/units/changes.service
sed s/A=1/B=1/ /usr/lib/sup/units/changes.service >/run/sup/units/comes.service
rm /usr/lib/sup/units/leaves.service
check reload 'supctl reload'
check reload-same '[ "$(main same)" = $same ] && [ "$(main r1)" = $r1 ]'
check reload-changed 'await 20 "is changes running"; [ "$(main changes)" != $changes ]; tr "\\0" "\\n" </proc/$(main changes)/environ'
check reload-new 'await 20 "is comes running"; field comes file'
check reload-gone 'supctl status leaves; ls -d /sys/fs/cgroup/sup/leaves.service'
check reload-again 'changes=$(main changes); supctl reload; [ "$(main changes)" = $changes ] && [ "$(main same)" = $same ]'
echo "[Service" >/run/sup/units/comes.service
check reload-broken 'supctl reload; await 20 "is comes failed"; supctl status comes; state same'
printf '[Service]\nEnvironment=C=3\n' >/run/dropin; mkdir -p /etc/sup/units/same.service.d
cp /run/dropin /etc/sup/units/same.service.d/10.conf
check reload-dropin 'supctl reload; await 20 "is same running && grep -q C=3 /proc/\$(main same)/environ"
	[ "$(main same)" != $same ] && tr "\\0" "\\n" </proc/$(main same)/environ'
check reload-network 'sed -i s/10.41.0.254/10.41.0.253/ /usr/lib/sup/units/red.network; b=$(main b1); supctl reload
	await 30 "is r1 running && is r2 running"; [ $(main b1) = $b ]; supctl exec r2 ip route; await 30 "get r2 r1"; get r2 r1'
check faults 'supctl faults'
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Caller:
    """Asks a published port from outside the guest, again and again, until it answers."""

    def __init__(self, port):
        self.port, self.answer, self.over = port, None, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.wait(0.3) and self.answer is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as page:
                    self.answer = page.read().decode().strip()
            except OSError:
                pass

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.answer


@pytest.fixture(scope="module")
def boot(lab, outside):
    folder = lab.appliance("network", UNITS, [lab.busybox()],
                           more=lab.helper_on_host("fetch"))
    callers = {guest: Caller(free_port()) for guest in (8081, 8082)}
    options = [w for guest, c in callers.items() for w in ("--publish", f"{c.port}:{guest}")]
    shown = lab.boot(folder, SCRIPT.replace("OUTSIDE", str(outside.port)), *options)
    shown.answers = {guest: c.stop() for guest, c in callers.items()}
    return shown


def test_ends_well(boot):
    boot.ended_well()


def test_neighbours_have_names(boot):
    assert boot.lines("names") == ["r1"] * 3
    assert re.search(r"^10\.41\.0\.10\s.*\br1\b", boot.text("hosts"), re.MULTILINE)
    assert "b1" not in boot.text("hosts")
    assert "inet 10.41.0.10/24" in boot.text("addr")
    assert "default via 10.41.0.254" in boot.text("addr")


def test_networks_do_not_reach_each_other(boot):
    assert boot.code("other-network") != 0
    assert boot.code("other-name") != 0


def test_isolated_network(boot):
    """Options=isolate=true has Podman's meaning, apart from other networks: neighbours meet."""
    assert boot.code("isolate-within") == 0
    assert boot.code("isolate-between") != 0


def test_internal_network(boot):
    assert boot.ok("internal") == "i1"
    assert "default" not in boot.text("internal-route")
    assert boot.code("internal-out") != 0
    assert "i1" not in boot.text("internal-out") and "the outside" not in boot.text("internal-out")


def test_published_ports(boot):
    assert boot.ok("outside") == "the outside"
    assert boot.answers == {8081: "r1", 8082: None}
    assert boot.ok("own-loopback") == "r1"
    assert boot.ok("only-loopback") == "r1"
    assert boot.code("not-on-bridge") != 0
    assert boot.ok("hairpin") == "r1"


def test_shared_host_and_no_network(boot):
    first, second = boot.lines("shared")
    assert first.split() == second.split()
    assert {"eth0", "red", "blue", "lo"} <= set(boot.text("host-net").split())
    assert len(boot.lines("none-net")) == 1 and "lo:" in boot.text("none-net")


def test_network_outlives_a_restart(boot):
    boot.ok("kept-namespace")


def test_reload_touches_only_what_changed(boot):
    boot.ok("reload")
    boot.ok("reload-same")
    assert "A=2" in boot.ok("reload-changed")
    assert boot.ok("reload-new") == "/run/sup/units/comes.service"
    assert "no such unit" in boot.text("reload-gone")
    boot.ok("reload-again")


def test_reload_with_a_broken_file_and_a_drop_in(boot):
    assert "comes.service:1" in boot.text("reload-broken")
    assert boot.lines("reload-broken")[-1] == "running"
    assert "C=3" in boot.ok("reload-dropin")


def test_reload_of_a_network(boot):
    text = boot.ok("reload-network")
    assert "default via 10.41.0.253" in text and text.endswith("r1")
