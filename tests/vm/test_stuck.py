"""Services that do not come when they are called, pids that come round, bombs, and very little memory. Whoever has nothing to do
with it goes on with the very process it had."""

import re

import pytest

from conftest import run

STAY = "/usr/bin/busybox tail -f /dev/null"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
# NAME of a service -> what holds it up
STUCK = {"stopped": STAY, "traced": "/usr/bin/stuck traced", "vfork": "/usr/bin/stuck vfork", "deaf": "/etc/deaf",
         "double": "/etc/double"}
EXECS, BOMBS = 6, 3


def service(exec_start, more="", boot=False):
    return f"[Service]\nTimeoutStopSec=1\n{more}\nExecStart={exec_start}\n[Unit]\nStartLimitIntervalSec=0\n" + (INSTALL if boot else "")


UNITS = {f"{name}.service": service(words) for name, words in STUCK.items()}
UNITS |= {
    "steady.service": service(STAY, boot=True),
    "beat.service": service("/usr/bin/busybox sh -c 'while :; do n=$$((n + 1)); echo $$n >/run/beat; sleep 0.3; done'", boot=True),
    "frozen.service": service("/etc/writes"),
    "talks.service": service("/usr/bin/busybox sh -c 'while :; do echo x; sleep 0.1; done'"),
    "pings.service": service("/usr/bin/notify READY=1 WATCHDOG=1 again:200", "Type=notify\nWatchdogSec=3\nRestart=always\n"),
    # The pid of these is to be another's.
    "gone.service": service(STAY),
    "again.service": service(STAY, "Restart=always\nRestartSec=1h\n"),
    "short.container": "[Container]\nImage=busybox\nNetwork=none\nHealthCmd=true\nHealthInterval=1s\n[Service]\nMemoryMax=2M\n",
}
UNITS |= {f"bomb{i}.container": "[Container]\nImage=stuck\nNetwork=none\nExec=bomb\n[Service]\nTasksMax=30\nCPUWeight=10\n"
          "TimeoutStopSec=1\n" for i in range(BOMBS)}

FILES = {
    "/etc/deaf": "#!/usr/bin/busybox sh\ntrap '' TERM INT HUP\necho stuck\nexec tail -f /dev/null\n",
    # A daemon of the old kind: its first process ends, one that nobody has started goes on, and does not hear.
    "/etc/double": "#!/usr/bin/busybox sh\n(trap '' TERM; setsid sh -c 'echo stuck; exec sleep 88888' &)\nexec tail -f /dev/null\n",
    "/etc/writes": "#!/usr/bin/busybox sh\nwhile :; do echo x; sleep 0.1; done >/tmp/ice/file\n",
}

SCRIPT = r"""
mains() { echo "$(main steady) $(main beat)"; }
group() { cat /sys/fs/cgroup/sup/$1/cgroup.procs 2>/dev/null; }
letter() { sed 's/.*) \(.\).*/\1/' /proc/$1/stat; }
await 90 'is steady running && is beat running'
began="$(mains)"

for s in stopped traced vfork deaf double; do
	supctl start $s
	if [ $s = stopped ]; then kill -STOP $(main $s); else await 60 "supctl logs -n 1 $s | grep stuck"; fi
	pid=$(main $s)
	check $s 'letter $pid; supctl stop $s; echo "stop: $?"; group $s.service; ls -d /proc/$pid; ps -o args | grep "[s]leep 88888"'
done

# State D: a file system that is frozen.
mkdir -p /tmp/ice
check ice 'mount -t ext4 /dev/vda /tmp/ice'
supctl start frozen
pid=$(main frozen)
await 60 '[ -s /tmp/ice/file ]'
check freeze 'fsfreeze --freeze /tmp/ice'
await 60 '[ "$(letter $pid)" = D ]'
check frozen 'supctl stop frozen; echo "stop: $?"; letter $pid; supctl status frozen; supctl start frozen; echo "start: $?"'
check frozen-killed 'old=$(supervisor); kill -KILL $old; another $old; supctl start frozen; echo "start: $?"; letter $pid; supctl status frozen'
check frozen-others 'mains; supctl start gone && state gone && supctl stop gone && state gone'
check thaw 'fsfreeze --unfreeze /tmp/ice; await 60 "! [ -e /proc/$pid ]"; await 30 "! ls -d /sys/fs/cgroup/sup/frozen.service"
	supctl start frozen && state frozen; supctl stop frozen; state frozen'

# The disk of the logs does not answer for longer than a watchdog waits, and holds the supervisor up.
mkdir -p /tmp/ice/logs
check logs 'mount --bind /tmp/ice/logs /var/log/sup; old=$(supervisor); kill -KILL $old; another $old
	supctl start talks pings; await 30 "[ -s /tmp/ice/logs/talks.service.log ]"'
old=$(supervisor)
check still 'pid=$(main pings); fsfreeze --freeze /tmp/ice; await 60 "[ \"\$(letter $old)\" = D ]"; sleep 8; fsfreeze --unfreeze /tmp/ice
	supctl logs -n 1 talks; echo "$pid $(main pings)"; state pings; supctl logs pings | grep -i watchdog'
check gone 'supctl stop pings talks; state pings; umount -l /var/log/sup; old=$(supervisor); kill -KILL $old; another $old'

# Very little memory: what is short is executed all the same.
check short 'supctl start short; for i in $(seq @EXECS@); do supctl exec short true && echo fine; done
	await 60 "supctl --json status short | grep healthy"; grep "^oom_kill " /sys/fs/cgroup/sup/short.container/memory.events; state short; supctl stop short'

# Bombs in all containers at once.
check bombs 'for i in @BOMBS@; do supctl start bomb$i; done; for i in @BOMBS@; do await 20 "supctl logs -n 1 bomb$i | grep stuck"; done
	before=$(cat /run/beat); await 60 "[ \$(cat /run/beat) -gt $((before + 5)) ]" && echo beats
	for i in @BOMBS@; do cat /sys/fs/cgroup/sup/bomb$i.container/pids.current; supctl stop bomb$i; group bomb$i.container; done; mains'

# The pid of a service that is gone comes round, to somebody whom none of it concerns.
echo 310 >/proc/sys/kernel/pid_max
stranger() { until sleep 100000 & [ $! = $1 ]; do kill $!; wait $!; done 2>/dev/null; stranger=$!; }
# NAME of a section, unit, the signal with which the supervisor goes on or does not, that was asleep at the end of the unit
round() {
	unit=$2
	supctl reset-failed $unit; supctl start $unit
	pid=$(main $unit) old=$(supervisor)
	kill -STOP $old
	kill -KILL $pid
	await 60 '! [ -e /proc/$pid ]'
	stranger $pid
	supctl stop $unit &
	asked=$!
	kill -$3 $old
	wait $asked
	check $1 'echo "pid $pid $stranger"; state $unit; supctl restart $unit; supctl stop $unit; state $unit; cat /proc/$stranger/comm'
	kill $stranger
}
round round-asleep gone CONT
round round-killed gone KILL
round round-again again CONT
round round-again-killed again KILL
check end 'echo $began; mains'
"""


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("stuck", UNITS, [lab.busybox(), lab.helper("stuck")], FILES,
                           more=[*lab.helper_on_host("stuck"), *lab.helper_on_host("notify")])
    disk = folder.parent / "disk"
    with open(disk, "wb") as file:
        file.truncate(4 << 20)
    run("/usr/sbin/mkfs.ext4", "-q", "-F", "-O", "^has_journal", disk)
    script = SCRIPT.replace("@EXECS@", str(EXECS)).replace("@BOMBS@", " ".join(map(str, range(BOMBS))))
    return lab.boot(folder, script, "--disk", str(disk))


@pytest.fixture(scope="module")
def mains(boot):
    """The processes that nothing may happen to."""
    found = boot.lines("end")[0]
    assert re.fullmatch(r"\d+ \d+", found)
    return found


@pytest.mark.parametrize("name, letters", [("stopped", "T"), ("traced", "t"), ("vfork", "D"), ("deaf", "S"), ("double", "S")])
def test_who_does_not_come_is_killed_through_its_group(boot, name, letters):
    found = boot.lines(name)
    assert found[0] == letters
    assert found[1] == "stop: 0"
    assert not any(re.fullmatch(r"\d+|/proc.*|.*sleep 88888", line) for line in found), found


def test_state_d_is_told_and_nothing_is_started_beside_it(boot):
    """Nobody can end who hangs in the kernel: the stop has failed, and a start would make a second copy."""
    boot.ok("freeze")
    found = boot.lines("frozen")
    assert found[:2] == ["stop: 1", "D"] or found[1:3] == ["stop: 1", "D"], found
    assert "processes survive SIGKILL for 10 s, they hang in the kernel" in boot.text("frozen")
    assert found[-2:] == ["supctl: processes of its last run are still there", "start: 1"]


def test_state_d_is_known_to_the_next_supervisor(boot):
    found = boot.lines("frozen-killed")
    assert found[:3] == ["supctl: processes of its last run are still there", "start: 1", "D"]


def test_state_d_concerns_nobody_else(boot, mains):
    assert boot.lines("frozen-others") == [mains, "running", "inactive"]


def test_state_d_that_has_passed_is_taken_up_again(boot):
    assert boot.lines("thaw") == ["running", "inactive"]


def test_disk_of_the_logs_that_does_not_answer(boot):
    """Who said that it is well, and was not heard, is well."""
    boot.ok("logs")
    line, pids, state, *rest = boot.lines("still")
    before, after = pids.split()
    assert line.endswith("x") and before == after and state == "running" and rest == []
    assert boot.lines("gone") == ["inactive"]


def test_runc_4427_and_1980_short_programs_start_with_very_little_memory(boot):
    """What makes the process and what it executes fit into MemoryMax=2M: starts, health checks, supctl exec."""
    assert boot.lines("short") == ["fine"] * EXECS + ["oom_kill 0", "running"]


def test_fork_bombs_in_all_containers_at_once(boot, mains):
    """Each meets its own limit, others go on, and the bombs can be stopped."""
    assert boot.lines("bombs") == ["beats", *["30"] * BOMBS, mains]


@pytest.mark.parametrize("name", ["round-asleep", "round-killed", "round-again", "round-again-killed"])
def test_pid_that_comes_round_to_a_stranger_is_never_signalled(boot, name):
    """The supervisor sleeps while the service ends, and hears of it together with a command to stop it, or dies first."""
    said, first, after, stranger = boot.lines(name)
    _, pid, his = said.split()
    assert pid == his and pid.isdigit()
    assert first in ("inactive", "failed") and after == "inactive"
    assert stranger == "sleep"


def test_the_rest_was_the_same_to_the_end(boot, mains):
    assert boot.lines("end") == [mains] * 2
    boot.ended_well()
