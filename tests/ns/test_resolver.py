"""The resolver of a network as a program: real clients and servers around it, in a network namespace. How the supervisor
starts it and what it writes for it: test_names.py."""

import contextlib
import os
import random
import socket
import struct
import subprocess
import threading
import time

import pytest

import dnspeer
import initbox
from dnspeer import A, AAAA, NS, PTR, TXT, answer, question, read_answer, tcp_ask
from initbox import eventually

GATEWAY, ONE, TWO, STRANGER = "10.99.0.1", "10.99.0.2", "10.99.0.3", "198.51.100.9"
FAR = "10.99.3.2"  # of ONE's network, and differs in its third byte alone
FIRST, SECOND = "192.0.2.1", "192.0.2.2"
FOUND = socket.inet_aton("203.0.113.7")
NAMES = f"""domain lan.internal
subnet 10.99.0.0/22
elsewhere vault.internal
server {FIRST}
server {SECOND}
{ONE} db cache
fd00::2 db
{TWO} web
"""
# As the service manager starts it: with the two sockets and nothing else.
START = """
import os, sys
for to in 3, 4:
    os.dup2(int(sys.argv[to - 2]), to)
    os.close(int(sys.argv[to - 2]))
os.environ["LISTEN_FDS"] = "2"
os.execv(sys.argv[3], ["supervisor", "resolver", sys.argv[4]])
"""


def give(q):
    return answer(q, [FOUND])


class Resolver:
    def __init__(self, stack, folder):
        self.ns = dnspeer.Namespace()
        stack.callback(self.ns.close)
        for addr in GATEWAY, ONE, TWO, FAR, STRANGER, FIRST, SECOND:
            self.ns.run("ip", "addr", "add", addr, "dev", "lo")
        self.stack, self.file = stack, folder / "names"
        self.write(NAMES)
        sockets = [stack.enter_context(self.ns.socket(kind, (GATEWAY, 53)))
                   for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        sockets[1].listen(100)
        # out of the way of 3 and 4
        fds = [os.dup2(s.fileno(), 200 + i) for i, s in enumerate(sockets)]
        self.process = self.ns.popen("/usr/bin/python3", "-c", START, *map(str, fds), initbox.BUILD / "supervisor",
                                     self.file, pass_fds=fds)
        for fd in fds:
            os.close(fd)
        stack.callback(self.end)

    def end(self):
        self.process.kill()
        self.process.wait()

    def write(self, text):
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.rename(self.file)

    def server(self, address, udp, tcp=None):
        server = dnspeer.Server(self.ns, address, udp, tcp)
        self.stack.callback(server.close)
        return server

    def ask(self, name, kind=A, source=ONE):
        return self.ns.ask(GATEWAY, name, kind, source)

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def private(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))


@pytest.fixture
def resolver(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Resolver(stack, tmp_path)


@pytest.mark.parametrize("of", [0, 3, 4, 254, 255])
def test_other_classes_are_asked_of_nobody(resolver, of):
    """By which an internal network would reach the outside."""
    first = resolver.server(FIRST, give, give)
    for text in NAMES, NAMES.replace("\n", "\ninternal\n", 1):
        resolver.write(text)
        asked = question("secret.example", TXT, of=of)
        assert read_answer(resolver.ns.udp(GATEWAY, asked, ONE))[0] == 4
        with resolver.ns.tcp(GATEWAY, ONE) as s:
            assert read_answer(tcp_ask(s, asked))[0] == 4
    assert first.names() == []


def test_the_networks_own_names(resolver):
    first = resolver.server(FIRST, give)
    assert resolver.ask("db") == (0, False, [ONE])
    assert resolver.ask("DB.lan.internal", AAAA) == (0, False, ["fd00::2"])
    assert resolver.ask("web", AAAA) == (0, False, [])
    assert resolver.ask("nobody") == (3, False, [])
    assert resolver.ask("2.0.99.10.in-addr.arpa", PTR) == (0, False, ["db.lan.internal"])
    with resolver.ns.tcp(GATEWAY, ONE) as s:
        for name in "db", "web", "db":
            assert read_answer(tcp_ask(s, question(name)))[2] == [{"db": ONE, "web": TWO}[name]]
    # it has moved, another is gone
    resolver.write(NAMES.replace(f"{TWO} web\n", "").replace(f"{ONE} db", "10.99.0.77 db"))
    assert eventually(lambda: resolver.ask("db") == (0, False, ["10.99.0.77"]), "it has read that")
    assert resolver.ask("web") == (3, False, [])
    assert first.names() == []


def test_names_of_another_network_of_ours_go_to_nobody(resolver):
    first = resolver.server(FIRST, give)
    for kind in A, TXT:
        assert resolver.ask("db.vault.internal", kind) == (3, False, [])
    assert resolver.ask("db.other.internal") == (0, False, ["203.0.113.7"])
    resolver.write(NAMES + f"client {ONE}\n10.98.0.2 db.vault.internal\n")
    assert eventually(lambda: resolver.ask("db.vault.internal") == (0, False, ["10.98.0.2"]), "it has read that")
    assert resolver.ask("db.vault.internal", source=TWO) == (3, False, [])
    assert first.names() == ["db.other.internal"]


@pytest.mark.parametrize("kind", [A, AAAA])
def test_a_name_of_more_than_a_datagram_holds(resolver, kind):
    """The datagram says that it is not all, and a connection gives all: of the 1,023 that a bridge has ports for."""
    all_of = [f"10.99.{i // 256}.{i % 256}" if kind == A else f"fd00::1:{i:x}" for i in range(256, 256 + 1023)]
    resolver.write(NAMES + "".join(f"{addr} pool\n" for addr in all_of))
    assert eventually(lambda: resolver.ask("pool", kind)[0] == 0, "it has read that")
    code, truncated, some = resolver.ask("pool", kind)
    assert truncated and some == all_of[:len(some)] and len(some) == (512 - 22) // (16 if kind == A else 28)
    with resolver.ns.tcp(GATEWAY, ONE) as s:
        for _ in range(2):
            assert read_answer(tcp_ask(s, question("pool", kind))) == (0, False, all_of)


def test_a_server_may_say_the_name_in_its_own_case(resolver):
    resolver.server(FIRST, lambda q: give(q[:12] + q[12:].lower()))  # its id is no text
    assert resolver.ask("WWW.Example.com")[2] == ["203.0.113.7"]


def test_a_server_on_a_link(resolver):
    """One that is told by its link (an advertisement of a router does): another link may have the same address."""
    far = [resolver.stack.enter_context(contextlib.closing(dnspeer.Namespace())) for _ in range(2)]
    for i, ns in enumerate(far):
        resolver.ns.link(f"up{i}", "fe80::1/64", ns, "fe80::53/64")
        there = dnspeer.Server(ns, "::", lambda q, i=i: answer(q, [bytes([192, 0, 2, 10 + i])]),
                               lambda q, i=i: answer(q, [bytes([192, 0, 2, 20 + i])]))
        resolver.stack.callback(there.close)
    for i, link in enumerate(["up1", "up0", "up1"]):
        resolver.write(NAMES.replace(FIRST, "fe80::53%gone").replace(SECOND, f"fe80::53%{link}"))
        assert eventually(lambda: resolver.ask(f"n{i}.example.com")[2] == [f"192.0.2.1{link[2]}"], f"{link} is asked")
        with resolver.ns.tcp(GATEWAY, ONE) as s:
            assert read_answer(tcp_ask(s, question("www.example.com")))[2] == [f"192.0.2.2{link[2]}"]


def test_other_names_by_datagrams(resolver):
    first = resolver.server(FIRST, lambda q: answer(q, [FOUND, FOUND]) if b"two" in q else answer(q, code=3))
    assert resolver.ask("two.example.com") == (0, False, ["203.0.113.7"] * 2)
    assert resolver.ask("none.example.com") == (3, False, [])
    assert resolver.ask("com", NS)[0] == 3
    edns = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    resolver.ns.udp(GATEWAY, question("edns.example.com", more=edns), ONE)
    assert first.asked[-1][0].endswith(edns)
    for i in range(30):
        resolver.ask(f"n{i}.example.com")
    asked = [(q[:2], peer[1]) for q, peer in first.asked[-30:]]
    assert len({q for q, _ in asked}) > 20 and len({port for _, port in asked}) > 20
    assert eventually(lambda: resolver.fds() == 5, "no socket is left of them")


def test_only_what_was_asked_is_taken(resolver):
    """Answers with another id, to another question, that are cut off, that are questions: then the true one."""
    def reply(q):
        other = bytes([q[0], q[1] ^ 1])
        wrong = [other + give(q)[2:], q[:2] + give(question("evil.example.com"))[2:], give(q)[:14], q, b""]
        return [*wrong, answer(q, [socket.inet_aton("203.0.113.99")])]

    resolver.server(FIRST, reply)
    assert resolver.ask("www.example.com")[2] == ["203.0.113.99"]


@pytest.mark.parametrize("trouble", ["nobody", "silent", "failing"])
def test_the_next_server_is_asked(resolver, trouble):
    if trouble != "nobody":
        resolver.server(FIRST, lambda q: answer(q, code=2) if trouble == "failing" else None, lambda q: None)
    second = resolver.server(SECOND, give, give)
    assert resolver.ask("www.example.com")[2] == ["203.0.113.7"]
    # it is the first to be asked from now on
    assert resolver.ask("again.example.com")[2] == ["203.0.113.7"]
    assert second.names() == ["www.example.com", "again.example.com"]
    with resolver.ns.tcp(GATEWAY, ONE) as s:
        assert read_answer(tcp_ask(s, question("tcp.example.com")))[2] == ["203.0.113.7"]


def test_without_a_server_it_fails_at_once(resolver):
    assert resolver.ask("www.example.com")[0] == 2
    with resolver.ns.tcp(GATEWAY, ONE) as s:
        assert read_answer(tcp_ask(s, question("www.example.com")))[0] == 2
    resolver.write(NAMES.replace("server", "#"))
    assert resolver.ask("www.example.com")[0] == 2
    resolver.write(NAMES + "internal\n")
    assert eventually(lambda: resolver.ask("www.example.com")[0] == 3, "it has read that")


def test_a_client_has_servers_and_names_of_its_own(resolver):
    first = resolver.server(FIRST, give)
    second = resolver.server(SECOND, give)
    resolver.write(NAMES + f"client {TWO}\nserver {SECOND}\n10.98.0.1 far\n")
    assert eventually(lambda: resolver.ask("far", source=TWO)[2] == ["10.98.0.1"], "it has read that")
    assert resolver.ask("far", source=ONE)[0] == 3
    resolver.ask("one.example.com", source=ONE)
    resolver.ask("two.example.com", source=TWO)
    assert (first.names(), second.names()) == (["one.example.com"], ["two.example.com"])


def test_big_answers_by_tcp(resolver):
    big = [bytes([255]) + bytes(255)] * 230
    resolver.server(FIRST, lambda q: answer(q, truncated=True), lambda q: answer(q, big, kind=TXT))
    assert resolver.ask("big.example.com", TXT) == (0, True, [])
    with resolver.ns.tcp(GATEWAY, ONE) as s:
        for _ in range(3):
            m = tcp_ask(s, question("big.example.com", TXT))
            assert len(m) > 60000 and read_answer(m)[2] == big
    assert eventually(lambda: resolver.fds() == 5, "no connection is left")


def test_a_question_in_pieces(resolver):
    m = question("db")
    with resolver.ns.tcp(GATEWAY, ONE) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in struct.pack(">H", len(m)) + m:
            s.send(bytes([byte]))
        assert read_answer(dnspeer.exactly(s, struct.unpack(">H", dnspeer.exactly(s, 2))[0]))[2] == [ONE]


@pytest.mark.parametrize("bad", [b"\0\0", b"\0\x05hello", b"\xff\xff", b"\x02\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_nonsense_by_tcp_ends_the_connection(resolver, bad):
    with resolver.ns.tcp(GATEWAY, ONE) as s:
        s.sendall(bad)
        with contextlib.suppress(ConnectionResetError):
            assert s.recv(1) == b""


def test_connections_are_bounded_and_nobody_has_all(resolver):
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(resolver.ns.tcp(GATEWAY, ONE))
        with resolver.ns.tcp(GATEWAY, TWO) as s:
            assert read_answer(tcp_ask(s, question("db")))[2] == [ONE]
        assert resolver.fds() <= 5 + 16


def test_strangers_are_not_answered(resolver):
    with pytest.raises(TimeoutError):
        resolver.ns.udp(GATEWAY, question("db"), STRANGER, 0.5, 1)
    with resolver.ns.tcp(GATEWAY, STRANGER) as s, contextlib.suppress(ConnectionResetError):
        assert s.recv(1) == b""


def test_unanswered_questions_are_bounded_and_nobody_has_all(resolver):
    resolver.server(FIRST, lambda q: give(q) if b"good" in q else None)
    with resolver.ns.socket(socket.SOCK_DGRAM, (ONE, 0)) as s:
        for i in range(500):
            s.sendto(question(f"n{i}.example.com"), (GATEWAY, 53))
        assert resolver.ask("good.example.com", source=TWO)[2] == ["203.0.113.7"]
        assert resolver.fds() <= 5 + 64


def test_garbage_changes_nothing(resolver):
    resolver.server(FIRST, give, give)
    resolver.ask("www.example.com")
    dice, before = random.Random(1), resolver.private()
    with resolver.ns.socket(socket.SOCK_DGRAM, (ONE, 0)) as s:
        for i in range(10000):
            n = dice.randrange(0, 700)
            m = dice.randbytes(n) if i % 2 else bytearray(question("db.lan.internal", more=dice.randbytes(n)))
            if i % 2 == 0:
                for _ in range(3):
                    m[dice.randrange(2, len(m))] = dice.randrange(256)
            s.sendto(m, (GATEWAY, 53))
            if i % 500 == 0:
                assert resolver.ask("db", source=TWO)[2] == [ONE]
    assert resolver.ask("www.example.com", source=TWO)[2] == ["203.0.113.7"]
    assert resolver.process.poll() is None
    assert resolver.private() < before + 200


@pytest.mark.parametrize("other", [TWO, FAR])
def test_a_flood_does_not_take_it_from_others(resolver, other):
    resolver.server(FIRST, give)
    over = threading.Event()
    messages = [question("db"), question("www.example.com"), b"x" * 40]

    def flood():
        with resolver.ns.socket(socket.SOCK_DGRAM, (ONE, 0)) as s:
            while not over.is_set():
                for m in messages * 30:
                    s.sendto(m, (GATEWAY, 53))

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        until, asked = time.monotonic() + 1, 0
        while time.monotonic() < until or asked < 20:
            for name in "web", "good.example.com":
                assert read_answer(resolver.ns.udp(GATEWAY, question(name), other, 1, 20))[0] == 0
                asked += 1
    finally:
        over.set()
        thread.join()


def test_a_connection_has_no_more_questions_than_a_datagram(resolver):
    """It is ended when it asks more than a client may; the others are answered meanwhile."""
    one = question("nobody")
    many = (struct.pack(">H", len(one)) + one) * 100_000
    answers = []
    with resolver.ns.tcp(GATEWAY, ONE) as s:

        def read():
            with contextlib.suppress(OSError):
                while piece := s.recv(1 << 20):
                    answers.append(len(piece))

        thread = threading.Thread(target=read)
        thread.start()
        with contextlib.suppress(OSError):
            s.sendall(many)
            s.shutdown(socket.SHUT_WR)
        thread.join()
    assert 0 < sum(answers) < len(many)
    assert read_answer(resolver.ns.udp(GATEWAY, question("web"), TWO, 1, 20))[0] == 0


def test_it_wants_its_sockets():
    done = subprocess.run([initbox.BUILD / "supervisor", "resolver", "/nowhere"], capture_output=True, text=True)
    assert done.returncode == 2 and "socket unit" in done.stderr
