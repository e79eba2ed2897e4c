"""Keys of [Service] with real processes: conditions, signals, reload by signal, run time, where output goes."""

import shutil
from pathlib import Path

import pytest

import initbox
from initbox import eventually
from test_supervisor import Appliance

NOTIFY = initbox.BUILD / "tests/helpers/notify"


class Life(Appliance):
    """With the program that speaks sd_notify(3), and units as the test says."""

    def __init__(self, folder, units):
        super().__init__(folder)
        shutil.copy(NOTIFY, self.root / "bin/notify")
        for name, text in units.items():
            (self.units / name).write_text(text)

    def put(self, path):
        (self.root / path.lstrip("/")).touch()


@pytest.fixture
def boxes(tmp_path):
    """boxes(units): one box, started and ready."""
    started = []

    def begin(units):
        box = Life(tmp_path, {name: text.replace("[Service]", "[Service]\nLimitNOFILE=1024")
                              for name, text in units.items()})
        started.append(box)
        box.__enter__()
        box.ready()
        return box

    yield begin
    for box in started:
        box.__exit__()


def test_condition(boxes):
    box = boxes({
        "no.service": "[Service]\nRestart=always\nExecCondition=/bin/busybox false\n"
                      "ExecStart=/bin/busybox touch /started\n",
        "bad.service": "[Service]\nExecCondition=/bin/busybox sh -c 'exit 255'\n"
                       "ExecStart=/bin/busybox touch /started\n",
        "yes.service": "[Service]\nExecCondition=/bin/busybox true\nExecStart=/bin/busybox sleep 1000\n",
    })
    assert box.supctl("start", "no")[0] == 0
    assert box.unit("no")["state"] == "inactive"
    assert box.unit("no")["cause"] == "skipped: ExecCondition: exit code 1"
    assert box.supctl("start", "bad")[0] == 1
    assert box.unit("bad")["state"] == "failed"
    assert box.supctl("start", "yes")[0] == 0
    assert box.unit("yes")["state"] == "running"
    assert not (box.root / "started").exists()


def test_reload_by_signal(boxes):
    box = boxes({
        "web.service": "[Service]\nType=notify-reload\nReloadSignal=SIGUSR1\n"
                       'ExecStart=/bin/notify READY=1 signal:10 "RELOADING=1\\nMONOTONIC_USEC=@" wait:/go READY=1\n',
    })
    assert box.supctl("start", "web")[0] == 0
    with box.inside("/bin/supctl", "reload", "web") as reload:
        eventually(lambda: box.unit("web")["state"] == "reloading", "the reload")
        box.put("/go")
        assert reload.wait(initbox.DEADLINE) == 0
    assert box.unit("web")["state"] == "running"


def test_service_that_stops_by_itself(boxes):
    box = boxes({
        "web.service": "[Service]\nType=notify\n"
                       "ExecStart=/bin/notify READY=1 wait:/go STOPPING=1 ERRNO=28 wait:/end exit:0\n",
    })
    assert box.supctl("start", "web")[0] == 0
    box.put("/go")
    eventually(lambda: box.unit("web")["state"] == "stop-sigterm", "its word")
    assert eventually(lambda: box.unit("web").get("error"), "its error") == "No space left on device"
    assert "No space left on device" in box.supctl("status", "web")[1]
    box.put("/end")
    eventually(lambda: box.unit("web")["state"] == "inactive", "its end")


def test_run_time(boxes):
    box = boxes({"web.service": "[Service]\nRuntimeMaxSec=200ms\nExecStart=/bin/busybox sleep 1000\n"})
    assert box.supctl("start", "web")[0] == 0
    eventually(lambda: box.unit("web")["state"] == "failed", "the end of its time")
    assert box.unit("web")["cause"] == "ran for RuntimeMaxSec=200 ms"


def test_each_failure_is_told(boxes):
    box = boxes({
        "web.service": "[Unit]\nOnFailure=alarm.service\n[Service]\nRestart=on-failure\nRestartSec=50ms\n"
                       "ExecStart=/bin/busybox sh -c 'kill -9 $$$$'\n",
        "alarm.service": "[Service]\nType=oneshot\nExecStart=/bin/busybox sh -c 'echo x >>/alarms'\n",
    })
    box.supctl("start", "web")
    alarms = box.root / "alarms"
    eventually(lambda: alarms.exists() and alarms.read_text().count("x") >= 3, "three alarms")
    eventually(lambda: box.unit("web")["state"] == "failed", "the start limit")


def test_signals_of_a_stop(boxes):
    script = ("trap \"echo usr1 >>/said\" USR1; trap \"echo term >>/said; exit 0\" TERM; "
              "touch /ready; while :; do sleep 0.01; done")
    box = boxes({
        "web.service": "[Service]\nRestartKillSignal=SIGUSR1\nTimeoutStopSec=1s\n"
                       f"ExecStart=/bin/busybox sh -c '{script}'\n",
    })
    said, ready = box.root / "said", box.root / "ready"
    assert box.supctl("start", "web")[0] == 0
    eventually(ready.exists, "its traps")
    ready.unlink()
    assert box.supctl("restart", "web")[0] == 0  # it does not end by USR1: the kill does it
    assert said.read_text() == "usr1\n"
    eventually(ready.exists, "its traps again")
    assert box.supctl("stop", "web")[0] == 0
    assert said.read_text() == "usr1\nterm\n"


def test_left_alone(boxes):
    box = boxes({"web.service": "[Service]\nKillMode=none\nExecStart=/bin/busybox sleep 1000\n"})
    assert box.supctl("start", "web")[0] == 0
    pid = box.unit("web")["pid"]
    assert box.supctl("stop", "web")[0] == 0
    assert box.unit("web")["state"] == "inactive"
    status, _, err = box.supctl("start", "web")
    assert status == 1 and "processes of its last run are still there" in err
    with box.inside("/bin/busybox", "kill", str(pid)) as kill:
        assert kill.wait(initbox.DEADLINE) == 0
    eventually(lambda: box.supctl("start", "web")[0] == 0, "a start when it is gone")


def test_output_to_files(boxes):
    def unit(output):
        return f"[Service]\nType=oneshot\nStandardOutput={output}\nExecStart=/bin/busybox sh -c 'echo one; echo two >&2'\n"

    box = boxes({
        "file.service": unit("file:/var/file"), "append.service": unit("append:/var/append"),
        "truncate.service": unit("truncate:/var/truncate"), "lost.service": unit("append:/nowhere/x"),
        "console.service": unit("journal+console"),
    })
    for name in "file", "append", "truncate":
        (box.root / "var" / name).write_text("0123456789")
        assert box.supctl("start", name)[0] == 0
    assert (box.root / "var/file").read_text() == "one\ntwo\n89"
    assert (box.root / "var/append").read_text() == "0123456789one\ntwo\n"
    assert (box.root / "var/truncate").read_text() == "one\ntwo\n"
    status, _, err = box.supctl("start", "lost")
    assert status == 1 and "/nowhere/x: No such file or directory" in err
    assert box.supctl("start", "console")[0] == 0
    assert "one" in box.supctl("logs", "console")[1]
    eventually(lambda: "console.service: one" in box.said() and "console.service: two" in box.said(), "the console")


def test_no_second_copy_of_what_a_reload_forgot(boxes):
    """It cannot be killed, its file goes and comes back: it starts when the first one is gone, and not beside it."""
    box = boxes({
        "web.service": "[Service]\nTimeoutStopSec=200ms\nSendSIGKILL=no\n"
                       "ExecStart=/bin/busybox sh -c 'trap : TERM; echo deaf; while ! [ -e /go ]; do busybox sleep 0.1; done'\n",
    })
    assert box.supctl("start", "web")[0] == 0
    eventually(lambda: "deaf" in box.supctl("logs", "web")[1], "it hears no TERM")
    box.supctl("stop", "web")
    assert box.unit("web")["state"] == "failed"
    text = (box.units / "web.service").read_text()
    (box.units / "web.service").unlink()
    assert box.supctl("reload")[0] == 0
    assert box.supctl("status", "web")[0] == 4
    (box.units / "web.service").write_text(text)
    assert box.supctl("reload")[0] == 0
    for _ in range(2):
        assert box.supctl("start", "web")[0] != 0
        assert "still there" in box.supctl("status", "web")[1]
    box.put("/go")
    eventually(lambda: box.supctl("start", "web")[0] == 0, "a start when the first one is gone")
