"""The supervisor is stopped for longer than every time limit, then goes on, or dies and is followed: what was said and what
ended meanwhile comes before what is due meanwhile."""

import os
import shutil
import signal
from pathlib import Path

import pytest

import initbox
from initbox import eventually
from test_reexec import COUNTER, logged
from test_supervisor import Appliance

LIMIT = 3  # seconds, of each unit
UNITS = {
    "counter.service": COUNTER,
    "pinged.service": f"""[Service]
Type=notify
NotifyAccess=all
WatchdogSec={LIMIT}
Restart=always
ExecStart=/bin/busybox sh -c '/bin/notify READY=1 exit:0; while :; do /bin/notify WATCHDOG=1 exit:0; echo >>/run/pings; \
/bin/busybox sleep 1; done'
[Install]
WantedBy=multi-user.target
""",
    "starting.service": f"""[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec={LIMIT}
ExecStart=/bin/notify wait:/run/go READY=1
""",
    "stopping.service": f"""[Service]
TimeoutStopSec={LIMIT}
ExecStart=/bin/busybox sh -c 'trap "echo >/run/asked; until [ -e /run/go ]; do /bin/busybox usleep 20000; done; exit 0" TERM; \
echo >/run/there; while :; do /bin/busybox usleep 20000; done'
""",
}


@pytest.fixture
def box(tmp_path):
    made = Appliance(tmp_path)
    shutil.copy(initbox.BUILD / "tests/helpers/notify", made.root / "bin/notify")
    for name, text in UNITS.items():
        (made.units / name).write_text(text)
    with made as b:
        b.ready()
        eventually(lambda: b.unit("pinged")["state"] == "running" and logged(b), "the services")
        yield b


@pytest.mark.parametrize("then", [signal.SIGCONT, signal.SIGKILL])
def test_what_happened_comes_before_what_is_due(box, then):
    run = Path(f"/proc/{box.init_pid()}/root/run")
    assert box.supctl("start", "stopping")[0] == 0
    eventually((run / "there").exists, "it hears")
    before = {name: box.unit(name)["pid"] for name in ("counter", "pinged")}
    asked = box.inside("/bin/supctl", "start", "starting"), box.inside("/bin/supctl", "stop", "stopping")
    eventually((run / "asked").exists, "it is told to stop")
    eventually(lambda: box.unit("starting")["state"] == "starting", "a start is under way")

    def pings():
        return (run / "pings").stat().st_size

    supervisor, first = box.supervisor_pid(), pings()
    os.kill(supervisor, signal.SIGSTOP)
    (run / "go").touch()
    eventually(lambda: pings() >= first + 2 * LIMIT, "time goes by")
    os.kill(supervisor, then)
    assert [command.wait(initbox.DEADLINE) for command in asked] == [0, 0]
    now = pings()
    eventually(lambda: pings() > now, "it pings on")
    assert {name: box.unit(name)["pid"] for name in before} == before
    assert box.unit("starting")["state"] == "running"
    assert box.unit("stopping")["state"] == "inactive"
    numbers = logged(box)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
