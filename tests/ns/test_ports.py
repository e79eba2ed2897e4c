"""Who has a port of the host when several want it: the first one, until it stops or does not want it any more, over all reloads, restarts
and deaths of the supervisor in between."""

import contextlib
import re

import pytest

import dnspeer
from crashbox import KILL_BUILD
from initbox import DEADLINE, eventually
from test_live import CALL, ECHO, LiveBox
from test_reconcile import FREE, SLEEP

# Answers each line with its name.
NAMED = ECHO.replace('print(line, end=""', "print(sys.argv[1]").replace("sys.argv[1:]", "sys.argv[2:]")
PORTS = 80, 81
TABLE = "/run/sup/state/ports"


class Ports(LiveBox):
    def __init__(self, folder, build=None, **files):
        super().__init__(folder, {"lan.network": "[Network]\nSubnet=10.30.0.0/24\nIPv6=yes\n" + FREE}, build)
        self.write(**files)

    @contextlib.contextmanager
    def names(self, *units):
        """Each says its name at its ports."""
        with contextlib.ExitStack() as stack:
            for unit in units:
                p = stack.enter_context(self.python(self.inside_of(unit), NAMED, unit, *PORTS))
                assert p.stdout.readline() == "ready\n"
            yield

    @contextlib.contextmanager
    def host_has(self, port):
        with self.python(self.of_host(), NAMED, "host", port) as p:
            assert p.stdout.readline() == "ready\n"
            yield

    @contextlib.contextmanager
    def talks_to(self, name, port=8080):
        """By a connection that is there before and afterwards; who comes then gets there, too."""
        with self.python(self.of_host(), CALL, "127.0.0.1", port, DEADLINE) as p:
            assert p.stdout.readline() == "connected\n" and self.says(p) == f"{name}\n"
            yield
            assert self.says(p) == f"{name}\n" and self.whose(port) == name

    def whose(self, port=8080, addr="127.0.0.1"):
        with self.python(self.of_host(), CALL, addr, port, 5) as p:
            return self.says(p).strip() if p.stdout.readline() == "connected\n" else None

    def refused(self, unit, words):
        assert re.search(rf"{unit}\.container: runs without: PublishPort={words}", self.journal()), self.journal()

    def reexec(self):
        life = self.data("reexec")["life"]
        assert self.data("reexec")["life"] == life + 1

    def runs_as(self, *units):
        return {u: self.unit(u)["pid"] for u in units}


def wants(*ports, more=""):
    return "[Container]\nNetwork=lan.network\n" + "".join(f"PublishPort={p}\n" for p in ports) + more


@contextlib.contextmanager
def ports(folder, build=None, **files):
    with Ports(folder, build, **{f"{unit}_container": text for unit, text in files.items()}) as b:
        b.ready()
        b.on_host("ip", "address", "add", "fd00::1/128", "dev", "lo", "nodad")
        assert b.supctl("start", *files)[0] == 0
        yield b
        assert "Segmentation" not in b.said()


# As the units stand in their set: the one that has it is the first, or the last.
ORDERS = pytest.mark.parametrize("has, other", [("a", "z"), ("z", "a")])


@ORDERS
@pytest.mark.parametrize("end", ["reborn", "reexec"])
def test_a_death_changes_nothing(tmp_path, has, other, end):
    with ports(tmp_path, **{has: wants("8080:80"), other: wants()}) as b, b.names("a", "z"), b.talks_to(has):
        pids = b.runs_as("a", "z")
        b.reload(**{f"{other}_container": wants("8080:80", "8181:81")})
        b.refused(other, f"8080:80: taken by {has}.container")
        for _ in range(2):
            getattr(b, end)()
            assert b.whose() == has and b.whose(8181) == other
        assert b.runs_as("a", "z") == pids


@ORDERS
def test_nor_does_one_to_what_two_got_by_reloads(tmp_path, has, other):
    with ports(tmp_path, **{has: wants(), other: wants()}) as b, b.names("a", "z"):
        b.reload(**{f"{has}_container": wants("8080:80")})
        with b.talks_to(has):
            b.reload(**{f"{other}_container": wants("8080:80")})
            b.refused(other, f"8080:80: taken by {has}.container")
            assert b.whose() == has
            b.reborn()


@ORDERS
def test_a_port_moves_in_one_reload(tmp_path, has, other):
    """And is from then on the other's."""
    with ports(tmp_path, **{has: wants("8080:80"), other: wants("8181:81")}) as b, b.names("a", "z"):
        b.reload(**{f"{has}_container": wants("8181:81"), f"{other}_container": wants("8080:80")})
        with b.talks_to(other), b.talks_to(has, 8181):
            b.reload(**{f"{has}_container": wants("8181:81", "8080:80")})
            b.refused(has, f"8080:80: taken by {other}.container")
            b.reborn()


@ORDERS
@pytest.mark.parametrize("point", ["change-named", "swap-bound", "change-done", "change-ruled", "swap-configured"])
def test_killed_while_it_moves(tmp_path, has, other, point):
    with ports(tmp_path, KILL_BUILD, **{has: wants("8080:80"), other: wants(), "m": wants()}) as b, b.names("a", "m", "z"):
        b.reload(m_container=wants("8080:80"), **{f"{other}_container": wants("8080:80")})
        assert b.whose() == has
        b.shell(f"echo {point} 1 >/run/sup/kill-point")
        b.reload(**{f"{has}_container": wants()})
        assert "was killed by signal 9" in b.said()
        with b.talks_to(min(other, "m")):
            b.reborn()


@ORDERS
def test_who_waits_gets_it_when_the_other_stops(tmp_path, has, other):
    with ports(tmp_path, **{has: wants("8080:80"), other: wants()}) as b, b.names("a", "z"):
        b.reload(**{f"{other}_container": wants("8080:80")})
        assert b.whose() == has
        assert b.supctl("stop", has)[0] == 0
        assert f"{other}.container: has it by now: PublishPort=8080:80\n" in b.journal()
        with b.talks_to(other):
            status, _, err = b.supctl("start", has)
            assert status != 0 and f"PublishPort=8080:80: taken by {other}.container" in err
            b.reborn()


@pytest.mark.parametrize("left", [None, wants("8181:81")])
def test_who_waits_gets_it_when_the_other_does_not_want_it(tmp_path, left):
    """Or is no more. The file of who waits is not touched."""
    with ports(tmp_path, a=wants("8080:80"), z=wants()) as b, b.names("a", "z"):
        b.reload(z_container=wants("8080:80"))
        assert b.whose() == "a"
        b.reload(a_container=left)
        with b.talks_to("z"):
            b.reborn()


def test_a_restart_keeps_what_it_has(tmp_path):
    """What others want of it by then, or have taken on the host, does not matter: the namespace outlives it."""
    with ports(tmp_path, a=wants(), z=wants("8080:80")) as b, b.names("z"), b.talks_to("z"):
        b.reload(a_container=wants("8080:80"))
        pid = b.unit("z")["pid"]
        with b.host_has(8080):
            assert b.supctl("restart", "z")[0] == 0
            assert b.unit("z")["pid"] != pid and b.whose() == "z"
            b.reborn()
            assert b.whose() == "z"


def test_a_restart_opens_what_a_process_has_let_go(tmp_path):
    with ports(tmp_path, a=wants()) as b, b.names("a"):
        with b.host_has(8080):
            b.reload(a_container=wants("8080:80", "8181:81"))
            b.refused("a", "8080:80: taken by ")
            assert b.whose() == "host" and b.whose(8181) == "a"
        with b.talks_to("a", 8181):
            assert b.whose() is None
            assert b.supctl("restart", "a")[0] == 0
            with b.talks_to("a"):
                b.reborn()


@pytest.mark.parametrize("who", ["unit", "process"])
def test_a_restart_is_refused_as_a_start_is(tmp_path, who):
    with ports(tmp_path, a=wants(), z=wants("8080:80" if who == "unit" else "8282:80")) as b, b.names("z"):
        with b.host_has(9090 if who == "unit" else 8080):
            b.reload(a_container=wants("8181:81", "8080:80"))
            status, _, err = b.supctl("restart", "a")
            wanted = {"unit": "taken by z.container", "process": "taken by .*process "}[who]
            assert status != 0 and re.search(f"PublishPort=8080:80: {wanted}", err), err
            assert b.unit("a")["state"] == "failed" and b.whose(8181) is None
            assert b.whose() == ("z" if who == "unit" else "host")
        if who == "unit":
            b.reload(z_container=wants())
        assert b.supctl("start", "a")[0] == 0
        with b.names("a"):
            assert b.whose() == b.whose(8181) == "a"


def test_so_is_a_restart_by_itself(tmp_path):
    """Until it is to be had."""
    again = "[Service]\nRestart=always\nRestartSec=50ms\n"
    with ports(tmp_path, a=wants(more=again + "[Container]\n"), z=wants("8080:80")) as b, b.names("z"):
        b.reload(a_container=wants("8080:80", more=again + "[Container]\n"))
        b.crash("a")
        eventually(lambda: "a.container: network: PublishPort=8080:80: taken by z.container" in b.journal(), b.journal())
        assert b.whose() == "z"
        b.reload(z_container=wants())
        eventually(lambda: b.unit("a")["state"] == "running", b.journal())
        with b.names("a"):
            assert b.whose() == "a"


def test_any_reload_looks_again(tmp_path):
    """Also one that is of other units."""
    with ports(tmp_path, a=wants(), z=wants()) as b, b.names("a"):
        with b.host_has(8080):
            b.reload(a_container=wants("8080:80"))
            assert b.whose() == "host"
        b.reload()
        assert b.whose() == "a"


@pytest.mark.parametrize("first, second, taken, left", [
    # of a range what is free
    (["8080-8081:80-81"], ["8081-8082:80-81"], ["8081:80"], [8082]),
    (["127.0.0.1:8080:80"], ["8080:80"], ["8080:80"], []),
    (["8080:80"], ["127.0.0.1:8080:80"], ["127.0.0.1:8080:80"], []),
    (["0.0.0.0:8080:80"], ["8080:80", "8081:80"], ["8080:80"], [8081]),
    (["127.0.0.1:8080:80"], ["127.0.0.2:8080:80", "127.0.0.1:8081:80"], [], [8081]),
    (["8080:80/udp"], ["8080:80", "8080:80/sctp"], [], [8080]),
    (["8080:80/sctp"], ["8080:80/sctp", "8081:80"], ["8080:80/sctp"], [8081]),
    (["[fd00::1]:8080:80"], ["0.0.0.0:8080:80"], [], [8080]),
    (["[fd00::1]:8080:80"], ["8080:80"], ["8080:80"], []),
])
@pytest.mark.parametrize("live", [True, False])
def test_what_overlaps(tmp_path, first, second, taken, left, live):
    with ports(tmp_path, a=wants(), z=wants(*first)) as b, b.names("a", "z"):
        if live:
            b.reload(a_container=wants(*second))
        else:
            assert b.supctl("stop", "a")[0] == 0
            b.reload(a_container=wants(*second))
            status, _, err = b.supctl("start", "a")
            assert (status == 0) == (not taken), err
            for port in taken[:1]:
                assert f"PublishPort={port}: taken by z.container" in err
            return
        for port in taken:
            b.refused("a", f"{port}: taken by z.container")
        for _ in range(2):
            assert [b.whose(port) for port in left] == ["a"] * len(left)
            b.reborn()
        assert b.journal().count("a.container: runs without: ") == len(taken) * 3


def test_both_in_one_start(tmp_path):
    with Ports(tmp_path, a_container=wants("8080:80"), z_container=wants("8080:80")) as b:
        b.ready()
        status, _, err = b.supctl("start", "a", "z")
        states = {u: b.unit(u)["state"] for u in "az"}
        assert status != 0 and "PublishPort=8080:80: taken by" in err
        assert sorted(states.values()) == ["failed", "running"]
        runs = next(u for u, state in states.items() if state == "running")
        with b.names(runs):
            assert b.whose() == runs


@pytest.mark.parametrize("text, whose", [(None, "a"), ("", "a"), ("\\0\\0", "a"),
                                         ("z.container tcp :: 8080\\n" * 9, "host"), ("a.container tcp :: 99999\\nz\\n\\n", "host")])
def test_a_table_that_is_lost(tmp_path, text, whose):
    """What is free is opened; where it is not known who had what, a process that came later is no reason to close a port."""
    with ports(tmp_path, a=wants("8080:80"), z=wants("8181:81")) as b, b.names("a", "z"), b.host_has(8080):
        assert "a.container tcp :: 8080\n" in b.shell(f"cat {TABLE}") and b.whose() == "a"
        b.shell(f"rm {TABLE}" if text is None else f"printf '{text}' >{TABLE}")
        b.reborn()
        assert b.whose() == whose and b.whose(8181) == "z"
        assert "z.container tcp :: 8181\n" in b.shell(f"cat {TABLE}")


def test_a_table_that_names_two(tmp_path):
    """As no supervisor writes it: the first line holds, and the rules of all others are made."""
    with ports(tmp_path, a=wants("8181:81"), z=wants("8080:80")) as b, b.names("a", "z"):
        b.reload(a_container=wants("8181:81", "8080:80"))
        b.shell(f"printf 'z.container tcp :: 8080\\nz.container tcp :: 8080\\na.container tcp :: 8080\\n' >{TABLE}")
        b.reborn()
        assert b.whose() == "z" and b.whose(8181) == "a"
        b.refused("a", "8080:80: taken by z.container")
        assert "nf_tables" not in b.journal()


def test_a_table_that_cannot_be_written(tmp_path):
    """It is said, and what is asked for is done."""
    with ports(tmp_path, a=wants(), z=wants("8080:80")) as b, b.names("a", "z"):
        b.shell(f"mkdir {TABLE}.new")
        b.reload(a_container=wants("8080:80", "8181:81"))
        eventually(lambda: f"write {TABLE}: Is a directory" in b.journal(), b.journal())
        assert b.whose() == "z" and b.whose(8181) == "a"
        b.reborn()
        assert b.whose() == "z" and b.whose(8181) == "a"


@pytest.mark.parametrize("what", ["start", "stop", "restart", "reload"])
def test_killed_between_the_table_and_the_rules(tmp_path, what):
    """What was asked for is done all the same, and who waits gets no more than by that."""
    with ports(tmp_path, KILL_BUILD, a=wants(), m=wants(), z=wants("8080:80", "8181:81")) as b, b.names("m"):
        b.reload(a_container=wants("8080:80"), m_container=wants("8080:80"))
        if what == "restart":
            b.supctl("stop", "a", "m")
            b.reload(a_container=wants(), m_container=wants())
            assert b.supctl("start", "a")[0] == 0
            with b.host_has(9090):
                b.reload(a_container=wants("9090:80"))
        elif what == "start":
            b.supctl("stop", "z")
            b.reload(a_container=wants("8080:80"))
            assert b.supctl("stop", "a", "m")[0] == 0
        b.shell("echo ports-written 1 >/run/sup/kill-point")
        if what == "reload":
            b.reload(z_container=wants("8181:81"))
        else:
            b.supctl(what, {"start": "z", "stop": "z", "restart": "a"}[what])
        eventually(lambda: "was killed by signal 9" in b.said(), b.said())
        port, has = {"start": (8080, "z"), "stop": (8080, "a"), "restart": (9090, "a"), "reload": (8080, "a")}[what]
        eventually(lambda: b.unit(has)["state"] == "running", b.journal())
        with b.names(has), b.talks_to(has, port):
            b.reborn()


def test_an_address_that_the_host_gets_later(tmp_path):
    """As of a device that waits for its lease."""
    with ports(tmp_path, a=wants("192.0.2.9:8080:80", "[2001:db8::9]:8080:80")) as b, b.names("a"):
        for address in "192.0.2.9", "2001:db8::9":
            assert b.whose(addr=address) is None
            b.on_host("ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))
            eventually(lambda: b.whose(addr=address) == "a", f"{address} leads there")


@pytest.mark.parametrize("address", ["192.0.2.9", "[2001:db8::9]"])
def test_who_listens_on_all_addresses_has_those_that_come_later(tmp_path, address):
    with ports(tmp_path, a=wants()) as b, b.host_has(8080):
        b.reload(b_container=wants(f"{address}:8080:80"))
        status, _, err = b.supctl("start", "b")
        assert status != 0 and f"PublishPort={address}:8080:80: taken by " in err


@pytest.mark.parametrize("order", [("hole", "a"), ("a", "hole")], ids="-".join)
def test_the_port_of_names_stays_the_resolvers(tmp_path, order):
    """Who publishes it on all addresses has it on those that are no resolver's, whoever has come first."""
    with Ports(tmp_path) as b, contextlib.ExitStack() as stack:
        b.write(mute_network="[Network]\nSubnet=10.31.0.0/24\nDisableDNS=yes\n", a_container=wants("8080:80"),
                hole_container="[Container]\nNetwork=mute.network\n"
                               "PublishPort=53:53/udp\nPublishPort=53:53/tcp\n")
        b.ready()
        assert b.supctl("reload")[0] == 0
        for unit in order:
            status, out, err = b.supctl("start", unit)
            assert status == 0, out + err
        spaces = {u: stack.enter_context(contextlib.closing(dnspeer.Namespace(b.host_pid(b.unit(u)["pid"])))) for u in order}
        hole = stack.enter_context(contextlib.closing(
            dnspeer.Server(spaces["hole"], "0.0.0.0", lambda q: dnspeer.answer(q, [bytes([203, 0, 113, 7])]))))
        assert spaces["a"].ask("10.30.0.1", "a")[2] == b.addresses("a")["eth0"]
        assert hole.names() == []
        assert spaces["a"].ask("10.31.0.1", "a")[2] == ["203.0.113.7"]
