"""What somebody takes away of our networks behind the supervisor's back comes back, and is said: by hand, with ip, nft and the
files of /proc/sys, in the namespace of an appliance whose containers run all the while."""

import contextlib
import json
import os
import re
import signal
import subprocess

import pytest

from initbox import DEADLINE, eventually
from test_peers import Peer

FREE = "[Unit]\nStartLimitIntervalSec=0\n"
SLEEP = "Rootfs=/srv/root:O\nExec=/bin/busybox sleep 100000\n" + FREE
UNITS = {
    "lan.network": "[Network]\nSubnet=10.30.0.0/24\n" + FREE,
    "web.container": "[Container]\nNetwork=lan.network\nIP=10.30.0.9\nPublishPort=8080:80\n" + SLEEP,
    "db.container": "[Container]\nNetwork=lan.network\nIP=10.30.0.8\n" + SLEEP,
    "rest.container": "[Container]\nNetwork=lan.network\nIP=10.30.0.7\n" + SLEEP,
}


class NetBox(Peer):
    """The tools are the host's, the network is the box's."""

    def on_host(self, *words, check=True):
        done = subprocess.run(["nsenter", "-U", "-n", "--preserve-credentials", "-t", str(self.init_pid()),
                               *map(str, words)], capture_output=True, text=True, timeout=DEADLINE)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def link(self, name):
        found = json.loads(self.on_host("ip", "-d", "-j", "link", "show", "dev", name, check=False) or "[]")
        return found[0] if found else {}

    def port(self, unit):
        """The host's end of the container's pair."""
        for link in json.loads(self.on_host("ip", "-d", "-j", "link")):
            if link.get("ifalias") == f"sup:{unit}.container":
                return link["ifname"]
        return None

    def reaches(self, unit, addr):
        pid = self.host_pid(self.unit(unit)["pid"])
        done = subprocess.run(["nsenter", "-n", "-t", str(pid), "busybox", "ping", "-c", "1", "-W", "1", addr],
                              capture_output=True, timeout=DEADLINE)
        return done.returncode == 0

    def sysctl(self, path, value=None):
        """As the box's root: /proc/sys/net is that of whoever opens it."""
        words = f"cat /proc/sys/net/{path}" if value is None else f"echo {value} >/proc/sys/net/{path}"
        return self.shell(words).strip()

    def journal(self):
        return self.supctl("logs", "-n", "1000", "supervisor")[1]

    @contextlib.contextmanager
    def mends(self, sentence):
        """Exactly one line more says so, soon after what is done here."""
        before = len(re.findall(sentence, self.journal()))
        yield
        eventually(lambda: len(re.findall(sentence, self.journal())) > before, f"{sentence}; {self.journal()}")

    def whole(self):
        eventually(lambda: self.reaches("web", "10.30.0.8"), f"web reaches db; {self.journal()}")
        eventually(lambda: self.reaches("db", "10.30.0.1"), "db reaches the host")


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with NetBox(tmp_path_factory.mktemp("reconcile"), UNITS) as b:
        b.ready()
        assert b.supctl("start", "web", "db", "rest")[0] == 0
        b.whole()
        pid = b.unit("rest")["pid"]
        yield b
        assert pid == b.unit("rest")["pid"]
        assert "Segmentation" not in b.said()


@pytest.fixture(autouse=True)
def another_life(box):
    """Who begins anew has heard of nothing yet, and follows at once."""
    box.reborn()


@pytest.mark.parametrize("words, sentence", [
    ("link delete lan", "lan was gone: mended"),
    ("link set lan down", "lan was down: mended"),
    ("address delete 10.30.0.1/24 dev lan", "lan was without its address: mended"),
    ("address flush dev lan", "lan was without its address: mended"),
    ("route delete 10.30.0.0/24 dev lan", "lan was without its route: mended"),
    ("link delete PORT", "PORT was gone: mended"),
    ("link set PORT down", "PORT was down: mended"),
    ("link set PORT nomaster", "PORT was out of its bridge: mended"),
])
def test_a_link_an_address_a_route(box, words, sentence):
    port = box.port("web")
    with box.mends(sentence.replace("PORT", port)):
        box.on_host("ip", *words.replace("PORT", port).split())
    box.whole()
    assert box.link("lan")["ifalias"] == "sup:lan.network"
    assert box.link(box.port("web"))["master"] == "lan"


@pytest.mark.parametrize("words", ["delete table FAMILY sup", "flush table FAMILY sup", "flush ruleset",
                                   "delete table bridge sup", "add chain FAMILY sup foreign"])
def test_rules(box, words):
    family = "inet" if "table inet sup" in box.on_host("nft", "list", "tables") else "ip"
    before = box.on_host("nft", "list", "ruleset")
    with box.mends("the table sup of nf_tables was changed by nft: mended"):
        box.on_host("nft", *words.replace("FAMILY", family).split())
    eventually(lambda: rules(box) == rules_of(before), "the rules are as before")


@contextlib.contextmanager
def stopped(box):
    """It hears nothing meanwhile, and what there is room for is soon used up."""
    pid = box.supervisor_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_rules_after_more_than_can_be_heard(box, tmp_path):
    """Foreign sets of many elements. A life that went deaf by that would not hear of the next, either."""
    before = box.on_host("nft", "list", "ruleset")
    much = tmp_path / "much.nft"
    numbers = ",".join(f"10.0.{n >> 8}.{n & 255}" for n in range(3000))
    much.write_text(f"table ip much {{ set s {{ type ipv4_addr; elements = {{ {numbers} }}; }}; }}\ndelete table ip much\n")
    for words in ("flush ruleset", "delete table bridge sup"):
        with stopped(box):
            for _ in range(10):
                box.on_host("nft", "-f", much)
        eventually(lambda: rules(box) == rules_of(before), "the rules are as before")
        box.on_host("nft", *words.split())
        eventually(lambda: rules(box) == rules_of(before), f"the rules are as before; {box.journal()}")


def test_links_after_more_than_can_be_heard(box, tmp_path):
    many = tmp_path / "many"
    many.write_text("".join(f"address {what} 10.99.{n >> 8}.{n & 255}/32 dev lo\n" for n in range(2000) for what in ("add", "delete")))
    for _ in range(2):
        with stopped(box):
            box.on_host("ip", "-batch", many)
        box.on_host("ip", "link", "set", "lan", "down")
        box.whole()


def test_a_boot_of_several_networks_is_heard_in_full(tmp_path):
    """What the supervisor sets itself is not told to it: six tables' worth would be more than there is room for."""
    units = {}
    for i in range(1, 7):
        units[f"m{i}.network"] = "[Network]\nIPv6=yes\n" + FREE
        units[f"m{i}.container"] = f"[Container]\nNetwork=m{i}.network\nPublishPort={9000 + i}:80\n" + SLEEP + \
            "[Install]\nWantedBy=multi-user.target\n"
    with NetBox(tmp_path, units) as b:
        b.ready()
        eventually(lambda: all(b.unit(f"m{i}").get("pid") for i in range(1, 7)), f"all run; {b.journal()}")
        assert lost_of_rules(b) == 0
        before = b.on_host("nft", "list", "ruleset")
        b.on_host("nft", "flush", "ruleset")
        eventually(lambda: rules(b) == rules_of(before), f"the rules are as before; {b.journal()}")
        assert lost_of_rules(b) == 0


def lost_of_rules(box):
    """By the one socket that listens to nf_tables (NETLINK_NETFILTER, its group of nf_tables alone)."""
    with open(f"/proc/{box.supervisor_pid()}/net/netlink", encoding="ascii") as table:
        lost = [int(line.split()[8]) for line in table if line.split()[1] == "12" and line.split()[3] == "00000040"]
    assert len(lost) == 1
    return lost[0]


def rules_of(text):
    return sorted(re.sub(r"packets \d+ bytes \d+", "", text).split())


def rules(box):
    return rules_of(box.on_host("nft", "list", "ruleset"))


def test_other_tables_are_nobodys_business(box):
    before = box.journal()
    box.on_host("nft", "add table inet other")
    box.on_host("nft", "delete table inet other")
    # What comes after it is heard after it.
    with box.mends("lan was down"):
        box.on_host("ip", "link", "set", "lan", "down")
    assert "nf_tables" not in box.journal()[len(before):]


def test_forwarding(box):
    assert box.sysctl("ipv4/ip_forward") == "1"
    with box.mends("forwarding was off: mended"):
        box.sysctl("ipv4/ip_forward", 0)
    eventually(lambda: box.sysctl("ipv4/ip_forward") == "1", "it forwards again")


def test_the_published_port_on_the_loopback(box):
    assert box.sysctl("ipv4/conf/lan/route_localnet") == "1"
    with box.mends("forwarding was off: mended"):
        box.sysctl("ipv4/conf/lan/route_localnet", 0)
    eventually(lambda: box.sysctl("ipv4/conf/lan/route_localnet") == "1", "the loopback leads there")


def test_while_there_is_no_supervisor(box):
    pid = box.supervisor_pid()
    os.kill(pid, signal.SIGSTOP)
    box.on_host("ip", "link", "delete", box.port("web"))
    box.on_host("ip", "link", "delete", "lan")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: box.supervisor_pid() not in (None, pid) and box.supctl("list")[0] == 0, "the next one")
    box.whole()


def test_whoever_goes_on_is_followed_later_each_time(box):
    """And costs next to nothing: some tens of looks, however often it is done."""
    def looks():
        return box.journal().count("lan was down")
    before = looks()
    for _ in range(400):
        box.on_host("ip", "link", "set", "lan", "down")
    eventually(lambda: "again and again" in box.journal(), "it is said")
    assert looks() - before < 40


def test_what_it_did_itself_is_not_mended(box):
    before = box.journal()
    for _ in range(5):
        assert box.supctl("stop", "db")[0] == 0
        assert box.supctl("start", "db")[0] == 0
    assert box.supctl("restart", "web")[0] == 0
    with box.mends("lan was down"):
        box.on_host("ip", "link", "set", "lan", "down")
    assert box.journal()[len(before):].count("mended") == 1
