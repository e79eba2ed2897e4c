"""PID 1 of the device when things go wrong: no supervisor to start, a rescue program, signals."""

import subprocess

from conftest import BOOT_SECONDS, TOP, environment

NO_SUPERVISOR = "sup.supervisor=/no/such/supervisor sup.reboot-delay=1"
RESCUE = """#!/usr/bin/busybox sh
echo "rescue: $(/usr/bin/busybox hostname) has no supervisor"
/usr/bin/busybox poweroff -f
"""
# All but the requests: INT, TERM, PWR and SIGRTMIN+3 to +6 (37 to 40).
SIGNALS = """#!/usr/bin/busybox sh
for n in $(seq 1 64); do
	case $n in 2|15|30|37|38|39|40) continue ;; esac
	kill -$n 1
done
echo "signals: PID 1 is $(readlink /proc/1/exe)" >/dev/console
supctl --json status lan.network | grep state >/dev/console
kill -INT 1
"""
SIGNALS_UNIT = """
[Unit]
After=lan.network
[Service]
Type=oneshot
ExecStart=/usr/bin/signals
[Install]
WantedBy=multi-user.target
"""
UNITS = {"lan.network": "[Network]\n[Install]\nWantedBy=multi-user.target\n"}


def plain_boot(folder, words):
    """Without a command in the guest: the machine ends by itself or the test fails by time."""
    console = folder.parent / "console"
    done = subprocess.run(["qemu/boot", str(folder), "--timeout", str(BOOT_SECONDS), "--append", words,
                           "--console", str(console)],
                          cwd=TOP, env=environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode, console.read_text(errors="replace").replace("\r", "")


def test_no_supervisor_means_a_reboot_with_the_reason(lab):
    folder = lab.appliance("init-reboot", UNITS)
    status, console = plain_boot(folder, NO_SUPERVISOR)
    assert status == 102, console
    assert "/no/such/supervisor" in console
    assert "No such file or directory" in console


def test_no_supervisor_and_a_rescue_program(lab):
    folder = lab.appliance("init-rescue", UNITS, files={"/usr/bin/rescue": RESCUE})
    status, console = plain_boot(folder, f"{NO_SUPERVISOR} sup.rescue=/usr/bin/rescue")
    assert status == 0, console
    assert "rescue: sup has no supervisor" in console


def test_no_signal_ends_init_and_ctrl_alt_del_is_a_reboot_in_order(lab):
    folder = lab.appliance("init-signals", {**UNITS, "signals.service": SIGNALS_UNIT},
                           files={"/usr/bin/signals": SIGNALS})
    status, console = plain_boot(folder, "")
    assert "signals: PID 1 is /init" in console
    assert '"state": "running"' in console
    assert status == 102, console
    assert "init: reboot" in console
    assert "panic" not in console
