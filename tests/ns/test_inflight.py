"""Commands in flight when the supervisor is killed: each is done, once, and its caller is told so."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from initbox import DEADLINE, eventually
from test_supervisor import Appliance

UNITS = {
    # Up when /run/go is there.
    "slow.service": "[Service]\nLimitNOFILE=1024\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=60\n"
                    "ExecStart=/bin/busybox sh -c 'echo begin; until [ -e /run/go ]; do "
                    "/bin/busybox sleep 0.05; done; echo end'\n",
}


class Inflight(Appliance):
    def __init__(self, folder):
        super().__init__(folder)
        for name, text in UNITS.items():
            (self.units / name).write_text(text)

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
