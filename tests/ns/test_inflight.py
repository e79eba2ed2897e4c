"""Commands in flight when the supervisor is killed: each is done, once, and its caller is told so."""

import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

import initbox
from initbox import DEADLINE, eventually
from test_supervisor import Appliance

# The same programs, as those that can be told where to die: make kill-programs.
KILL_BUILD = initbox.BUILD.parent / "kill" / initbox.BUILD.name

COUNTED = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nLimitNOFILE=1024\n"
UNITS = {
    # Up when /run/go is there.
    "slow.service": "[Service]\nLimitNOFILE=1024\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=60\n"
                    "ExecStart=/bin/busybox sh -c 'echo begin; until [ -e /run/go ]; do "
                    "/bin/busybox sleep 0.05; done; echo end'\n",
    # Their starts, stops and reloads are counted in /var, before they are up.
    "plain.service": COUNTED + "ExecStart=/bin/busybox sh -c 'echo start >>/var/plain; echo >&3; exec /bin/busybox sleep 1000'\nNotifyFD=3\n"
                     "ExecReload=/bin/busybox sh -c 'echo reload >>/var/plain'\n"
                     "ExecStopPost=/bin/busybox sh -c 'echo stop >>/var/plain'\n",
    "once.service": COUNTED + "Type=oneshot\nExecStart=/bin/busybox sh -c 'echo start >>/var/once'\n",
    "stays.service": COUNTED + "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/busybox sh -c 'echo start >>/var/stays'\n",
    "fails.service": COUNTED + "Type=oneshot\nExecStart=/bin/busybox sh -c 'echo start >>/var/fails; exit 3'\n",
    "user.service": "[Unit]\nStartLimitIntervalSec=0\nRequires=plain.service\nAfter=plain.service\n[Service]\n"
                    "LimitNOFILE=1024\nExecStart=/bin/busybox sh -c 'echo start >>/var/user; echo >&3; "
                    "exec /bin/busybox sleep 1000'\nNotifyFD=3\n",
    "many@.service": COUNTED + "ExecStart=/bin/busybox sh -c 'echo start >>/var/many; echo >&3; "
                     "exec /bin/busybox sleep 1000'\nNotifyFD=3\n",
}


class Inflight(Appliance):
    def __init__(self, folder, build=initbox.BUILD):
        super().__init__(folder)
        for name, text in UNITS.items():
            (self.units / name).write_text(text)
        if build != initbox.BUILD:
            shutil.copy(build / "init", self.root / "init")
            shutil.copy(build / "supervisor", self.root / "usr/lib/sup/supervisor")
            shutil.copy(build / "supctl", self.root / "bin/supctl")

    def begin(self, *words):
        return self.inside("/bin/supctl", *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)

    def end(self, p):
        out, err = p.communicate(timeout=DEADLINE)
        return p.returncode, out, err

    def crash(self):
        """Kills the supervisor; the next one is there when this returns."""
        before = self.supervisor_pid()
        self.kill_supervisor()
        return eventually(lambda: (now := self.supervisor_pid()) not in (None, before) and now,
                          "the next supervisor")

    def go(self):
        self.inside("/bin/busybox", "touch", "/run/go").wait(DEADLINE)

    def counts(self):
        """What has happened to each unit that counts: {"plain": ["start", "reload", ...]}"""
        return {f.name: f.read_text().split() for f in (self.root / "var").iterdir() if f.is_file()}

    def run_file(self, name):
        """/run is the box's own."""
        return Path(f"/proc/{self.init_pid()}/root/run/sup") / name


@pytest.fixture
def box(tmp_path):
    with Inflight(tmp_path) as b:
        b.ready()
        yield b


def test_start_is_answered_by_the_next_supervisor(box):
    p = box.begin("start", "slow")
    eventually(lambda: box.unit("slow")["state"] == "starting", "slow starts")
    box.crash()
    eventually(lambda: box.unit("slow")["state"] == "starting", "slow starts")
    assert p.poll() is None
    box.go()
    assert box.end(p) == (0, "", "")
    assert box.unit("slow")["state"] == "exited"


def test_reading_commands_never_fail(box):
    """A script that looks at the appliance does not notice that the supervisor dies."""
    for words in (["status"], ["list"], ["why", "sleeper"], ["cat", "sleeper"], ["faults"], ["boot"], ["timers"],
                  ["sockets"], ["logs", "supervisor"], ["plan", "sleeper"]):
        box.kill_supervisor()
        status, out, err = box.supctl(*words)
        assert (status, err) == (0, ""), words


def test_nobody_answers(box, tmp_path):
    """Where no supervisor listens the answer is clear, and soon."""
    status, out, err = box.supctl("--socket", "/run/sup/nobody", "start", "slow")
    assert (status, out) == (3, "") and "no supervisor answers: /run/sup/nobody: " in err
    status, out, err = box.supctl("--socket", "/nowhere/control", "status")
    assert (status, out) == (3, "") and "no supervisor answers: /nowhere/control: " in err


def numbers(out):
    return [int(line.split("|")[1]) for line in out.splitlines() if "|" in line]


def test_log_is_followed_over_crashes(box):
    """supctl logs -f: the supervisor's own log, which goes on over its lives: no line lost, none twice."""
    with box.begin("logs", "-f", "-n", "0", "supervisor") as p:
        for _ in range(3):
            box.supctl("reset-failed", "second")
            assert box.supctl("restart", "second")[0] == 0
            box.crash()
            box.ready()
        written = box.supctl("logs", "-n", "10000", "supervisor")[1].splitlines()
        last = written[-1]
        os.set_blocking(p.stdout.fileno(), False)
        heard = ""

        def all_heard():
            nonlocal heard
            heard += p.stdout.read() or ""
            return last in heard

        eventually(all_heard, f"the last line: {last}")
        lines = heard.splitlines()
        at = written.index(lines[0])
        assert lines == written[at:at + len(lines)] and written[at + len(lines):] == []
        p.kill()


COUNTER = """[Service]
LimitNOFILE=1024
ExecStart=/bin/busybox sh -c 'echo "|0|"; until [ -e /run/go ]; do /bin/busybox sleep 0.05; done; i=1; \
  while [ $i -le 6000 ]; do echo "|$i|{padding}"; i=$((i+1)); done; exec /bin/busybox sleep 1000'
"""


def test_log_reader_that_stands_still_misses_nothing(box):
    """Row 42: who reads a log and stops hinders neither the service nor others, and misses nothing when he goes on."""
    (box.units / "count.service").write_text(COUNTER.format(padding="0123456789" * 7))
    assert box.supctl("reload")[0] == 0
    assert box.supctl("start", "count")[0] == 0
    eventually(lambda: "|0|" in box.supctl("logs", "count")[1], "its first line")
    with box.begin("logs", "-f", "count") as p:
        heard = p.stdout.readline()
        while "|0|" not in heard:
            heard = p.stdout.readline()
            assert heard, p.stderr.read()
        reader = int(Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text())
        os.kill(reader, signal.SIGSTOP)
        box.go()
        eventually(lambda: "|6000|" in box.supctl("logs", "-n", "1", "count")[1], "the last number")
        assert box.supctl("restart", "second")[0] == 0
        os.kill(reader, signal.SIGCONT)
        p.send_signal(signal.SIGCONT)  # nsenter stops with its child
        while not heard.endswith("\n") or "|6000|" not in heard[-200:]:
            line = p.stdout.readline()
            assert line, p.stderr.read()
            heard += line
        os.kill(reader, signal.SIGKILL)
    assert numbers(heard) == list(range(6001))


# ---- each command, killed at each step

# A command, how the units are before it (running or not), what it answers, how they are after it, and what has
# happened once; "?" behind it: it may have happened.
COMMANDS = {
    "start": ("start plain", "", 0, "plain", {"plain": "start"}),
    "start again": ("start plain", "plain", 0, "plain", {}),
    "start with another": ("start user", "", 0, "plain user", {"plain": "start", "user": "start"}),
    "start oneshot": ("start once", "", 0, "", {"once": "start"}),
    "start oneshot that stays": ("start stays", "", 0, "stays", {"stays": "start"}),
    "start what fails": ("start fails", "", 1, "", {"fails": "start"}),
    "start instance": ("start many@1", "", 0, "many@1", {"many": "start"}),
    "start several": ("start plain stays once", "", 0, "plain stays", {"plain": "start", "stays": "start", "once": "start"}),
    "stop": ("stop plain", "plain", 0, "", {"plain": "stop"}),
    "stop again": ("stop plain", "", 0, "", {}),
    "stop with another": ("stop plain", "user", 0, "", {"plain": "stop"}),
    "restart": ("restart plain", "plain", 0, "plain", {"plain": "stop start"}),
    "restart what is down": ("restart plain", "", 0, "plain", {"plain": "start"}),
    "restart with another": ("restart plain", "user", 0, "plain user", {"plain": "stop start", "user": "start"}),
    "restart oneshot": ("restart once", "", 0, "", {"once": "start"}),
    "restart oneshot that stays": ("restart stays", "stays", 0, "stays", {"stays": "start"}),
    "reload unit": ("reload plain", "plain", 0, "plain", {"plain": "reload"}),
    "reload": ("reload", "plain", 0, "plain", {}),
    "reset-failed": ("reset-failed fails", "", 0, "", {}),
}

def happened(before, now):
    return {k: Counter(v) - Counter(before.get(k, [])) for k, v in now.items() if Counter(v) != Counter(before.get(k, []))}


class Tries:
    """A box in which commands are tried, with the supervisor killed at steps that the command passes."""

    def __init__(self, box):
        self.box = box

    def prepare(self, up):
        assert self.box.supctl("stop", "plain", "user", "stays")[0] == 0
        if self.box.supctl("status", "many@1")[0] == 0:
            assert self.box.supctl("stop", "many@1")[0] == 0
        if up:
            assert self.box.supctl("start", *up.split())[0] == 0

    def look(self, name, before):
        """None, or what is not as it should be."""
        _, _, _, after, once = COMMANDS[name]
        states = {u["name"]: u["state"] for u in self.box.data("status")["units"]}
        running = {n.removesuffix(".service") for n, state in states.items()
                   if n.endswith(".service") and state in ("running", "exited")}
        if running != set(after.split()) | {"sleeper"}:
            return f"up are {sorted(running)}"
        now = happened(before, self.box.counts())
        if now != {k: Counter(v.split()) for k, v in once.items()}:
            return f"happened: { {k: dict(v) for k, v in now.items()} }"
        return None

    def attempt(self, name, order):
        """None, or what was wrong."""
        words, up, answer, _, _ = COMMANDS[name]
        self.prepare(up)
        before = self.box.counts()
        self.box.run_file("kill-point").write_text(order)
        status, _, err = self.box.supctl(*words.split())
        self.box.run_file("kill-point").unlink(missing_ok=True)
        if status != answer:
            return f"answered {status}: {err}"
        try:
            # what goes along with a unit may come up after it
            eventually(lambda: self.look(name, before) is None, name, 5)
        except AssertionError:
            return self.look(name, before)
        return None

    def steps(self, name):
        """The steps that the supervisor passes in this command."""
        passed = self.box.run_file("kill-passed")
        self.prepare(COMMANDS[name][1])
        passed.touch()
        words = COMMANDS[name][0].split()
        assert self.box.supctl(*words)[0] == COMMANDS[name][2]
        steps = Counter(passed.read_text().split())
        passed.unlink()
        return steps


@pytest.fixture(scope="module")
def tries(tmp_path_factory):
    with Inflight(tmp_path_factory.mktemp("tries"), KILL_BUILD) as box:
        box.ready()
        eventually(lambda: box.unit("sleeper")["state"] == "running", "sleeper")
        yield Tries(box)


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_each_step(tries, name):
    """The supervisor dies at each step of each command: the answer is right, and it was done once. SUP_INFLIGHT=all: at
    all of them, else at some, other ones for each command."""
    orders = [f"{step} {count}" for step, n in tries.steps(name).items() for count in sorted({1, n})]
    assert orders
    if os.environ.get("SUP_INFLIGHT") != "all":
        orders = orders[list(COMMANDS).index(name) % 5::5]
    wrong = []
    for order in orders:
        what = tries.attempt(name, order + "\n")
        if what:
            wrong.append(f"{order}: {what}")
    assert not wrong, "\n".join(wrong)
