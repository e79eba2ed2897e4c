"""System calls of init and the supervisor that fail, one at a time, while an appliance is used.

A cycle is what an operator and some units do in a moment. It is made once with the calls listed, then again and again
with one of them failing; after each the same cycle must succeed, and nothing may be left that was not there before.
"""

import contextlib
import errno
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import initbox
from initbox import eventually
from pivotbox import PivotBox

WORD = os.environ.get("SUP_TURN", str(int(time.time() // 86400)))  # a day's number, or all
TURN = 0 if WORD == "all" else int(WORD)
INJECT = initbox.BUILD / "tests/helpers/inject"
PATIENCE = 20

# What a call can fail with; of several the next each time. Whatever is not here: ENOMEM.
ERRNOS = {
    "EINTR EAGAIN EIO": "read readv pread64 recvmsg",
    "EINTR EAGAIN EIO ENOBUFS": "recvfrom",
    "EINTR EAGAIN ENOSPC EIO": "write writev pwrite64 sendmsg sendto splice tee sendfile",
    "EMFILE ENFILE ENOMEM EINTR": "open openat openat2",
    "EMFILE ENFILE": "pipe pipe2 dup2 dup3 dup eventfd2 signalfd4 timerfd_create inotify_init1 "
                     "epoll_create1 accept4 accept socketpair pidfd_open memfd_create",
    "EMFILE ENOBUFS": "socket",
    "EINTR": "epoll_pwait epoll_wait ppoll poll nanosleep clock_nanosleep rt_sigtimedwait wait4 waitid",
    "ENOSPC ENOMEM": "epoll_ctl inotify_add_watch",
    "EAGAIN ENOMEM ENOSPC": "clone clone3 fork vfork",
    "ENOSPC EROFS EIO": "mkdir mkdirat rename renameat ftruncate fsync fdatasync mknod mknodat link symlink",
    "EIO": "getdents64 unlink unlinkat stat fstat newfstatat lstat fstatat lseek close ioctl statx",
    "EPERM ENOMEM": "mount umount2 setns unshare chmod fchmod fchmodat chown fchown prctl prlimit64 setrlimit sethostname",
    "EADDRINUSE": "bind",
    "EPERM": "setsid pidfd_send_signal kill reboot setpriority sched_setscheduler",
}
CHOICES = {call: words.split() for words, calls in ERRNOS.items() for call in calls.split()}

# close(2) and its kind do what they do, whatever they say.
KEPT = {"close", "munmap", "madvise"}
# These cannot fail with the arguments that a program gives them, or are the begin and the end of it.
NEVER = set("""exit exit_group setsid rt_sigreturn restart_syscall arch_prctl set_tid_address getpid getppid gettid getuid geteuid
    getgid getegid rt_sigprocmask rt_sigaction clock_gettime gettimeofday umask execve set_robust_list rseq
    sched_yield uname""".split())


def call_names():
    """Number -> name, by the compiler's own headers."""
    made = subprocess.run([*os.environ.get("HOSTCC", "gcc").split(), "-E", "-dM", "-"], input=b"#include <sys/syscall.h>\n",
                          stdout=subprocess.PIPE, check=True).stdout.decode()
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)\n", made)}


class Injector:
    """One call of a process, or of its next child, fails; or none, and all are listed."""

    def __init__(self, pid, only=None, at=0, no=0, words=()):
        argv = [INJECT, *words] + (["-s", str(only)] if only is not None else []) + [str(pid), str(at), str(no)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        assert first == "attached\n", first

    def end(self):
        """The last line's words, and the calls that were listed."""
        self.process.send_signal(signal.SIGTERM)
        lines = self.process.stdout.read().splitlines()
        assert self.process.wait(PATIENCE) == 0
        self.process.stdout.close()
        return lines[-1].split() if lines else ["gone"], [int(x.split()[1]) for x in lines if x.startswith("call ")]


@contextlib.contextmanager
def injector(*words, **more):
    inject = Injector(*words, **more)
    try:
        yield inject
    finally:
        if inject.process.poll() is None:
            inject.process.terminate()
            inject.process.wait(PATIENCE)


def service(text, more=""):
    return f"[Service]\nLimitNOFILE=1024\n{more}{text}"


UNITS = {
    "web.container": "[Container]\nRootfs=/srv/root:O\nNetwork=lan.network\nVolume=data.volume:/tmp\n"
                     "Exec=/bin/busybox sh -c 'echo up; exec /bin/busybox sleep 1000'\n"
                     "HealthCmd=/bin/busybox true\nHealthInterval=50ms\n"
                     + service("Restart=always\nRestartSec=10ms\n") + "[Unit]\nStartLimitIntervalSec=0\n",
    "lan.network": "[Network]\nSubnet=10.30.0.0/24\n[Unit]\nStartLimitIntervalSec=0\n",
    "data.volume": "[Volume]\n[Unit]\nStartLimitIntervalSec=0\n",
    "sleeper.service": service("ExecStart=/bin/busybox sleep 1000\nRestart=always\nRestartSec=10ms\n")
                       + "[Unit]\nStartLimitIntervalSec=0\n[Install]\nWantedBy=multi-user.target\n",
    "ready.service": service("ExecStart=/bin/notify READY=1\n", "Type=notify\n")
                     + "[Unit]\nStartLimitIntervalSec=0\n",
    "talker.service": service("ExecStart=/bin/busybox echo a line\n", "Type=oneshot\n")
                      + "[Unit]\nStartLimitIntervalSec=0\n",
    "beat.timer": "[Timer]\nOnActiveSec=20ms\nAccuracySec=1us\n[Unit]\nStartLimitIntervalSec=0\n",
    "beat.service": service("ExecStart=/bin/busybox touch /tmp/beat\n", "Type=oneshot\n")
                    + "[Unit]\nStartLimitIntervalSec=0\n",
    "door.socket": "[Socket]\nListenStream=/run/door\n[Unit]\nStartLimitIntervalSec=0\n",
    "door.service": service("ExecStart=/bin/listener serve\n") + "[Unit]\nStartLimitIntervalSec=0\n",
    "mnt.mount": "[Mount]\nWhat=tmpfs\nWhere=/mnt\nType=tmpfs\n[Unit]\nStartLimitIntervalSec=0\n",
}
AT_BOOT = ["sleeper"]
# Units that do not run keep their log's pipes for the next start, or not: two each.
IDLE_LOGS = 6


class Faulty(PivotBox):
    """An appliance, a cycle of things to do with it, and a look at what it holds."""

    def __init__(self, folder):
        super().__init__(folder, UNITS)
        self.turn = 0
        self.first = self.before = None
        self.life = None  # of which supervisor

    # ---- the operator

    def call(self, method, **parameters):
        """The answer, or why there is none."""
        try:
            with self.client() as s:
                s.settimeout(PATIENCE)
                s.sendall(json.dumps({"method": "io.sup.Control." + method, "parameters": parameters}).encode() + b"\0")
                answer = b""
                while not answer.endswith(b"\0"):
                    got = s.recv(65536)
                    if not got:
                        return {}, "no answer: the connection was closed"
                    answer += got
        except socket.timeout:
            raise AssertionError(f"{method} {parameters} is never answered") from None
        except OSError as e:
            return {}, f"no answer: {e}"
        answer = json.loads(answer[:-1])
        if "error" not in answer:
            return answer["parameters"], ""
        reason = answer["parameters"].get("reason")
        assert reason, f"{method} {parameters} fails without a reason: {answer}"
        return {}, reason

    def ask(self, method, **parameters):
        """"" when it went well, else why not."""
        return self.call(method, **parameters)[1]

    def answers(self):
        return self.ask("Status") == ""

    def data_of(self, name):
        """Its status; {} when nobody answers just now."""
        return next(iter(self.call("Status", unit=name)[0].get("units", [])), {})

    # ---- steps: each gives why it failed

    def crash(self):
        """Its main process is killed; another must come."""
        pid = self.data_of("sleeper").get("pid")
        host = self.host_pid(pid) if pid else None
        if host is None:
            return "there is none to kill"
        os.kill(host, signal.SIGKILL)
        eventually(lambda: (now := self.data_of("sleeper")).get("state") == "running" and now.get("pid") not in (None, pid),
                   f"sleeper is started again; {self.data_of('sleeper')}", PATIENCE)
        return ""

    def reload(self):
        self.turn += 1
        (self.units / "talker.service").write_text(
            UNITS["talker.service"].replace("a line", f"a line of turn {self.turn}"))
        return self.ask("Reload")

    def beat(self):
        """The timer elapses and its service runs."""
        mark = Path(f"/proc/{self.init_pid()}/root/tmp/beat")
        mark.unlink(missing_ok=True)
        self.ask("ResetFailed", unit="beat.service")
        why = self.ask("Start", unit="beat.timer")
        if why == "":
            eventually(lambda: mark.exists() or self.data_of("beat.service").get("failed"),
                       f"the timer elapses; {self.data_of('beat.timer')}", PATIENCE)
        why = why or ("" if mark.exists() else self.data_of("beat.service").get("why") or "")
        return why or self.ask("Stop", unit="beat.timer")

    def visit(self):
        """Somebody comes to the door: the service is started and answers."""
        why = self.ask("Start", unit="door.socket")
        if why:
            return why
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(f"/proc/{self.init_pid()}/root/run/door")
                s.settimeout(PATIENCE)
                s.sendall(b"x")
                if s.recv(64) != b"served\n":
                    why = "the visitor was sent away"
        except socket.timeout:
            raise AssertionError(f"nobody opens: {self.data_of('door.service')}, {self.data_of('door.socket')}") from None
        except OSError as e:
            why = f"no door: {e}"
        for name in "door.service", "door.socket":
            why = why or self.ask("Stop", unit=name)
        return why

    def steps(self):
        def ask(*words, **more):
            return lambda: self.ask(*words, **more)
        return [
            ("start ready", ask("Start", unit="ready")),
            ("start talker", ask("Start", unit="talker")),
            ("start web", ask("Start", unit="web")),
            ("crash", self.crash),
            ("reload", self.reload),
            ("status", ask("Status")),
            ("plan", ask("Plan", unit="web")),
            ("beat", self.beat),
            ("visit", self.visit),
            ("mount", ask("Start", unit="mnt.mount")),
            ("unmount", ask("Stop", unit="mnt.mount")),
            ("stop ready", ask("Stop", unit="ready")),
            ("stop web", ask("Stop", unit="web")),
            ("stop lan", ask("Stop", unit="lan.network")),
            ("stop data", ask("Stop", unit="data.volume")),
        ]

    def cycle(self):
        """What went wrong: step -> why."""
        wrong = {}
        for name, step in self.steps():
            why = step()
            if why:
                wrong[name] = why
            if "no answer" in why:
                eventually(self.answers, f"a supervisor after {name}: {why}", PATIENCE)
        return wrong

    # ---- what is there

    def held(self):
        """Counts of all that could leak."""
        pid, supervisor = self.init_pid(), self.supervisor_pid()
        if supervisor is None:
            return None
        roster = next(f for f in Path(f"/proc/{pid}/fd").iterdir() if "roster" in os.readlink(f))
        head, size = 32, 96  # of struct roster, of struct roster_slot
        with open(roster, "rb") as file:
            slots = file.read()
        return {
            "descriptors of init": len(os.listdir(f"/proc/{pid}/fd")),
            "descriptors of the supervisor": len(os.listdir(f"/proc/{supervisor}/fd")),
            "children": sorted(Path(f"/proc/{p}/comm").read_text().strip() for p in self.children()),
            "mounts": len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines()),
            "links": len(Path(f"/proc/{pid}/net/dev").read_text().splitlines()),
            "slots": sum(slots[i] != 0 for i in range(head, len(slots), size)),
        }

    def settled(self):
        """What it holds when nothing comes and goes any more: connections are closed a moment after the answer."""
        assert self.answers()
        seen = []

        def same():
            seen.append(self.held())
            return len(seen) > 5 and seen[-1] is not None and all(held == seen[-1] for held in seen[-5:])
        with contextlib.suppress(AssertionError):
            eventually(same, "it settles", PATIENCE)
            return seen[-1]
        raise AssertionError(f"what is held changes: {seen[-2:]}")

    def as_before(self):
        """No descriptor more, and all else the same."""
        with contextlib.suppress(OSError, StopIteration):
            now = self.held()
            return now is not None and all(
                n <= self.before[key] if key.startswith("descriptors") else n == self.before[key] for key, n in now.items())
        return False

    def tidy(self):
        """What a step has left undone for want of an answer, or of a file that could be read."""
        assert self.ask("Reload") == ""
        for name in reversed(UNITS):
            if name.partition(".")[0] in AT_BOOT:
                continue
            # A mount that could not be undone has failed and stands: a start finds it there.
            if name == "mnt.mount" and self.data_of(name).get("failed"):
                self.ask("Start", unit=name)
            eventually(lambda n=name: self.ask("Stop", unit=n) == "", f"{name} stops", PATIENCE)

    def calm(self, what):
        """It answers, and holds what it held before."""
        eventually(self.answers, f"a supervisor: {what}", PATIENCE)
        self.tidy()
        for name in AT_BOOT:
            eventually(lambda n=name: self.data_of(n).get("state") == "running", f"{name} runs: {what}", PATIENCE)
        if self.life == self.supervisor_pid():
            with contextlib.suppress(AssertionError):
                eventually(self.as_before, what, PATIENCE)
            assert self.as_before(), f"{what}: {self.before} before, now {self.held()}"

    def again(self, what):
        """A whole cycle without a fault, after which all is as it was. A supervisor that is new holds what it holds; of what
        outlives it there is no more than under the first."""
        wrong = self.cycle()
        assert wrong == {}, f"the same again after {what}: {wrong}"
        self.calm(what)
        if self.life == self.supervisor_pid():
            return
        self.before, self.life = self.settled(), self.supervisor_pid()
        self.first = self.first or self.before
        # A link goes with its namespace, which the kernel removes when it comes to it.
        with contextlib.suppress(AssertionError):
            eventually(lambda: self.held()["links"] == self.first["links"], "the links go", PATIENCE)
        self.before = self.settled()
        for key in "children", "mounts", "links", "slots":
            assert self.before[key] == self.first[key], f"{what}: {self.first} at first, now {self.before}"
        more = self.before["descriptors of init"] - self.first["descriptors of init"]
        assert more <= IDLE_LOGS, f"{what}: {self.first} at first, now {self.before}"


# ---- runs

def choice(name, at):
    """What the call fails with, this time."""
    words = CHOICES.get(name, ["ENOMEM"])
    return words[(at - 1) % len(words)]


def picked(calls, every):
    """(number, which of its calls) of a list: all, or of each second kind some one, others tomorrow."""
    counts = {}
    for number in calls:
        counts[number] = counts.get(number, 0) + 1
    for turn, (number, count) in enumerate(counts.items(), TURN):
        if every:
            yield from ((number, at) for at in range(1, count + 1))
        elif WORD == "all" or turn % 2 == 0:
            yield number, 1 + (number * 7919 + TURN) % count


class Campaign:
    """A box that is made anew when it was broken, and what was found."""

    def __init__(self, folder, make, every=bool(os.environ.get("INJECT_ALL"))):
        self.folder, self.make, self.every = folder, make, every
        self.names = call_names()
        self.boxes = 0
        self.box = None
        self.found = []
        self.done = 0

    def fresh(self):
        self.end()
        self.boxes += 1
        self.box = self.make(self.folder / str(self.boxes))
        self.box.__enter__()
        self.box.calm("no fault")
        self.box.again("no fault")
        return self.box

    def end(self):
        if self.box is not None:
            self.box.__exit__()
        self.box = None

    def fault(self, number, at):
        """What it is called, and the injector's words for it."""
        name = self.names[number]
        error = choice(name, at)
        return f"{name} {at} {error}", {"only": number, "at": at, "no": getattr(errno, error),
                                        "words": ["-k"] if name in KEPT else []}

    def attempt(self, box, what, act):
        """It is done, and then all must be well."""
        try:
            act()
            box.calm(what)
            box.again(what)
            deaths = [x for x in box.said().splitlines() if re.search("Segmentation|Bus error|Illegal|Floating", x)]
            assert not deaths, deaths[-1]
        except AssertionError as e:
            self.found.append(f"{what}: {e}\n{box.said()[-1500:]}")
            if self.every:
                print(f"FOUND {self.found[-1]}", flush=True)
            self.end()
        self.done += 1
        if self.every and self.done % 50 == 0:
            print(f"{self.done} tried, {len(self.found)} found", flush=True)

    def one(self, number, at, act):
        """act(box, words of the injector): what it does while the call fails."""
        box = self.box or self.fresh()
        what, words = self.fault(number, at)
        self.attempt(box, what, lambda: act(box, words))

    def chosen(self, calls):
        """Those of a list that are tried."""
        only = os.environ.get("INJECT_CALL")
        return picked([n for n in calls if (self.names[n] == only if only else self.names[n] not in NEVER)], self.every)

    def run(self, calls, act):
        """What was wrong."""
        for number, at in self.chosen(calls):
            try:
                self.one(number, at, act)
            except AssertionError as e:  # what was found before must not be lost for it
                self.found.append(f"a box without a fault: {e}")
                self.end()
        self.end()
        assert self.done > 0
        return self.found
