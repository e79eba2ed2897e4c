"""PID 1 of the device crashes: a hundred times by a signal, by faults of its own, and again and again without end."""

import re

import pytest

from conftest import TURN
from test_init import plain_boot

UNITS = {
    "lan.network": "[Network]\n[Install]\nWantedBy=multi-user.target\n",
    "tick.service": """
[Service]
ExecStart=/usr/bin/busybox sh -c 'n=0; while :; do n=$((n+1)); echo $n; /usr/bin/busybox usleep 20000; done'
[Install]
WantedBy=multi-user.target
""",
    "box.container": """
[Container]
Image=busybox
Network=lan.network
Exec=sh -c 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.05; done'
[Install]
WantedBy=multi-user.target
""",
}

SCRIPT = r"""
await 60 'is tick.service running && is box.container running'
look() { for u in tick.service box.container; do echo $u $(main $u) $(field $u restarts); done; supervisor
	ls /proc/1/fd | wc -l; cat /proc/1/comm; readlink /proc/1/exe; }
said() { dmesg | grep -o 'init: crash [0-9]*' | tail -n 1 | cut -d' ' -f3; }
sleep 2
check before look
check hundred 'until [ "$(said)" -ge 100 ] 2>/dev/null; do for n in 1 2 3 4 5 6 7 8; do kill -SEGV 1; usleep 40000; done; done'
check between look
check faults 'last=$(said); strike 1 3; until [ $(said) -ge $((last + 3)) ]; do usleep 50000; done; dmesg | grep "signal 11.* at "'
check after look
check told 'supctl --json reexec'
check logs 'supctl logs -n 100000 tick | grep " out " | cut -d" " -f3'
"""

# As a unit: it goes on whatever becomes of the supervisor.
AGAIN = """#!/usr/bin/busybox sh
strike 1 10
sleep 6
echo "after the faults: $(readlink /proc/1/exe)" >/dev/console
"""
AGAIN_UNIT = """
[Unit]
After=lan.network
[Service]
Type=oneshot
ExecStart=/usr/bin/again
[Install]
WantedBy=multi-user.target
"""
# The console is the terminal of its session: with its end the kernel hangs up, and drops what the line has not sent by then.
# To set it waits for that.
RESCUE = """#!/usr/bin/busybox sh
echo "rescue: $(/usr/bin/busybox hostname) has an init that crashes"
/usr/bin/busybox stty echo
"""


@pytest.fixture(scope="module")
def crashed(lab):
    folder = lab.appliance("init-crash", UNITS, images=[lab.busybox()], more=lab.helper_on_host("strike"))
    boot = lab.boot(folder, SCRIPT)
    # The kernel says a word of each fault itself.
    assert boot.status == 0, boot.said
    return boot


def test_kill_segv_1_a_hundred_times_costs_nothing(crashed):
    assert crashed.ok("hundred") == ""
    assert crashed.ok("between") == crashed.ok("before")
    assert "panic" not in crashed.console
    said = re.findall(r"crash (\d+): signal 11 \(Segmentation fault\) sent by process", crashed.console)
    assert max(map(int, said)) >= 100


def test_faults_of_its_own_cost_nothing(crashed):
    assert crashed.ok("faults").count("address 0x") == 3
    assert crashed.ok("after") == crashed.ok("before")


def test_the_supervisor_knows(crashed):
    assert '"init_crashes": 10' in crashed.ok("told")


def test_the_log_of_a_service_has_no_gap(crashed):
    numbers = [int(n) for n in crashed.lines("logs")]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 100


def again(lab, name, words, files=None):
    folder = lab.appliance(name, {"lan.network": UNITS["lan.network"], "again.service": AGAIN_UNIT},
                           files={"/usr/bin/again": AGAIN, **(files or {})}, more=lab.helper_on_host("strike"))
    status, console = plain_boot(folder, words)
    assert console.count("executes itself anew") == 10, console
    assert "panic" not in console
    return status, console


def reboot(lab):
    status, console = again(lab, "init-crash-reboot", "")
    assert status == 102, console
    assert "init crashes again and again (signal 11): reboot" in console


def rescue(lab):
    files = {"/usr/bin/rescue": RESCUE, "/usr/bin/again": AGAIN + "kill -INT 1\n"}
    status, console = again(lab, "init-crash-rescue", "sup.crash=rescue sup.rescue=/usr/bin/rescue", files)
    assert "init crashes again and again; rescue: /usr/bin/rescue" in console
    assert "rescue: sup has an init that crashes" in console
    assert "after the faults: /init" in console
    assert status == 102, console
    assert "init: reboot" in console


def hold(lab):
    files = {"/usr/bin/again": AGAIN + "poweroff -f\n"}
    status, console = again(lab, "init-crash-hold", "sup.crash=hold", files)
    assert "init crashes again and again (signal 11): hold" in console
    assert "after the faults: /init" in console
    assert status == 0, console


ENDS = [reboot, rescue, hold]


@pytest.mark.parametrize("end", ENDS if TURN is None else [ENDS[TURN % len(ENDS)]])
def test_crashes_without_end(lab, end):
    end(lab)
