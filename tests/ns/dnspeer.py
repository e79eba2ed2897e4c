"""Both ends of DNS for tests: what a client asks and understands, and servers that answer as a test wants. A network
namespace of the test's own has them all; sockets that are made in it stay there."""

import contextlib
import ctypes
import os
import random
import socket
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

A, NS, PTR, TXT, AAAA = 1, 2, 12, 16, 28
CLONE_NEWNET = 0x40000000
TIMEOUT = 20


def name_bytes(name):
    return b"".join(bytes([len(x)]) + x.encode("latin-1") for x in name.split(".") if x) + b"\0"


def question(name, kind=A, ident=None, more=b"", of=1):
    ident = random.randrange(65536) if ident is None else ident
    return struct.pack(">6H", ident, 0x0100, 1, 0, 0, 1 if more else 0) + name_bytes(name) + struct.pack(">2H", kind, of) + more


def read_name(m, at):
    labels, after = [], None
    for _ in range(128):
        if m[at] == 0:
            return ".".join(labels), at + 1 if after is None else after
        if m[at] >= 0xc0:
            after = at + 2 if after is None else after
            at = struct.unpack(">H", m[at:at + 2])[0] & 0x3fff
        else:
            labels.append(m[at + 1:at + 1 + m[at]].decode("latin-1"))
            at += 1 + m[at]
    raise AssertionError("a name without an end")


def read_answer(m):
    """(code, truncated, [values])"""
    _, flags, questions, answers = struct.unpack(">4H", m[:8])
    at, values = 12, []
    for _ in range(questions):
        at = read_name(m, at)[1] + 4
    for _ in range(answers):
        at = read_name(m, at)[1]
        kind, _, _, size = struct.unpack(">2HIH", m[at:at + 10])
        at += 10
        data = m[at:at + size]
        values.append(socket.inet_ntoa(data) if kind == A else socket.inet_ntop(socket.AF_INET6, data) if kind == AAAA
                      else read_name(m, at)[0] if kind == PTR else data)
        at += size
    return flags & 15, bool(flags & 0x200), values


def answer(q, values=(), code=0, truncated=False, kind=A):
    end = read_name(q, 12)[1] + 4
    m = q[:2] + struct.pack(">5H", 0x8180 | code | truncated << 9, 1, len(values), 0, 0) + q[12:end]
    for value in values:
        m += b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, 60, len(value)) + value
    return m


def exactly(s, n):
    got = b""
    while len(got) < n:
        piece = s.recv(n - len(got))
        if not piece:
            raise EOFError
        got += piece
    return got


class Namespace:
    """A network namespace: a thread that is in it. pid: the one of a process; None: a new one."""

    def __init__(self, pid=None):
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.do(self.enter, pid)
        if pid is None:
            self.run("ip", "link", "set", "lo", "up")

    @staticmethod
    def enter(pid):
        libc = ctypes.CDLL(None, use_errno=True)
        if pid is None:
            rc = libc.unshare(CLONE_NEWNET)
        else:
            with open(f"/proc/{pid}/ns/net") as f:
                rc = libc.setns(f.fileno(), CLONE_NEWNET)
        assert rc == 0, ctypes.get_errno()

    def do(self, what, *words, **more):
        return self.thread.submit(what, *words, **more).result()

    def run(self, *argv):
        done = self.do(subprocess.run, argv, capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def link(self, name, here, other, there):
        """A link to another namespace, with one address at each end and no other."""
        end = f"/proc/{os.getpid()}/task/{other.do(threading.get_native_id)}/ns/net"
        self.run("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", end)
        for ns, address in (self, here), (other, there):
            ns.run("ip", "link", "set", name, "addrgenmode", "none", "up")
            ns.run("ip", "addr", "add", address, "dev", name, "nodad")

    def popen(self, *argv, **more):
        return self.do(subprocess.Popen, argv, **more)

    def socket(self, kind, bind=None, timeout=TIMEOUT):
        family = socket.AF_INET6 if bind and ":" in bind[0] else socket.AF_INET
        s = self.do(socket.socket, family, kind)
        s.settimeout(timeout)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bind:
            addr, _, link = bind[0].partition("%")
            s.bind((addr, bind[1], 0, self.do(socket.if_nametoindex, link)) if link else bind)
        return s

    def udp(self, server, message, source=None, timeout=5, tries=6):
        """As a client does: a datagram may be lost."""
        with self.socket(socket.SOCK_DGRAM, (source or ("::" if ":" in server else "0.0.0.0"), 0), timeout) as s:
            s.connect((server, 53))
            for left in reversed(range(tries)):
                s.send(message)
                with contextlib.suppress(*([TimeoutError] if left else [])):
                    while (got := s.recv(65536))[:2] != message[:2]:
                        pass
                    return got

    def ask(self, server, name, kind=A, source=None):
        return read_answer(self.udp(server, question(name, kind), source))

    @contextlib.contextmanager
    def tcp(self, server, source=None):
        with self.socket(socket.SOCK_STREAM, (source, 0) if source else None) as s:
            s.connect((server, 53))
            yield s

    def close(self):
        self.thread.shutdown()


def tcp_ask(s, message):
    s.sendall(struct.pack(">H", len(message)) + message)
    return exactly(s, struct.unpack(">H", exactly(s, 2))[0])


class Server:
    """A server of names: udp(question) and tcp(question) give the bytes of the answer, or None."""

    def __init__(self, namespace, address, udp, tcp=None):
        self.asked, self.lock = [], threading.Lock()
        self.sockets = [namespace.socket(socket.SOCK_DGRAM, (address, 53), None)]
        threading.Thread(target=self.serve_udp, args=(self.sockets[0], udp), daemon=True).start()
        if tcp:
            self.sockets.append(namespace.socket(socket.SOCK_STREAM, (address, 53), None))
            self.sockets[1].listen()
            threading.Thread(target=self.serve_tcp, args=(self.sockets[1], tcp), daemon=True).start()

    def names(self):
        with self.lock:
            return [read_name(q, 12)[0] for q, _ in self.asked]

    def note(self, q, peer):
        with self.lock:
            self.asked.append((q, peer))

    def serve_udp(self, s, reply):
        with contextlib.suppress(OSError):
            while True:
                q, peer = s.recvfrom(65536)
                if not q:
                    return  # shut down
                self.note(q, peer)
                said = reply(q)
                for m in said if isinstance(said, list) else [said] if said else []:
                    s.sendto(m, peer)

    def serve_tcp(self, s, reply):
        with contextlib.suppress(OSError):
            while True:
                c, peer = s.accept()
                threading.Thread(target=self.serve_one, args=(c, peer, reply), daemon=True).start()

    def serve_one(self, c, peer, reply):
        with c, contextlib.suppress(OSError, EOFError):
            while True:
                q = exactly(c, struct.unpack(">H", exactly(c, 2))[0])
                self.note(q, peer)
                m = reply(q)
                if m is None:
                    return
                c.sendall(struct.pack(">H", len(m)) + m)

    def close(self):
        for s in self.sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()
