"""The power goes while logs rotate, timers keep their stamps, addresses are given out and boots are counted. The machine comes up
each time, and what it kept can be read. SUP_POWER_CUTS=50 for the long form."""

import os
import random
import re
import subprocess
import time

import pytest

from conftest import BOOT_SECONDS, CACHE, PRELUDE, TOP, environment, run

CUTS = int(os.environ.get("SUP_POWER_CUTS", "3"))
SEED = int(os.environ.get("SUP_POWER_SEED", "1"))
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
LINE = "x" * 100

WRITER = f"""
[Service]
ExecStart=/usr/bin/busybox sh -c "read b </proc/sys/kernel/random/boot_id; n=0; \
while :; do n=$$((n + 1)); echo $$b $$n {LINE}; done"
""" + INSTALL
CHURN = """
[Service]
ExecStart=/usr/bin/busybox sh -c "n=0; while :; do n=$$((n + 1)); supctl start job@$$n; done"
""" + INSTALL
JOB = """
[Container]
Image=busybox
Exec=true
[Service]
Type=oneshot
"""
UNITS = {
    "writer0.service": WRITER,
    "writer1.service": WRITER,
    "churn.service": CHURN,
    "job@.container": JOB,
    "fixed.container": "[Container]\nImage=busybox\n" + INSTALL,
    "tick.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/usr/bin/busybox true\n",
    "tick.timer": "[Timer]\nOnCalendar=*:*:*\nAccuracySec=1us\nPersistent=yes\n"
                  "[Install]\nWantedBy=timers.target\n",
}
CONF = "[Manager]\nSafeModeBoots=0\n"

# What is found is told before anything is written for long; the units write while it is: a file may move on to the
# next name, never back. All that was told is on the disk by then.
SCRIPT = r"""
section() { printf '\n@@ %s\n' "$1"; }
for unit in writer0 writer1; do
	for old in "" .1 .2 .3; do
		f=/var/log/sup/$unit.service.log$old
		[ -e "$f" ] || continue
		section "$f"
		cat "$f" 2>/dev/null
	done
done
sync
await 60 'is fixed running'
section boot
supctl --json boot
section fixed
field fixed address
section stamp
cat /var/lib/sup/timers/tick.timer
section words
supctl logs supervisor
section ready
"""
GO_ON = "trap '' TERM; while :; do sleep 1; done"


class Box:
    """An appliance, its disk, and what each of its boots found."""

    def __init__(self, lab):
        self.disk = CACHE / "power" / "disk"
        self.folder = lab.appliance("power", UNITS, [lab.busybox()], files={"/etc/sup/sup.conf": CONF})
        self.dice = random.Random(SEED)
        with open(self.disk, "wb") as file:
            file.truncate(48 << 20)
        run("/usr/sbin/mkfs.ext4", "-q", "-F", self.disk)

    def boot(self):
        """Up to the word that all was found, and some time longer; then the power is gone. The sections."""
        said = self.folder.parent / "said"
        console = self.folder.parent / "console"
        with open(said, "wb") as out:
            boot = subprocess.Popen(
                ["qemu/boot", str(self.folder), "--timeout", str(BOOT_SECONDS), "--console",
                 str(console), "--disk", str(self.disk), "--append", "sup.var=/dev/vda", "--exec",
                 PRELUDE + SCRIPT + GO_ON],
                cwd=TOP, env=environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            until = time.monotonic() + BOOT_SECONDS
            while b"\n@@ ready" not in said.read_bytes():
                assert boot.poll() is None and time.monotonic() < until, \
                    said.read_text(errors="replace")[-2000:] + console.read_text(errors="replace")[-2000:]
                time.sleep(0.2)
            time.sleep(self.dice.uniform(0.5, 5))
            boot.terminate()
            boot.wait(60)
        text = said.read_text(encoding="utf-8", errors="surrogateescape").replace("\r", "")
        assert "@late" not in text, text[-2000:]
        return {part.partition("\n")[0]: part.partition("\n")[2]
                for part in re.split(r"^@@ ", text, flags=re.MULTILINE)[1:]}


@pytest.fixture(scope="module")
def boots(lab):
    box = Box(lab)
    return [box.boot() for _ in range(CUTS + 1)]


def logs(boot):
    return {name: text for name, text in boot.items() if name.startswith("/var/log")}


OLD = 3  # that are kept beside the one that grows
RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (out|err|sup) .*")
NUMBERED = re.compile(rf"\S+ out (\S{{36}}) (\d+) {LINE}")


def pieces(boot):
    """The files, and what they are in: a file system may know of a file's length before it has the data, and zeros stand
    where the disk had not got any when the power went."""
    for name, text in logs(boot).items():
        # the section ends with a newline of its own, and the file may end without
        yield name, [x for x in re.split("\0+", text.removesuffix("\n")) if x]


def test_logs_are_found_and_no_line_but_the_last_of_a_file_is_torn(boots):
    """But those beside what the disk had not got."""
    assert logs(boots[-1])
    for boot in boots:
        for name, parts in pieces(boot):
            for number, text in enumerate(parts):
                *whole, _ = text.split("\n")
                torn = [line for line in whole[number > 0:] if not RECORD.fullmatch(line)]
                assert not torn, (name, torn[:3])


def test_no_line_is_lost_within_a_file_or_there_twice(boots):
    for boot in boots:
        for name, parts in pieces(boot):
            seen = {}
            for text in parts:
                last = {}
                for boot_id, number in NUMBERED.findall(text):
                    assert last.get(boot_id, int(number) - 1) == int(number) - 1, (name, boot_id, number)
                    assert seen.get(boot_id, 0) < int(number), (name, boot_id, number)
                    seen[boot_id] = last[boot_id] = int(number)


def test_what_the_disk_had_got_is_whole(boots):
    """What was found by one boot, and was on the disk then, has no hole at the next."""
    for before, after in zip(boots, boots[1:]):
        for unit in "writer0", "writer1":
            had, has = by_age(before, unit), by_age(after, unit)
            for first in filter(None, set(had) & set(has)):
                assert text_of(after, unit, first).startswith(text_of(before, unit, first).rpartition("\n")[0])


def by_age(boot, unit):
    """The first records of its files, the oldest first: who they are, whatever their names. "" for one whose data the
    disk had not got yet."""
    number = re.compile(rf"/var/log/sup/{unit}\.service\.log(?:\.(\d))?")
    files = {int(match[1] or 0): text for name, text in boot.items() if (match := number.fullmatch(name))}
    return [files[old].partition("\n")[0] for old in sorted(files, reverse=True)]


def text_of(boot, unit, first):
    """Of the file that begins with this record."""
    return next(text.removesuffix("\n") for name, text in boot.items()
                if name.startswith(f"/var/log/sup/{unit}.service.log") and text.startswith(first + "\n"))


def test_no_log_file_is_lost(boots):
    """But the oldest, for a new one, once all names are taken."""
    for unit in "writer0", "writer1":
        for before, after in zip(boots, boots[1:]):
            before, after = list(filter(None, by_age(before, unit))), by_age(after, unit)
            gone = [file for file in before if file not in after]
            assert gone == before[:len(gone)], (before, after)
            assert not gone or len(after) >= OLD, (before, after)
        assert len(by_age(boots[-1], unit)) > 1


def test_boots_are_counted(boots):
    numbers = [int(re.search(r'"boot": (\d+)', boot["boot"])[1]) for boot in boots]
    assert numbers == list(range(1, len(boots) + 1))


def test_addresses_stay(boots):
    addresses = {boot["fixed"].strip() for boot in boots}
    assert len(addresses) == 1 and "" not in addresses


def test_stamps_are_whole_or_not_there(boots):
    for boot in boots:
        assert re.fullmatch(r"\d{16}\n+|cat: can't open .*No such file or directory\n+", boot["stamp"])


def test_nothing_that_was_kept_is_complained_about(boots):
    for boot in boots:
        assert "not a record of boots" not in boot["words"]
