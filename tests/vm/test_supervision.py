"""A unit's life: restarts, readiness, order, stops, the commands around the main one, and what is
left when the supervisor itself is killed."""

import re

import pytest

STAY = "/usr/bin/busybox tail -f /dev/null"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"


def service(exec_start, more="", unit="", boot=False):
    return (f"[Unit]\n{unit}\n[Service]\nExecStart={exec_start}\n{more}\n"
            + (INSTALL if boot else ""))


def note(word):
    return f'/usr/bin/busybox sh -c "echo {word} >>/run/order"'


UNITS = {
    # Restarts.
    "onfail.service": service(STAY, "Restart=on-failure\nRestartSec=10ms", boot=True),
    "always.service": service('/usr/bin/busybox sh -c "echo x >>/run/always; test -e /run/calm '
                              '&& exec tail -f /dev/null"', "Restart=always\nRestartSec=10ms",
                              "StartLimitBurst=100"),
    "never.service": service(STAY),
    "clean.service": service("/usr/bin/true", "Restart=on-failure"),
    "again.container": """
[Container]
Image=busybox
Network=none
[Service]
Restart=always
RestartSec=10ms
[Install]
WantedBy=multi-user.target
""",
    "limit.service": service("/usr/bin/false", "Restart=always\nRestartSec=10ms",
                             "StartLimitIntervalSec=60\nStartLimitBurst=3"),
    "steps.service": service("/usr/bin/false", "Restart=always\nRestartSec=20ms\nRestartSteps=2\n"
                             "RestartMaxDelaySec=10min", "StartLimitBurst=100"),
    "slow.service": service("/usr/bin/false", "Restart=always\nRestartSec=1h"),
    # Readiness.
    "ready.container": """
[Container]
Image=notify
Network=none
Notify=true
Volume=/run/gate:/gate
Exec="STATUS=warming up" wait:/gate/open READY=1 "STATUS=hot"
""",
    "after-ready.service": service(STAY, "", "Requires=ready.container\nAfter=ready.container"),
    "mute.container": """
[Container]
Image=notify
Network=none
Notify=true
Exec=STATUS=silent
[Service]
TimeoutStartSec=1
""",
    "dying.container": """
[Container]
Image=notify
Network=none
Notify=true
Exec=exit:3
""",
    "leaving.container": """
[Container]
Image=notify
Network=none
Notify=true
Exec=exit:0
""",
    "guarded.container": """
[Container]
Image=notify
Network=none
Notify=true
Exec=READY=1 WATCHDOG=1
[Service]
WatchdogSec=1
""",
    "once.service": """
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/busybox sh -c "echo one >>/run/once"
ExecStart=/usr/bin/busybox sh -c "echo two >>/run/once"
""",
    "badonce.service": "[Service]\nType=oneshot\nExecStart=/usr/bin/false\n",
    "after-once.service": service('/usr/bin/busybox sh -c "cat /run/once; exec tail -f /dev/null"',
                                  "", "Requires=once.service\nAfter=once.service"),
    "after-bad.service": service(STAY, "", "Requires=badonce.service\nAfter=badonce.service"),
    # Order.
    "c1.service": service(STAY, f"ExecStartPre={note('+c1')}\nExecStopPost={note('-c1')}"),
    "c2.service": service(STAY, f"ExecStartPre={note('+c2')}\nExecStopPost={note('-c2')}",
                          "After=c1.service\nRequires=c1.service"),
    "c3.service": service(STAY, f"ExecStartPre={note('+c3')}\nExecStopPost={note('-c3')}",
                          "After=c2.service\nBindsTo=c2.service"),
    "foe.service": service(STAY, "", "Conflicts=c3.service"),
    # Stops.
    "deaf.container": """
[Container]
Image=busybox
Network=none
StopTimeout=1
Exec=sh -c "trap : TERM; echo here; while :; do sleep 1; done"
""",
    "intsig.container": """
[Container]
Image=busybox
Network=none
StopSignal=SIGUSR2
Exec=sh -c "trap 'echo got usr2; exit 0' USR2; echo here; while :; do sleep 0.1; done"
""",
    "hooks.service": f"""
[Service]
ExecStartPre={note('pre1')}
ExecStartPre={note('pre2')}
ExecStart=/usr/bin/busybox sh -c "trap 'echo term >>/run/order; exit 0' TERM; echo main >>/run/order; while :; do sleep 0.1; done"
ExecStartPost=/usr/bin/busybox sh -c "until grep -q main /run/order; do sleep 0.1; done; echo post >>/run/order"
ExecStop=/usr/bin/busybox sh -c "echo stop >>/run/order; test -n $MAINPID"
ExecStopPost=/usr/bin/busybox sh -c "echo stoppost $SERVICE_RESULT >>/run/order"
ExecReload=/usr/bin/busybox sh -c "echo reload >>/run/order"
""",
    "badpre.service": f"[Service]\nExecStartPre=/usr/bin/false\nExecStart={STAY}\n",
    "rescue.service": service('/usr/bin/busybox sh -c "echo helped >>/run/rescue"'),
    "needy.service": service("/usr/bin/false", "", "OnFailure=rescue.service"),
}

SCRIPT = r"""
mkdir -p /run/gate
await 60 'is onfail running && is again running'

check onfail 'old=$(main onfail); kill -9 $old
	await 20 "is onfail running && [ \$(main onfail) != $old ]"; supctl status onfail'
check again 'old=$(main again); kill -9 $old
	await 20 "is again running && [ \$(main again) != $old ]"; supctl status again; field again restarts'
check term 'old=$(main onfail); kill -TERM $old; await 20 "is onfail inactive"; supctl status onfail'
check always 'supctl start always; await 20 "[ \$(wc -l </run/always) -ge 4 ]"; touch /run/calm
	await 20 "is always running"; field always restarts'
check never 'supctl start never; kill -9 $(main never); await 20 "is never failed"; supctl status never'
check clean 'supctl start clean; await 20 "is clean inactive"; field clean restarts'
check limit 'supctl start limit; await 20 "is limit failed"; supctl status limit; field limit restarts'
check limit-start 'supctl start limit'
check limit-reset 'supctl reset-failed limit; state limit; supctl start limit && echo begun; await 20 "is limit failed"'
check steps 'supctl start steps; await 30 "[ \$(field steps restarts) -ge 2 ]"
	await 30 "[ \$(field steps restarts) -ge 3 ]"; supctl status steps'
check slow 'supctl start slow; await 20 "supctl status slow | grep restarts"; supctl status slow; supctl stop slow; state slow'

(supctl start after-ready; echo "start: $?") >/run/after-ready 2>&1 &
check warming 'await 20 "supctl status ready | grep -q warming"; state ready; state after-ready; supctl status after-ready'
touch /run/gate/open
check hot 'wait; cat /run/after-ready; state ready; state after-ready; supctl status ready'
check mute 'supctl start mute; supctl status mute'
check dying 'supctl start dying; supctl status dying'
check leaving 'supctl start leaving; supctl status leaving'
check guarded 'supctl start guarded; await 20 "failed guarded"; supctl status guarded'
check once 'supctl start after-once; state once; state after-once; cat /run/once'
check badonce 'supctl start after-bad; supctl status badonce; supctl status after-bad'

check order-up 'supctl start c3; cat /run/order'
check order-down ': >/run/order; supctl stop c1; cat /run/order; state c3'
check conflict 'supctl start c3; supctl start foe; state c3; state foe'
check deaf 'supctl start deaf; await 20 "supctl logs deaf | grep here"; supctl stop deaf; supctl status deaf'
check intsig 'supctl start intsig; await 20 "supctl logs intsig | grep here"; supctl stop intsig; supctl status intsig'
check hooks ': >/run/order; supctl start hooks; supctl reload hooks; supctl stop hooks; cat /run/order'
check badpre 'supctl start badpre; supctl status badpre'
check onfailure 'supctl start needy; await 20 "test -e /run/rescue"; supctl status needy'
check logs 'supctl logs -n 3 deaf'
check faults 'supctl faults'

lives() { main again; main onfail; grep -c /dev/loop /proc/mounts; find /sys/fs/cgroup/sup -mindepth 1 -type d | sort; }
check before 'supctl start onfail; lives'
old=$(supervisor)
kill -9 $old
check next 'await 30 "[ -n \"\$(supervisor)\" ] && [ \"\$(supervisor)\" != $old ]"; supctl status; field again restarts'
check after 'lives'
"""


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("supervision", UNITS, [lab.busybox(), lab.helper("notify")])
    return lab.boot(folder, SCRIPT)


def test_ends_well(boot):
    boot.ended_well()
    assert boot.text("faults") == ""


def test_killed_main_process_is_restarted(boot):
    for unit in "onfail", "again":
        text = boot.ok(unit)
        assert "running" in text and "Restarts: 1" in text
        assert "signal KILL" in text


def test_clean_signal_is_no_failure(boot):
    text = boot.ok("term")
    assert "inactive" in text and "failed" not in text


def test_restart_always_and_never(boot):
    assert int(boot.lines("always")[-1]) >= 3
    assert "killed by signal KILL" in boot.text("never")
    assert boot.lines("clean") == ["0"]


def test_start_limit(boot):
    text = boot.text("limit")
    assert "start limit hit: 3 starts within" in text and "exit code 1" in text
    assert boot.code("limit-start") != 0
    assert "start limit" in boot.text("limit-start")
    assert boot.lines("limit-reset")[0] == "inactive"
    assert "begun" in boot.text("limit-reset")


def test_back_off(boot):
    waits = re.findall(r"restart in (\S+ \S+) \(", boot.text("steps"))
    assert waits[0] == "20 ms" and waits[2] == "10 min"
    assert waits[1].endswith(" s") and 0 < float(waits[1].split()[0]) < 600
    assert "exit code 1" in boot.text("slow")
    assert boot.lines("slow")[-1] == "inactive"


def test_readiness_by_notify(boot):
    text = boot.lines("warming")
    assert text[0] == "starting" and text[1] in ("waiting", "starting", "inactive")
    assert "ready.container" in boot.text("warming")
    assert boot.lines("hot")[:3] == ["start: 0", "running", "running"]
    assert "hot" in boot.text("hot")


def test_start_that_is_never_ready(boot):
    assert "start timed out after 1 s" in boot.text("mute")
    assert "Why: failed: exit code 3" in boot.text("dying")
    assert "ended before it was ready" in boot.text("leaving")


def test_watchdog(boot):
    assert "watchdog: no word for 1 s" in boot.text("guarded")


def test_oneshot(boot):
    assert boot.lines("once")[-2:] == ["one", "two"]
    assert boot.lines("once")[:2] == ["exited", "running"]
    assert "exit code 1" in boot.text("badonce")
    assert "requires badonce.service, which failed" in boot.text("badonce")


def test_order_of_start_and_stop(boot):
    assert boot.lines("order-up") == ["+c1", "+c2", "+c3"]
    assert boot.lines("order-down") == ["-c3", "-c2", "-c1", "inactive"]
    assert boot.lines("conflict")[-2:] == ["inactive", "running"]


def test_stop(boot):
    assert "stop timed out after 1 s, killed" in boot.text("deaf")
    text = boot.text("intsig")
    assert "got usr2" in text and "timed out" not in text and "State: inactive" in text


def test_commands_around_the_main_one(boot):
    assert boot.lines("hooks") == ["pre1", "pre2", "main", "post", "reload", "stop", "term",
                                   "stoppost success"]
    assert "ExecStartPre" in boot.text("badpre") and "exit code 1" in boot.text("badpre")
    assert "exit code 1" in boot.text("onfailure")


def test_supervisor_is_killed(boot):
    """The next one goes on with every service: the same processes, cgroups and mounts."""
    text = boot.ok("next")
    assert re.search(r"again.container +running", text) and re.search(r"onfail.service +running", text)
    before = boot.lines("before")
    assert int(before[2]) > 0 and len(before) > 5, before
    assert boot.lines("after") == before
