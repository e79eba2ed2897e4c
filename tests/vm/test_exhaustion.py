"""What runs out, on a machine with cgroups: memory of one, of the supervisor and of all, and processes. Whoever has nothing to do with it goes on with the very process it had."""

import re

import pytest

STAY = "/usr/bin/busybox tail -f /dev/null"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
HOGS, STORM, DEAF, HUNTS = 2, 10, 10, 3


def service(exec_start, more="", unit="", boot=False):
    return f"[Unit]\n{unit}\n[Service]\nExecStart={exec_start}\n{more}\n" + (INSTALL if boot else "")


UNITS = {
    # These must not notice anything.
    "steady.service": service(STAY, boot=True),
    "web.container": "[Container]\nImage=busybox\n" + INSTALL,
    "hungry.service": service("/usr/bin/busybox dd if=/dev/zero of=/dev/null bs=480M count=1"),
    "more.service": service(STAY),
    "remains.service": service("/usr/bin/true", "Type=oneshot\nRemainAfterExit=yes"),
    "hides.service": service("/etc/hides", "TimeoutStopSec=1"),
}
UNITS |= {f"hog{i}.container": "[Container]\nImage=busybox\nNetwork=none\nExec=tail /dev/zero\n[Service]\nMemoryMax=8M\n"
                               "Restart=always\nRestartSec=200ms\nRestartSteps=3\nRestartMaxDelaySec=10s\n"
                               "[Unit]\nStartLimitIntervalSec=0\n" for i in range(HOGS)}
UNITS |= {f"storm{i}.service": service("/usr/bin/false", "Restart=always\nRestartSec=100ms\nRestartSteps=4\n"
                                       "RestartMaxDelaySec=1min", "StartLimitIntervalSec=0") for i in range(STORM)}
UNITS |= {f"deaf{i}.service": service("/etc/deaf", "TimeoutStopSec=2", boot=True) for i in range(DEAF)}

FILES = {
    "/etc/deaf": "#!/usr/bin/busybox sh\ntrap "" TERM INT HUP\nexec tail -f /dev/null\n",
    # Sessions and groups of their own, orphans of orphans, other names, and more of them while it is being killed.
    "/etc/hides": """#!/usr/bin/busybox sh
trap : TERM
for i in 1 2 3 4 5 6 7 8 9 10; do
	setsid sh -c '(trap : TERM; setsid sh -c "trap : TERM; exec sleep 77777" &) ; exec setsid sleep 77777' &
done
echo hidden
while :; do sleep 77777 & sleep 0.05; done
""",
}

SCRIPT = r"""
await 90 'is steady running && is web running && is deaf0 running'
mains() { echo "$(main steady) $(main web)"; }
ticks() { awk '{ print $14 + $15 }' /proc/$1/stat; }
group=/sys/fs/cgroup/init
began="$(mains)"

# Ten that fail at once, for as long as the next part takes.
for i in $(seq 0 9); do supctl start storm$i & done >/dev/null 2>&1
wait
before=$(($(ticks 1) + $(ticks $(supervisor)))) since=$(now)

check scores 'cat /proc/1/oom_score_adj /proc/$(supervisor)/oom_score_adj'
check hogs 'for i in 0 1; do supctl start hog$i; done; await 90 "[ \$(field hog0 restarts) -ge 2 ]"; supctl status hog0
	field hog1 restarts; for i in 0 1; do supctl stop hog$i; done'
check hogs-mains 'mains'
check storm 'await 90 "[ \$(field storm0 restarts) -ge 4 ]"; supctl status storm0
	echo "ticks $(($(ticks 1) + $(ticks $(supervisor)) - before)) in $(($(now) - since)) s"
	for i in $(seq 0 9); do field storm$i restarts; done'
for i in $(seq 0 9); do supctl stop storm$i; done

# The machine has no memory left.
check global 'old="$(supervisor)"; supctl start hungry; await 90 "failed hungry"; supctl status hungry; [ "$old" = "$(supervisor)" ] && echo same'
check global-mains 'mains'

# The supervisor's own group has none left.
check own 'old="$(supervisor)"; echo 200K >$group/memory.max; await 90 "! supervisor | grep -qw $old"
	echo max >$group/memory.max; await 90 "supctl list"; grep "^oom_kill " $group/memory.events; [ "$old" != "$(supervisor)" ] && echo another'
check own-mains 'mains'

# No process may be made.
# This script is a unit, too: it leaves the group that is full.
check pids '(echo 0 >/sys/fs/cgroup/cgroup.procs
	echo 1 >/sys/fs/cgroup/sup/pids.max; supctl start more; echo "start: $?"; supctl status more; state steady
	echo max >/sys/fs/cgroup/sup/pids.max; supctl start more && state more; supctl stop more)'
check pids-mains 'mains'

# Somebody else has a hand in the groups.
check group-gone 'supctl start remains; ls -d /sys/fs/cgroup/sup/remains.service && rmdir /sys/fs/cgroup/sup/remains.service
	supctl stop remains; supctl start remains; supctl stop remains; state remains'
check group-busy 'supctl start more; mkdir -p /sys/fs/cgroup/sup/more.service/deep/deeper
	sh -c "echo \$\$ >/sys/fs/cgroup/sup/more.service/deep/deeper/cgroup.procs; exec sleep 99999" & sleep 0.2
	supctl stop more; state more; ls -d /sys/fs/cgroup/sup/more.service; pgrep -f "sleep 99999"'

check hides 'for i in 1 2 3; do
		supctl reset-failed hides; supctl start hides; await 90 "supctl logs -n 1 hides | grep hidden"
		supctl stop hides; ps -o args | grep -c "[s]leep 77777"
	done'
check end 'mains; supctl --json status | grep -c running'
"""


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("exhaustion", UNITS, [lab.busybox()], FILES)
    return lab.boot(folder, "began=none\n" + SCRIPT + "\ncheck began 'echo $began'\n")


@pytest.fixture(scope="module")
def mains(boot):
    """The processes that nothing may happen to."""
    found = boot.text("began")
    assert re.fullmatch(r"\d+ \d+", found)
    return found


def test_ends_well_though_ten_do_not_hear(boot):
    boot.ended_well()


def test_out_of_memory_in_its_own_group_hits_only_the_one(boot, mains):
    assert boot.lines("scores") == ["-1000", "-900"]
    assert "out of memory" in boot.text("hogs").lower() or "oom" in boot.text("hogs").lower()
    assert int(re.search(r"OOM kills: (\d+)", boot.text("hogs"))[1]) >= 2, "all of them, whatever group it was in"
    assert boot.text("hogs-mains") == mains


def test_storm_of_exits_is_slowed_down(boot):
    lines = boot.lines("storm")
    assert any("restart in" in line for line in lines), lines
    restarts = [int(x) for x in lines if x.isdigit()]
    assert len(restarts) == STORM and max(restarts) <= 12, restarts


def test_machine_out_of_memory_spares_init_and_the_supervisor(boot, mains):
    assert boot.lines("global")[-1] == "same"
    assert "KILL" in boot.text("global") or "memory" in boot.text("global")
    assert boot.text("global-mains") == mains


def test_supervisor_out_of_memory_comes_back_and_nothing_else_happens(boot, mains):
    found = boot.lines("own")
    assert found[-1] == "another" and int(found[-2].split()[1]) >= 1
    assert boot.text("own-mains") == mains


def test_no_free_process_is_a_reason_and_then_a_start(boot, mains):
    text = boot.text("pids")
    assert "start: 1" in text and "limit of tasks" in text
    assert boot.lines("pids")[-2:] == ["running", "running"]
    assert boot.text("pids-mains") == mains


def test_group_removed_by_somebody_else(boot):
    assert boot.lines("group-gone")[-1] == "inactive"


def test_lxc_4705_and_crun_1092_group_that_is_busy_does_not_stay(boot):
    """A group with processes and groups of somebody else in it is emptied and goes; the next start finds none."""
    assert "inactive" in boot.lines("group-busy")[0]
    assert "/sys" not in boot.text("group-busy").replace("ls: /sys", "")
    assert not re.search(r"^\d+$", boot.text("group-busy"), re.MULTILINE)


def test_s6_overlay_572_what_a_script_has_left_behind_is_found(boot):
    assert [x for x in boot.lines("hides") if x.isdigit()] == ["0"] * HUNTS


def test_the_rest_was_the_same_to_the_end(boot, mains):
    assert boot.lines("end")[0] == mains
