"""Timers on a device: they elapse, again and again; a clock that is set makes no storm; what was missed while
the machine was off is made up for, once."""

import pytest

INSTALL = "[Install]\nWantedBy=timers.target\n"


def job(name):
    return ("[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/usr/bin/busybox sh -c "
            f'"echo $TRIGGER_UNIT >>/run/{name}"\n')


def timer(*lines):
    return "\n".join(["[Timer]", "AccuracySec=1us", *lines, INSTALL])


UNITS = {
    "again.service": job("again"),
    "again.timer": timer("OnBootSec=1", "OnUnitActiveSec=500ms"),
    "second.service": job("second"),
    "second.timer": timer("OnCalendar=*:*:0/2"),
    "nightly.service": job("nightly"),
    "nightly.timer": timer("OnCalendar=*-*-* 04:00"),
    "clock.service": job("clock"),
    "clock.timer": timer("OnClockChange=yes"),
    "kept.service": job("kept"),
    "kept.timer": timer("OnCalendar=*-*-* 04:00", "Persistent=yes"),
}

SCRIPT = r"""
lines() { cat /run/$1 2>/dev/null | wc -l; }
at_least() { [ $(lines $1) -ge $2 ]; }
await 60 'at_least again 3'
await 60 'at_least second 2'
check again 'lines again'
check second 'lines second'
check trigger 'sort -u /run/again /run/second'
check timers 'supctl timers'
check status 'supctl status nightly.timer'
check before 'lines nightly; lines clock'
check calendar 'supctl calendar "Mon 4:00"'
check calendar-wrong 'supctl calendar "Mon 4:60"'

# Years forward: the nightly one comes once for all that was passed over. Then back, twice as far, and nothing comes.
date -u -s '2031-03-03 12:00:00' >/dev/null
await 60 'at_least nightly 1'
await 60 'at_least clock 1'
n=$(lines second)
await 60 "at_least second $((n + 2))"
check forward 'lines nightly; lines clock; lines kept'
date -u -s '2025-03-03 12:00:00' >/dev/null
await 60 'at_least clock 2'
n=$(lines second)
await 60 "at_least second $((n + 2))"
check back 'lines nightly; lines clock; lines kept'
check storm 'echo $(($(lines second) < 200))'

# Stopped for a night, as when the machine is off: it is made up for at the next start.
supctl stop kept.timer
check stamp 'cat /var/lib/sup/timers/kept.timer'
date -u -s '2031-03-05 12:00:00' >/dev/null
n=$(lines kept)
supctl start kept.timer
await 60 "at_least kept $((n + 1))"
n2=$(lines second)
await 60 "at_least second $((n2 + 1))"
check missed 'echo $(($(lines kept) - n))'
"""


@pytest.fixture(scope="module")
def boot(lab):
    return lab.boot(lab.appliance("timers", UNITS), SCRIPT)


def test_the_machine_ends_well(boot):
    boot.ended_well()


def test_they_elapse_again_and_again(boot):
    assert int(boot.text("again")) >= 3
    assert int(boot.text("second")) >= 2
    assert boot.lines("before") == ["0", "0"]


def test_the_service_is_told_by_whom_it_was_started(boot):
    assert boot.lines("trigger") == ["again.timer", "second.timer"]


def test_what_supctl_shows(boot):
    assert "nightly.timer" in boot.ok("timers")
    assert "nightly.service" in boot.ok("timers")
    assert "elapses in" in boot.ok("status")
    assert "Mon *-*-* 04:00:00" in boot.ok("calendar")
    assert boot.code("calendar-wrong") == 1


def test_a_clock_that_is_set_makes_no_storm(boot):
    assert boot.lines("forward") == ["1", "1", "1"]
    assert boot.lines("back") == ["1", "2", "1"]
    assert boot.text("storm") == "1"


def test_what_was_missed_comes_once(boot):
    assert int(boot.text("stamp")) > 0
    assert boot.text("missed") == "1"
