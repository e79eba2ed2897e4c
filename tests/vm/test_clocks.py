"""A clock that is set, by years and again and again by a second, and a machine that sleeps: no back-off, timeout, watchdog or
health check is early or late for it, nothing restarts, logs keep the order in which lines came."""

import re

import pytest

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
LOOP = '/usr/bin/busybox sh -c "while :; do {}; done"'

UNITS = {
    # Fed each second, while it sleeps for longer than it has.
    "fed.service": f"""
[Service]
Type=notify
NotifyAccess=all
WatchdogSec=12
Restart=always
ExecStart={LOOP.format("notify READY=1 WATCHDOG=1 exit:0; sleep 1")}
""" + INSTALL,
    # Still on its way when the machine falls asleep.
    "late.service": """
[Service]
Type=notify
TimeoutStartSec=12
Restart=no
ExecStart=/usr/bin/notify wait:/run/gate READY=1
""",
    # A check is under way at any moment.
    "checked.container": """
[Container]
Image=busybox
Network=none
HealthCmd=sleep 3
HealthInterval=1
HealthTimeout=12
HealthRetries=1
HealthOnFailure=kill
[Service]
Restart=always
""" + INSTALL,
    "bounded.service": f"[Service]\nRuntimeMaxSec=1h\nExecStart={LOOP.format('sleep 1')}\n" + INSTALL,
    # Says when it was started, by the clock that nobody sets.
    "again.service": """
[Unit]
StartLimitIntervalSec=0
[Service]
Restart=always
RestartSec=2
ExecStart=/usr/bin/busybox sh -c "cut -d' ' -f1 /proc/uptime >>/run/again"
""" + INSTALL,
    "counter.service": f"""
[Service]
ExecStart={LOOP.format("n=$((n + 1)); echo line $n; usleep 200000")}
""".replace("$", "$$") + INSTALL,
    "night.service": '[Service]\nType=oneshot\nExecStart=/usr/bin/busybox sh -c "echo x >>/run/night"\n',
    "night.timer": "[Timer]\nOnCalendar=2037-05-01 01:00\nAccuracySec=1us\n"
                   "[Install]\nWantedBy=timers.target\n",
}
STAY = "fed", "checked", "bounded", "counter"

SCRIPT = r"""
pids() { for u in """ + " ".join(STAY) + r"""; do echo $u $(main $u) $(field $u restarts); done; }
again() { wc -l </run/again; }
more() { n=$(($(again) + $1)); await 60 '[ $(again) -ge '$n' ]'; }
await 60 'is fed running && is checked running && is counter running'
await 60 '[ "$(field checked health)" = healthy ]'
await 60 '[ $(again) -ge 2 ]'
check before pids

# 1970, as on a board without a battery; a supervisor that begins there
date -u -s @10000 >/dev/null
supctl logs counter >/dev/null
more 1
date -u -s '2036-11-22 12:00:00' >/dev/null
more 1
date -u -s '2016-11-22 12:00:00' >/dev/null
more 1
for i in $(seq 10); do
	date -u -s @$(($(date +%s) + 2)) >/dev/null
	sleep 0.5
	date -u -s @$(($(date +%s) - 2)) >/dev/null
	sleep 0.5
done
more 1
check set pids
check starts 'cat /run/again'
date -u -s '2037-05-01 00:59:50' >/dev/null

# A sleep: longer than the watchdog, the start and the check may take, and over the time of the timer.
supctl start late >/dev/null &
await 20 'is late starting'
check awake 'cat /proc/uptime; test -e /run/night && echo early'
echo 0 >/sys/class/rtc/rtc0/wakealarm
echo +20 >/sys/class/rtc/rtc0/wakealarm
echo mem >/sys/power/state
check woken 'cat /proc/uptime'
await 30 'test -s /run/night'
>/run/gate
await 30 'is late running'
wait
# longer than whatever was due at the wake
sleep 8
check slept pids
check late 'state late; field late restarts'
check night 'cat /run/night'
check words 'supctl logs supervisor'
check order 'cat /var/log/sup/counter.service.log*'
# the firmware of this machine does not power off one that has slept
supctl reboot
sleep 1000
"""


@pytest.fixture(scope="module")
def boot(lab):
    return lab.boot(lab.appliance("clocks", UNITS, [lab.busybox()], more=lab.helper_on_host("notify")),
                    SCRIPT)


def test_no_clock_restarts_anything(boot):
    before = boot.lines("before")
    assert [line.split()[0] for line in before] == list(STAY)
    assert all(line.split()[2] == "0" for line in before), before
    assert boot.lines("set") == before


def test_the_back_off_is_neither_early_nor_late(boot):
    times = [float(t) for t in boot.lines("starts")]
    waits = [b - a for a, b in zip(times, times[1:])]
    assert min(waits) >= 2, waits
    assert max(waits) < 30, waits


def test_a_sleep_restarts_nothing_and_times_nothing_out(boot):
    def uptime(section):
        return float(boot.text(section).split()[0])

    assert uptime("woken") - uptime("awake") >= 14, "the machine has slept"
    assert boot.lines("slept") == boot.lines("before")
    assert boot.lines("late") == ["running", "0"]
    assert "the machine has slept for " in boot.text("words")
    assert "the clock was set" not in boot.text("words").rpartition("the machine has slept for ")[2]


def test_what_fell_into_the_sleep_comes_once_at_its_end(boot):
    assert boot.lines("awake")[1:] == []
    assert boot.lines("night") == ["x"]


def test_logs_are_in_the_order_of_arrival_with_the_time_of_the_wall(boot):
    found = re.findall(r"^(\d{4})-\S+ out line (\d+)$", boot.text("order"), re.MULTILINE)
    assert [int(n) for _, n in found] == list(range(1, len(found) + 1))
    assert {"1970", "2036", "2016", "2037"} <= {year for year, _ in found}
