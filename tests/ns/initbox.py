"""The real init as PID 1 of a throwaway container: own user, PID, mount, UTS, IPC and network name
spaces and a root folder of its own, with a supervisor that does what the test orders."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

BUILD = Path(os.environ.get("SUP_BUILD", "build/x86_64")).resolve()
INIT = BUILD / "init"
FAKE = BUILD / "tests/ns/helpers/fake_supervisor"
DEADLINE = 30

UNSHARE = ["unshare", "--user", "--map-root-user", "--pid", "--mount", "--uts", "--ipc", "--net",
           "--fork", "--kill-child"]

# enum wire_end of common/wire.h
POWEROFF, REBOOT, HALT, KEXEC, EXIT = range(1, 6)


def eventually(look, what, seconds=DEADLINE):
    """The first true value of look(), which is asked again until the deadline."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = look()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


def signals_blocked(pid):
    """None: it is no supervisor. A child that has not executed its program yet bears the same name, but is in the session of
    its parent, or blocks all signals; as the supervisor does for the moment in which it makes one."""
    try:
        proc = Path(f"/proc/{pid}")
        state, _, _, session = (proc / "stat").read_text().rpartition(")")[2].split()[:4]
        if (proc / "comm").read_text().strip() != "supervisor" or state == "Z" or int(session) != int(pid):
            return None
        blocked = next(x for x in (proc / "status").read_text().splitlines() if x.startswith("SigBlk:")).split()[1]
        return int(blocked, 16) & 1 << signal.SIGTERM - 1 != 0
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return None


def find_supervisor(init):
    """Among the children of init; None when there is none."""
    children = Path(f"/proc/{init}/task/{init}/children")
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        found = {int(pid): signals_blocked(pid) for pid in children.read_text().split()}
        for pid, blocked in found.items():
            if blocked is False:
                return pid
        if True not in found.values():
            return None
    raise AssertionError("the supervisor blocks its signals for good")


class Box:
    """with Box(tmp_path) as box: ..."""

    def __init__(self, folder, env=None):
        self.root = folder / "root"
        self.console = folder / "console"
        self.env = {"PATH": "/bin"} if env is None else env
        supervisor = self.root / "usr/lib/sup"
        supervisor.mkdir(parents=True)
        for name in "etc", "proc", "sys", "dev", "run", "tmp":
            (self.root / name).mkdir()
        shutil.copy(INIT, self.root / "init")
        shutil.copy(FAKE, supervisor / "supervisor")

    def __enter__(self):
        with open(self.console, "wb") as out:
            self.outer = subprocess.Popen(
                UNSHARE + [f"--root={self.root}", "/init"], env=self.env,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        return self

    def __exit__(self, *exc):
        # PID 1 takes its box along. unshare's --kill-child does not always: the kernel forgets the parent-death
        # signal when credentials change.
        children = Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
        inside = children.read_text().split() if children.exists() else []
        for pid in inside:
            os.kill(int(pid), signal.SIGKILL)
        if not inside:
            self.outer.kill()
        self.outer.wait(DEADLINE)  # unshare ends when it has reaped its child

    def init_pid(self):
        """PID 1 of the box, as the host sees it."""
        children = Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
        return int(eventually(lambda: children.read_text().split(), "a child of unshare")[0])

    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(DEADLINE)
        try:
            # The folder's path may be longer than an address can be.
            folder = os.open(self.root, os.O_PATH)
            try:
                s.connect(f"/proc/self/fd/{folder}/ctl")
            finally:
                os.close(folder)
        except OSError:
            s.close()
            return None
        return s

    def order(self, *words):
        """The answer; "" from a supervisor that died over it."""
        with eventually(self.connect, f"a supervisor to order {words}; {self.said()}") as s:
            try:
                s.sendall((" ".join(map(str, words)) + "\n").encode())
                with s.makefile() as answer:
                    return answer.readline().strip()
            except OSError:
                return ""

    def life(self):
        return int(self.order("life") or 0)

    def next_life(self, before):
        return eventually(lambda: (n := self.life()) > before and n, "the next supervisor")

    def said(self):
        return self.console.read_text(errors="replace")

    def status(self):
        """How init ended: its exit status, as unshare passes it on."""
        return self.outer.wait(DEADLINE)

    def kill_supervisor(self, signo=9):
        """From outside, by the pid that the host knows, which it gives."""
        pid = find_supervisor(self.init_pid())
        assert pid is not None, "no supervisor runs"
        os.kill(pid, signo)
        return pid
