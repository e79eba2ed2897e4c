"""Commands in flight when the supervisor is killed: each is done, once, and its caller is told so."""

import os
import subprocess

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
