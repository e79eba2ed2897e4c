"""Names in networks under the real supervisor: who is found by what, from where, and what happens to it when the supervisor
or the resolver dies. The servers outside are fakes on the machine's side of a network card. test_resolver.py has the
resolver by itself."""

import fcntl
import os
import re
import signal
import socket
from pathlib import Path

import pytest

import dnspeer
import initbox
from dnspeer import A, AAAA, PTR, TXT, answer, question, read_answer, tcp_ask
from initbox import eventually
from netbox import NetBox

SLEEP = "Exec=/bin/busybox sleep 100000\n"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
OUTSIDE = "192.0.2.1"
UNITS = {
    "lan.network": "[Network]\nSubnet=10.61.0.0/24\n",
    "inner.network": "[Network]\nSubnet=10.62.0.0/24\nInternal=yes\n",
    "mute.network": "[Network]\nSubnet=10.63.0.0/24\nDisableDNS=true\n",
    "late.network": "[Network]\nSubnet=10.64.0.0/24\n",
    "db.container": f"[Container]\nRootfs=/srv/root:O\nNetwork=lan.network\nContainerName=store\n"
                    f"NetworkAlias=cache db.example.com\n{SLEEP}{INSTALL}",
    "web.container": f"[Container]\nRootfs=/srv/root:O\nNetwork=lan.network\nNetworkAlias=cache\n{SLEEP}{INSTALL}",
    "both.container": f"[Container]\nRootfs=/srv/root:O\nNetwork=inner.network\nNetwork=lan.network\nDNS=192.0.2.2\n"
                      f"{SLEEP}{INSTALL}",
    "safe.container": f"[Container]\nRootfs=/srv/root:O\nNetwork=inner.network\n{SLEEP}{INSTALL}",
    "mute.container": f"[Container]\nRootfs=/srv/root:O\nNetwork=mute.network\n{SLEEP}{INSTALL}",
}


class Names(NetBox):
    def __init__(self, folder):
        super().__init__(folder, UNITS)
        (self.root / "etc/resolv.conf").write_text(f"search corp.example\nnameserver {OUTSIDE}\n")
        self.image("root")

    def address(self, unit, network="lan"):
        prefix = {"lan": "10.61.", "inner": "10.62.", "mute": "10.63."}[network]
        text = self.space(unit).run("ip", "-o", "-4", "addr")
        return re.search(rf"inet ({re.escape(prefix)}[0-9.]+)", text)[1]

    def ask(self, unit, name, kind=A, server="10.61.0.1"):
        return self.space(unit).ask(server, name, kind)

    def text(self, path):
        with self.inside("/bin/busybox", "cat", path, stdout=-1, text=True) as p:
            return p.communicate(timeout=initbox.DEADLINE)[0]

    def seen(self, unit, file):
        return self.text(f"/run/sup/files/{unit}.container/{file}")

    def published(self, network):
        return self.text(f"/run/sup/names/{network}.network")

    def uplink(self):
        """A card of the host whose other end is a namespace of the test's."""
        outer = dnspeer.Namespace()
        host = self.space()
        outer.run("ip", "link", "add", "out", "type", "veth", "peer", "name", "up0", "netns", str(self.init_pid()))
        for addr in OUTSIDE, "192.0.2.2":
            outer.run("ip", "addr", "add", f"{addr}/24", "dev", "out")
        outer.run("ip", "link", "set", "out", "up")
        host.run("ip", "addr", "add", "192.0.2.9/24", "dev", "up0")
        host.run("ip", "link", "set", "up0", "up")
        self.spaces["outer"] = outer
        return outer


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Names(tmp_path_factory.mktemp("names")) as b:
        b.ready()
        for name in "db", "web", "both", "safe", "mute":
            eventually(lambda: b.unit(name)["state"] == "running", name)
        outside = b.uplink()
        big = [bytes([255]) + bytes(255)] * 100
        b.first = dnspeer.Server(outside, OUTSIDE, lambda q: answer(q, truncated=True) if b"big" in q else answer(
            q, [socket.inet_aton("203.0.113.7")]), lambda q: answer(q, big, kind=TXT))
        b.second = dnspeer.Server(outside, "192.0.2.2", lambda q: answer(q, [socket.inet_aton("203.0.113.9")]))
        yield b
        b.first.close()
        b.second.close()


def test_neighbours_are_found_by_all_their_names(box):
    db, web = box.address("db"), box.address("web")
    for name in "db", "store", "db.lan.internal", "DB.example.com":
        assert box.ask("web", name) == (0, False, [db])
    assert sorted(box.ask("web", "cache")[2]) == sorted([db, web])
    assert box.ask("web", "db", AAAA) == (0, False, [])
    assert box.ask("web", ".".join(reversed(db.split("."))) + ".in-addr.arpa", PTR) == (0, False, ["db.lan.internal"])
    assert box.ask("db", ".".join(reversed(web.split("."))) + ".in-addr.arpa", PTR)[2] == ["web.lan.internal"]
    with box.space("web").tcp("10.61.0.1") as s:
        assert read_answer(tcp_ask(s, question("db")))[2] == [db]
    # what an ordinary client makes of it
    assert box.seen("web", "resolv.conf") == "search lan.internal corp.example\nnameserver 10.61.0.1\n"
    status, out, err = box.supctl("exec", "web", "/bin/busybox", "nslookup", "db")
    assert status == 0 and db in out, out + err


def test_other_names_are_asked_outside(box):
    assert box.ask("web", "www.example.com") == (0, False, ["203.0.113.7"])
    assert box.ask("web", "big.example.com", TXT) == (0, True, [])
    with box.space("web").tcp("10.61.0.1") as s:
        assert len(read_answer(tcp_ask(s, question("big.example.com", TXT)))[2]) == 100
    assert {peer[0] for _, peer in box.first.asked} == {"192.0.2.9"}
    box.ask("web", "nobody")
    assert "nobody" not in box.first.names()


def test_servers_and_neighbours_of_ones_own(box):
    assert box.ask("both", "www.example.com")[2] == ["203.0.113.9"]
    assert box.seen("both", "resolv.conf").endswith("nameserver 10.61.0.1\n")
    assert box.ask("both", "safe")[2] == [box.address("safe", "inner")]
    assert box.ask("web", "safe")[0] == 3
    # In the other network's domain, too, which is nobody else's.
    assert box.ask("both", "safe.inner.internal")[2] == [box.address("safe", "inner")]
    before = len(box.first.asked)
    assert box.ask("web", "safe.inner.internal")[0] == 3
    assert len(box.first.asked) == before


def test_a_server_of_the_hosts_that_is_ours_is_not_asked(box):
    """It would ask itself, or another of ours that asks it."""
    file = box.root / "etc/resolv.conf"
    had = file.read_text()
    file.write_text("nameserver 10.61.0.1\nnameserver 10.62.0.1\nnameserver 192.0.2.2\n")
    try:
        assert eventually(lambda: box.ask("web", "ours.example.com")[2] == ["203.0.113.9"], "it is published")
        servers = [line for line in box.published("lan").splitlines() if line.startswith("server ")]
        assert set(servers) == {"server 192.0.2.2"}
        # and one that begins to be ours
        file.write_text("nameserver 10.64.0.1\nnameserver 192.0.2.2\n")
        eventually(lambda: "server 10.64.0.1\n" in box.published("lan"), "it is asked as any other")
        assert box.supctl("start", "late.network")[0] == 0
        eventually(lambda: "server 10.64.0.1\n" not in box.published("lan"), "it is asked no more")
        assert box.supctl("stop", "late.network")[0] == 0
    finally:
        file.write_text(had)
    assert eventually(lambda: box.ask("web", "again.example.com")[2] == ["203.0.113.7"], "it is published")


def test_a_server_on_a_link_of_the_host(box):
    file, outside = box.root / "etc/resolv.conf", box.spaces["outer"]
    had = file.read_text()
    outside.run("ip", "addr", "add", "fe80::53/64", "dev", "out", "nodad")
    there = dnspeer.Server(outside, "fe80::53%out", lambda q: answer(q, [socket.inet_aton("203.0.113.53")]))
    try:
        file.write_text("nameserver fe80::53%up0\n")
        assert eventually(lambda: box.ask("web", "far.example.com")[2] == ["203.0.113.53"], "it is asked")
        # who has no resolver of ours has no such link
        eventually(lambda: box.seen("mute", "resolv.conf") == "", "its file is written")
    finally:
        file.write_text(had)
        there.close()
    assert eventually(lambda: box.ask("web", "again.example.com")[2] == ["203.0.113.7"], "it is published")


def test_internal_networks_know_themselves_alone(box):
    safe = box.space("safe")
    assert "nameserver 10.62.0.1\n" in box.seen("safe", "resolv.conf")
    assert safe.ask("10.62.0.1", "both")[2] == [box.address("both", "inner")]
    before = len(box.first.asked)
    assert safe.ask("10.62.0.1", "www.example.com")[0] == 3
    assert len(box.first.asked) == before


def test_without_dns_there_are_the_files(box):
    assert "10.63." in box.seen("mute", "hosts")
    assert box.seen("mute", "resolv.conf") == f"search corp.example\nnameserver {OUTSIDE}\n"
    assert box.supctl("status", "sup-dns@mute.socket")[0] == 4
    with pytest.raises((TimeoutError, OSError)):
        box.space("mute").udp("10.63.0.1", question("mute"), None, 0.5, 1)


@pytest.mark.parametrize("target, relative", [("run/leased/dns/resolv.conf", "../run/leased/dns/resolv.conf"),
                                              ("tmp/resolv.conf", "/etc/by-dhcp")])
def test_the_file_of_servers_is_a_link(tmp_path, target, relative):
    """Whatever becomes of what it leads to, which is not there at first, is seen."""
    with Names(tmp_path) as b:
        (b.root / "etc/resolv.conf").unlink()
        (b.root / "etc/by-dhcp").symlink_to("/" + target)
        (b.root / "etc/resolv.conf").symlink_to(relative)
        (b.root / "tmp").mkdir(exist_ok=True)
        b.ready()
        eventually(lambda: b.unit("mute")["state"] == "running", "mute")
        assert b.seen("mute", "resolv.conf") == ""

        def says(text, do):
            do()
            eventually(lambda: b.seen("mute", "resolv.conf") == text, f"{text!r}, not {b.seen('mute', 'resolv.conf')!r}")

        def within(script):
            return lambda: b.inside("/bin/busybox", "sh", "-ec", script).wait(initbox.DEADLINE)
        servers = [f"nameserver 192.0.2.{n}\n" for n in range(10)]
        file, folder = f"/{target}", f"/{target.rpartition('/')[0]}"
        says(servers[1], within(f"mkdir -p {folder}; echo nameserver 192.0.2.1 > {file}"))
        says(servers[2], within(f"echo nameserver 192.0.2.2 > {file}"))
        says(servers[3], within(f"echo nameserver 192.0.2.3 > {file}.new; mv {file}.new {file}"))
        says("", within(f"rm {file}"))
        says(servers[4], within(f"echo nameserver 192.0.2.4 > {file}"))
        b.kill_supervisor()
        says(servers[5], within(f"echo nameserver 192.0.2.5 > {file}"))
        says(servers[6], within("echo nameserver 192.0.2.6 > /etc/new; mv /etc/new /etc/resolv.conf"))
        says(servers[7], within(f"echo nameserver 192.0.2.7 > /run/other; ln -sf /run/other /etc/resolv.conf"))
        says(servers[8], within("echo nameserver 192.0.2.8 > /run/other"))


def test_more_events_than_the_kernel_keeps(box):
    """What was lost of them is looked up."""
    file = box.root / "etc/resolv.conf"
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    supervisor = box.supervisor_pid()
    os.kill(supervisor, signal.SIGSTOP)
    try:
        for i in range(most + 1):  # those of one name would be one
            (box.root / f"etc/other{i % 2}").write_text("x")
        file.write_text(file.read_text() + "options ndots:3\n")
    finally:
        os.kill(supervisor, signal.SIGCONT)
    eventually(lambda: "ndots:3" in box.seen("mute", "resolv.conf"), "it is read again")


def test_a_server_of_the_host_is_not_the_resolver(box):
    """The port is open where the resolver answers, not at another address of the host."""
    with box.space().socket(socket.SOCK_STREAM, ("192.0.2.9", 53)) as s:
        s.listen()
        with pytest.raises(OSError), box.space("web").socket(socket.SOCK_STREAM, timeout=2) as c:
            c.connect(("192.0.2.9", 53))


def test_a_lease_on_a_file_holds_nobody_up(box):
    """Who reads a file may have a lease on it: whoever then opens it for writing is stopped for 45 s by the kernel."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    root = f"/proc/{box.pid_outside(box.unit('both')['pid'])}/root"
    with open(f"{root}/etc/hosts", "rb") as leased:
        fcntl.fcntl(leased, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        assert box.supctl("stop", "db")[0] == 0
        # both comes before web
        eventually(lambda: "db" not in box.seen("web", "hosts"), "the others are told")
        assert "db" in leased.read().decode()
        assert box.supctl("status")[0] == 0
    eventually(lambda: "db" not in box.seen("both", "hosts"), "it is told when the lease is over")
    assert box.supctl("start", "db")[0] == 0
    box.anew("db")
    eventually(lambda: "db" in box.seen("both", "hosts"), "it is back")


def test_only_the_port_of_names_is_open(box):
    with box.space().socket(socket.SOCK_STREAM, ("0.0.0.0", 7777)) as s:
        s.listen()
        with pytest.raises(OSError), box.space("web").socket(socket.SOCK_STREAM, timeout=2) as c:
            c.connect(("10.61.0.1", 7777))


def test_who_stops_is_not_found_and_who_comes_back_is(box):
    assert box.supctl("stop", "db")[0] == 0
    assert eventually(lambda: box.ask("web", "db")[0] == 3, "it is gone")
    assert box.supctl("start", "db")[0] == 0
    box.anew("db")
    assert eventually(lambda: box.ask("web", "db")[2] == [box.address("db")], "it is back")


def test_it_is_a_unit_as_any_other(box):
    box.ask("web", "db")
    service, sock = box.unit("sup-dns@lan.service"), box.unit("sup-dns@lan.socket")
    assert (service["state"], sock["state"]) == ("running", "listening")
    status, out, _ = box.supctl("status", "sup-dns@lan.service")
    assert status == 0 and "lan.network" in out
    with box.inside("/bin/busybox", "cat", f"/proc/{service['pid']}/status", stdout=-1, text=True) as p:
        proc = dict(line.split(":\t", 1) for line in p.communicate(timeout=initbox.DEADLINE)[0].splitlines())
    assert proc["Uid"].split()[0] == "65534" and proc["Seccomp"] == "2" and proc["NoNewPrivs"] == "1"
    assert all(int(proc[f"Cap{which}"], 16) == 0 for which in ("Inh", "Prm", "Eff", "Bnd", "Amb"))


def test_deaths_are_no_gap(box):
    box.ask("web", "db")
    before = box.unit("sup-dns@lan.service")["pid"]
    box.kill_supervisor(signal.SIGKILL)
    # nobody but the resolver is needed for an answer
    assert box.ask("web", "db")[2] == [box.address("db")]
    eventually(lambda: box.supctl("status")[0] == 0, "the next supervisor")
    assert box.unit("sup-dns@lan.service")["pid"] == before
    assert box.unit("sup-dns@lan.socket")["state"] == "listening"
    os.kill(box.pid_outside(before), signal.SIGKILL)
    assert box.ask("web", "db")[2] == [box.address("db")]
    assert box.unit("sup-dns@lan.service")["pid"] != before
