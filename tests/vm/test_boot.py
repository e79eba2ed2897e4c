"""Boots that do not go well: the line that names the culprit, the deadline, the reboot that is put off, the count of
failed boots over resets and power cuts, safe mode and the way out of it; the watchdog. One disk over five boots."""

import re
import subprocess
import time

import pytest

from conftest import BOOT_SECONDS, CACHE, PRELUDE, TOP, Boot, environment, run

RESET, CUT = 102, 128 + 15

CONF = """
[Manager]
StatusIntervalSec=5
BootTimeoutSec=15
BootTimeoutAction=reboot
RebootMinUptimeSec=45
BootStableSec=10
"""

HANGS = """
[Unit]
ConditionKernelCommandLine=test.hang
Description=Says never that it is ready
[Service]
Type=notify
TimeoutStartSec=infinity
ExecStart=/bin/sleep 1000
"""

WEB = """
[Unit]
Requires=db.service
After=db.service
[Service]
ExecStart=/bin/sleep 1000
[Install]
WantedBy=multi-user.target
"""

CRASHES = """
[Unit]
ConditionKernelCommandLine=test.crash
FailureAction=reboot
[Service]
Type=oneshot
ExecStart=/bin/false
[Install]
WantedBy=multi-user.target
"""

CRITICAL = """
[Unit]
Critical=yes
Wants=worker.service
[Service]
ExecStart=/bin/sleep 1000
[Install]
WantedBy=multi-user.target
"""

WORKER = "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n"

# An end of this script would be a power-off, so it does not end when its unit is stopped.
STAY = "trap '' TERM; while :; do sleep 1; done"

SAFE = r"""
check boot 'supctl boot'
check status 'supctl status'
await 30 'supctl --json boot | grep -q "\"state\": \"complete, good\""'
check start 'supctl start worker; state worker'
check good 'supctl --json boot'
"""

NORMAL = r"""
check status 'supctl status'
check boot 'supctl --json boot'
check record 'cat /var/lib/sup/state/boot'
"""


class Course:
    """The boots of one appliance, with a disk of its own."""

    def __init__(self, lab):
        self.disk = CACHE / "boot" / "disk"
        units = {"db.service": HANGS, "web.service": WEB, "crash.service": CRASHES,
                 "core.service": CRITICAL, "worker.service": WORKER}
        # what the tests look with is to be there in safe mode, too
        critical = {"/etc/sup/sup.conf": CONF,
                    "/etc/sup/units/qemu-exec.service.d/critical.conf": "[Unit]\nCritical=yes\n"}
        self.lab = lab
        self.folder = lab.appliance("boot", units, files=critical)
        with open(self.disk, "wb") as file:
            file.truncate(16 << 20)
        run("/usr/sbin/mkfs.ext4", "-q", "-F", self.disk)

    def boot(self, script, *words):
        return self.lab.boot(self.folder, script, *self.options(*words))

    def options(self, *words):
        return ["--disk", str(self.disk), "--append", " ".join(["sup.var=/dev/vda", *words])]

    def cut(self, said, *words):
        """Cuts the power as soon as the console says that."""
        console = self.folder.parent / "console"
        console.write_text("")
        boot = subprocess.Popen(
            ["qemu/boot", str(self.folder), "--timeout", str(BOOT_SECONDS), "--console", str(console),
             *self.options(*words), "--exec", PRELUDE + STAY],
            cwd=TOP, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        until = time.monotonic() + BOOT_SECONDS
        while not re.search(said, console.read_text(errors="replace")) and boot.poll() is None:
            assert time.monotonic() < until, console.read_text(errors="replace")[-2000:]
            time.sleep(0.2)
        boot.terminate()
        return Boot(boot.wait(60), "", "", console.read_text(errors="replace").replace("\r", ""))


@pytest.fixture(scope="module")
def boots(lab):
    course = Course(lab)
    return {
        "late": course.boot(STAY, "test.hang"),
        "cut": course.cut("sup: waiting .* for web.service", "test.hang"),
        "crash": course.boot(STAY, "test.crash"),
        "safe": course.boot(SAFE, "test.crash"),
        "normal": course.boot(NORMAL),
    }


def test_the_culprit_is_named(boots):
    said = re.findall(r"^sup: waiting (\d+) s for (.*)$", boots["late"].console, re.M)
    assert len(said) >= 2, boots["late"].console[-2000:]
    assert {text for _, text in said} == {"web.service: needs db.service (starting)"}
    assert [int(seconds) for seconds, _ in said] == sorted(int(seconds) for seconds, _ in said)


def test_the_deadline_reboots_the_machine_when_it_was_up_for_long_enough(boots):
    console = boots["late"].console
    assert boots["late"].status == RESET
    assert "sup: boot not complete after 15 s: waiting 15 s for web.service: needs db.service" in console
    assert re.search(r"^sup: the machine reboots in \d+ s \(RebootMinUptimeSec=\): boot not complete",
                     console, re.M)
    assert "init: reboot" in console


def test_a_power_cut_is_a_power_cut(boots):
    assert boots["cut"].status == CUT
    assert "ending all processes" not in boots["cut"].console


def test_a_failure_action_waits_too(boots):
    console = boots["crash"].console
    assert boots["crash"].status == RESET
    assert re.search(r"^sup: the machine reboots in \d+ s \(RebootMinUptimeSec=\): crash.service failed",
                     console, re.M)
    assert re.search(r"^sup: boot complete in .*1 failed: crash.service: exit code 1$", console, re.M)
    assert "SAFE MODE" not in console


def test_safe_mode_after_three_of_them(boots):
    safe = boots["safe"]
    safe.ended_well()
    assert "SAFE MODE: 3 boots in a row did not become well" in safe.console
    assert "boot 1 failed: boot not complete after 15 s: waiting 15 s for web.service" in safe.console
    assert re.search("boot 2 failed: waiting .* for web.service", safe.console)
    assert "boot 3 failed: crash.service failed: exit code 1" in safe.console
    status = {line.split()[0]: line.split()[1] for line in safe.lines("status") if line.strip()}
    assert status["core.service"] == "running"
    assert status["qemu-exec.service"] == "running"
    for unit in "web.service", "worker.service", "crash.service", "multi-user.target":
        assert status[unit] == "inactive", unit
    assert "SAFE MODE: only critical units were started" in safe.text("status")
    assert "Mode: safe" in safe.text("boot")
    assert "3 in a row" in safe.text("boot")


def test_safe_mode_can_be_operated(boots):
    assert boots["safe"].ok("start").endswith("running")


def test_a_good_boot_forgets_the_failed_ones(boots):
    assert '"failed": 0' in boots["safe"].ok("good")
    assert "the next boot is in normal mode" in boots["safe"].console
    normal = boots["normal"]
    normal.ended_well()
    assert "SAFE MODE" not in normal.console
    assert '"safe": false' in normal.ok("boot")
    assert '"kept": "yes"' in normal.ok("boot")
    assert re.search(r"^worker.service +running", normal.ok("status"), re.M)
    assert "boot=5\nfailed=0\n" in normal.ok("record")


# ---- the watchdog

STARVE = """
[Manager]
RuntimeWatchdogSec=6
RebootMinUptimeSec=1
"""

FAILS = """
[Unit]
Critical=yes
StartLimitBurst=2
[Service]
ExecStart=/bin/sh -c 'sleep 1; exit 3'
Restart=always
[Install]
WantedBy=multi-user.target
"""


def test_the_watchdog_resets_a_machine_whose_critical_unit_failed_for_good(lab):
    folder = lab.appliance("watchdog", {"vital.service": FAILS}, files={"/etc/sup/sup.conf": STARVE},
                           more=["--module", "softdog"])
    boot = lab.boot(folder, STAY)
    assert boot.status == RESET, boot.said
    assert "init: watchdog: resets the machine when it was not fed for 6 s" in boot.console
    assert re.search(r"^sup: critical unit failed for good: vital.service: .*; the watchdog resets the "
                     r"machine in \d+ s$", boot.console, re.M)
    assert re.search("^init: watchdog: not fed any more, the machine resets in 6 s: vital.service", boot.console,
                     re.M)
    # no orderly end: it was the watchdog
    assert "ending all processes" not in boot.console


def test_a_machine_that_is_well_is_fed(lab):
    """Up for several times of the watchdog, then powered off with it let go."""
    units = {"vital.service": FAILS.replace("exit 3", "sleep 1000")}
    folder = lab.appliance("watchdog", units, files={"/etc/sup/sup.conf": STARVE},
                           more=["--module", "softdog"])
    boot = lab.boot(folder, "await 60 '[ $(now) -ge 30 ]'; check up 'now'")
    boot.ended_well()
    assert int(boot.ok("up")) >= 30
    assert "not fed any more" not in boot.console
