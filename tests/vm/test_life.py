"""A unit's life on real control groups: what is told to all processes of a unit, how one ends and is
started again, and what its end does to others."""

import re

import pytest

HOUSE = "/usr/bin/busybox"
STAY = f"{HOUSE} tail -f /dev/null"


def unit(*lines, main=STAY, **sections):
    """[Service] of the lines; unit="..." and container="..." are other sections."""
    text = "".join(f"[{name.title()}]\n{body}\n" for name, body in sections.items())
    return text + "\n".join(["[Service]", *([f"ExecStart={main}"] if main else []), *lines]) + "\n"


def shell(script):
    return f"{HOUSE} sh -c '{script}'"


def say(word, more=""):
    return f"echo {word} >>/run/said/%p{more}"


def needs(name):
    return f"Requires={name}\nAfter={name}"


# Says which signals it and its child got. The child, which has the same name, says it first.
PAIR = ('trap "echo main >>/said/%p; exit 0" TERM; '
        '(trap "echo child >>/said/%p; exit 0" TERM; touch /said/%p.child; '
        'while :; do sleep 0.1; done) & touch /said/%p.main; while :; do sleep 0.1; done')
# Ends by USR1 alone, as does its child, which is first: with the first process of a container all others end.
DEAF = ('trap "" TERM; trap "until test -s /said/%p; do sleep 0.1; done; echo main >>/said/%p; exit 0" USR1; '
        '(trap "echo child >>/said/%p; exit 0" USR1; touch /said/%p.child; '
        'while :; do sleep 0.1; done) & touch /said/%p.main; while :; do sleep 0.1; done')


def inside(script, *lines):
    return unit(*lines, main=None, container="Image=busybox\nNetwork=none\nVolume=/run/said:/said\n"
                f"Exec=sh -c '{script}'")


def outside(script):
    return shell(script.replace("/said/", "/run/said/").replace("sleep", f"{HOUSE} sleep"))


UNITS = {
    # Limits, and when it counts as ended.
    "idle.service": unit("CPUWeight=idle"),
    "idler.container": unit("CPUWeight=idle", main=None, container="Image=busybox\nNetwork=none"),
    "group.service": unit("ExitType=cgroup",
                          main=shell(f"{HOUSE} tail -f /run/said/there & exit 0")),
    "brief.service": unit("RuntimeMaxSec=1s"),
    # Signals.
    "all.service": unit(main=outside(PAIR)),
    "mixed.service": unit("KillMode=mixed", main=outside(PAIR)),
    "within.container": inside(PAIR),
    "final.service": unit("TimeoutStopSec=4s", "FinalKillSignal=SIGUSR1", main=outside(DEAF)),
    "deep.container": inside(DEAF, "TimeoutStopSec=4s", "FinalKillSignal=SIGUSR1"),
    "halted.service": unit("TimeoutStopSec=1h"),
    # What a condition holds back counts as arrived.
    "skipped.service": unit("ExecCondition=/usr/bin/false", f"ExecStopPost={shell(say('post'))}"),
    "behind.service": unit(unit=needs("skipped.service")),
    # Restarts, each later than the one before, and from the beginning after a quiet time.
    "back.service": unit("Restart=always", "RestartSec=20ms", "RestartSteps=2", "RestartMaxDelaySec=80ms",
                         "RestartStableSec=1s", unit="StartLimitBurst=100",
                         main=shell(f"test -e /run/calm && exec {HOUSE} tail -f /dev/null; exit 7")),
    # Ties.
    "done.service": unit("Type=oneshot", main="/usr/bin/true", unit="OnSuccess=next.service"),
    "next.service": unit(),
    "holds.service": unit(unit="Upholds=upheld.service"),
    "upheld.service": unit(),
    "asks.service": unit(unit="Requisite=asked.service\nAfter=asked.service"),
    "asked.service": unit(),
    "uses.service": unit(unit=needs("used.service")),
    "used.service": unit(unit="StopWhenUnneeded=yes"),
    "tells.service": unit(f"ExecReload={shell(say('reload'))}", unit="PropagatesReloadTo=told.service"),
    "told.service": unit(f"ExecReload={shell(say('reload'))}"),
    "sick.container": unit("Restart=on-failure", "RestartSec=20ms", main=None,
                           unit="RestartDependents=yes",
                           container="Image=busybox\nNetwork=none\nVolume=/run/said:/said\n"
                           "HealthCmd=test ! -e /said/sick\nHealthInterval=200ms\nHealthRetries=1\n"
                           "HealthOnFailure=kill"),
    "hangs-on.service": unit(unit=needs("sick.container")),
    "needs-only.service": unit(unit="Wants=sick.container\nAfter=sick.container"),
    "late.service": unit(unit=needs("slow.service") + "\nJobTimeoutSec=1s"),
    "slow.service": unit("Type=oneshot", main=STAY),
}

SCRIPT = r"""
mkdir -p /run/said
group() { cat /sys/fs/cgroup/sup/$1/$2; }
both() { test -e /run/said/$1.main && test -e /run/said/$1.child; }
again() { is "$1" running && [ "$(main "$1")" != "$2" ]; }

check idle 'supctl start idle idler; group idle.service cpu.idle; group idler.container cpu.idle'
supctl stop idle idler

touch /run/said/there
check group 'supctl start group; await 20 "[ -z \"\$(main group)\" ]"; state group
	kill $(group group.service cgroup.procs); await 20 "is group inactive"; failed group'
check brief 'supctl start brief; await 20 "is brief failed"; supctl status brief'

for u in all mixed within; do
	check $u "supctl start $u; await 30 'both $u'; supctl stop $u; sort /run/said/$u; supctl status $u"
done
for u in final deep; do
	check $u "supctl start $u; await 30 'both $u'; supctl stop $u; sort -u /run/said/$u; supctl status $u"
done
check halted 'supctl start halted; kill -STOP $(main halted); supctl stop halted; supctl status halted'

check skipped 'supctl start behind; state skipped; state behind; failed skipped; echo $?; cat /run/said/skipped; supctl status skipped'

check back 'supctl start back; await 30 "[ \$(field back restarts) -ge 5 ]"; touch /run/calm
	await 30 "is back running && [ \$(field back restarts) = 0 ]"; pid=$(main back); kill -9 $pid
	await 30 "again back $pid"; supctl logs back'

check success 'supctl start done; await 20 "is next running"; state done'
check upholds 'supctl start holds; await 20 "is upheld running"; pid=$(main upheld); kill -9 $pid
	await 20 "again upheld $pid"; supctl stop upheld; await 20 "is upheld running"
	supctl stop holds upheld; state upheld'
check requisite 'supctl start asks; supctl start asked asks && state asks'
supctl stop asks asked
check unneeded 'supctl start uses; state used; supctl stop uses; await 20 "is used inactive"; supctl status used'
check reload 'supctl start tells told; supctl reload tells; await 20 "test -e /run/said/told"; cat /run/said/tells /run/said/told'
check sick 'supctl start hangs-on needs-only; await 20 "is sick running"; sick=$(main sick) on=$(main hangs-on) only=$(main needs-only)
	touch /run/said/sick; await 60 "! is sick running || [ \$(main sick) != $sick ]"; rm /run/said/sick
	await 60 "again sick $sick"; await 60 "again hangs-on $on"; [ $(main needs-only) = $only ] && echo same; supctl logs sick'
check late 'supctl start late; state late; state slow; supctl why late'
check faults 'supctl faults'
"""


@pytest.fixture(scope="module")
def boot(lab):
    return lab.boot(lab.appliance("life", UNITS, [lab.busybox()]), SCRIPT)


def test_ends_well(boot):
    boot.ended_well()
    assert boot.text("faults") == ""


def test_idle_weight(boot):
    assert boot.lines("idle") == ["1", "1"]


def test_lives_as_long_as_its_last_process(boot):
    assert boot.lines("group") == ["running"]
    assert boot.code("group") == 1  # failed? no


def test_has_run_long_enough(boot):
    assert "failed: ran for RuntimeMaxSec=1 s" in boot.text("brief")


@pytest.mark.parametrize("name, told", [("all", ["child", "main"]), ("mixed", ["main"]), ("within", ["main"])])
def test_who_is_told_to_stop(boot, name, told):
    lines = boot.lines(name)
    assert lines[:len(told)] == told and "Unit" in lines[len(told)]
    assert "State: inactive" in boot.text(name) and "timed out" not in boot.text(name)


@pytest.mark.parametrize("name", ["final", "deep"])
def test_final_signal_is_for_all(boot, name):
    assert boot.lines(name)[:2] == ["child", "main"]
    assert "stop timed out after 4 s" in boot.text(name)


def test_what_is_stopped_hears_of_its_end(boot):
    text = boot.text("halted")
    assert "State: inactive" in text and "timed out" not in text


def test_skipped_by_a_condition(boot):
    assert boot.lines("skipped")[:4] == ["inactive", "running", "1", "post"]
    assert "skipped: ExecCondition: exit code 1" in boot.text("skipped")


def test_back_off_begins_anew(boot):
    waits = re.findall(r"restart in (\d+ ms) \((\d+)", boot.text("back"))
    assert waits[:3] == [("20 ms", "1"), ("40 ms", "2"), ("80 ms", "3")]
    assert ("80 ms", "5") in waits and waits[-1] == ("20 ms", "1")


def test_success_starts_another(boot):
    assert boot.lines("success") == ["inactive"]


def test_is_held_up(boot):
    assert boot.lines("upholds") == ["inactive"]


def test_must_be_up_already(boot):
    assert "asked.service must be up already (Requisite=), it is inactive" in boot.text("requisite")
    assert boot.lines("requisite")[-1] == "running"


def test_stops_when_nobody_needs_it(boot):
    assert boot.lines("unneeded")[0] == "running"
    assert "State: inactive" in boot.text("unneeded")


def test_reload_goes_on_to_another(boot):
    assert boot.lines("reload") == ["reload", "reload"]


def test_ill_health_restarts_dependents(boot):
    text = boot.text("sick")
    assert "unhealthy: 1 of 1 checks failed: exit code 1; restart in 20 ms" in text
    assert "same" in boot.lines("sick")


def test_a_late_job_names_its_culprit(boot):
    lines = boot.lines("late")
    assert "start not done in time (JobTimeoutSec=): waits for slow.service (starting)" in lines[0]
    assert lines[1:3] == ["inactive", "starting"]
