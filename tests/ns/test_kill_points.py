"""The supervisor dies at each of its named steps, in each scenario that passes it; afterwards all is as it was asked for.
What needs cgroups, networks and images dies in the vm ring."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from crashbox import KILL_BUILD, CrashBox, counting

TOP = Path(__file__).resolve().parents[2]
STEPS = TOP / "tests/crash/steps.sh"
ELSEWHERE = TOP / "tests/crash/vm-only"
END = ["end-kept", "machine-begin", "machine-written"]
MODE = os.environ.get("SUP_KILL_POINTS", "once")
SCENARIOS = "start stop restart crash reload socket template timer notify deaf fault flood recovery idle".split()

ONCE = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nLimitNOFILE=1024\nType=oneshot\n"
UNITS = {
    "v.service": counting("v", 20, 0, 0, more="ExecStartPre=/bin/true\nExecStopPost=/bin/true",
                          unit="Requires=v.volume\nAfter=v.volume").partition("[Install]")[0],
    "v.volume": "[Unit]\nStartLimitIntervalSec=0\n[Volume]\nDevice=/var/device\nType=none\n",
    "other.service": counting("other", 20, 0, 0).replace("/var/count", "/var/other"),
    "d.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nLimitNOFILE=1024\nKillMode=mixed\nTimeoutStopSec=200ms\n"
                 "ExecStart=/bin/sh -c 'trap \"\" TERM; touch /var/other/deaf; exec sleep 1000'\n",
    "f.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nLimitNOFILE=1024\nExecStart=/no/such/program\n",
    "l.service": ONCE + "ExecStart=/bin/cat /bin/busybox\n",
    "n.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nLimitNOFILE=1024\nType=notify\n"
                 "ExecStart=/bin/notify READY=1 STATUS=up\n",
    "s.socket": "[Unit]\nStartLimitIntervalSec=0\n[Socket]\nTriggerLimitIntervalSec=0\nListenStream=127.0.0.1:9090\n",
    "s.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nLimitNOFILE=1024\nExecStart=/bin/listener serve\n",
    "t@.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nLimitNOFILE=1024\nExecStart=/bin/sleep 1000\n",
    "w.timer": "[Unit]\nStartLimitIntervalSec=0\n[Timer]\nOnActiveSec=50ms\nPersistent=yes\nAccuracySec=1ms\n",
    "w.service": ONCE + "ExecStart=/bin/counter /var/other w 2 5 20 1 well\n",
}


@pytest.fixture(scope="module")
def tries(tmp_path_factory):
    """What the steps have printed."""
    with CrashBox(tmp_path_factory.mktemp("points"), UNITS, KILL_BUILD) as box:
        for folder in "other", "device":
            (box.root / "var" / folder).mkdir()
        shutil.copy(STEPS, box.root / "bin/steps")
        box.all_run(["other.service"])
        env = {"PATH": "/bin", "VICTIM": "v.service", "PARTS": "v.volume", "OTHER": "other.service", "READY": "",
               "COUNT": "/var/count"}
        with box.inside("/bin/busybox", "sh", "/bin/steps", MODE, *SCENARIOS, stdin=subprocess.DEVNULL, env=env,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
            said = []
            for line in p.stdout:
                print(line.rstrip())
                said.append(line.split(maxsplit=3))
        return said


def test_all_steps_are_tried(tries):
    assert tries[-1] == ["done"]


def test_the_state_is_what_was_asked_for(tries):
    assert [" ".join(t) for t in tries if t[0] == "bad" or (t[0] == "learned" and len(t) > 3)] == []


def test_each_step_was_reached(tries):
    """Of all that the sources name, but those of the other ring and of the end of the machine, below."""
    names = set(subprocess.run(["tools/kill-points"], cwd=TOP, check=True, stdout=-1, text=True).stdout.split())
    elsewhere = {line.split()[0] for line in ELSEWHERE.read_text().splitlines() if line[0] != "#"}
    assert elsewhere - names == set()
    assert names - elsewhere - set(END) - {t[1] for t in tries if t[0] in ("ok", "bad")} == set()


@pytest.mark.parametrize("point", END)
def test_the_machine_ends_all_the_same(tmp_path, point):
    with CrashBox(tmp_path, UNITS, KILL_BUILD) as box:
        (box.root / "var/other").mkdir()
        box.all_run(["other.service"])
        assert box.tool("/bin/sh", "-c", f"echo {point} 1 >/run/sup/kill-point")[0] == 0
        box.supctl("poweroff")
        box.status()
        assert "was killed by signal 9" in box.said()
        assert (box.root / "var/other/other.lives").read_text().count("stop\n") == 1
