"""The logs module alone, as the supervisor has it, with a parent that holds pipes and spool: it is killed, its disk fails,
services flood it."""

import errno
import os
import platform
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from initbox import BUILD, DEADLINE, eventually
from test_supervisor import Appliance

LOGCTL = BUILD / "tests/ns/helpers/logctl"
RECORD = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (out|err|sup)(\+?) (.*)", re.DOTALL)
LINE_MAX = 4096
FILE_MAX = 256 * 1024
PLACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]


def line(i):
    """As make_line() of logctl.c."""
    more = 4000 + i * 37 % 9000 if i % 50 == 49 else i * 7919 % 80
    return b"%d " % i + bytes([ord("a") + i % 26]) * more


def files(folder):
    """Of the unit, oldest first."""
    names = [folder / f"test.service.log{n}" for n in (".3", ".2", ".1", "")]
    return [n for n in names if n.exists()]


def whole(name):
    """What is in the file; who reads it while it is written may see half of a write(2), and then all of it."""
    def look():
        data = name.read_bytes()
        return (data == b"" or data.endswith(b"\n")) and [data]
    return eventually(look, f"{name} is not torn at its end")[0]


def records(folder):
    """(stream, goes on, text) of all records; each must be whole."""
    found = []
    for name in files(folder):
        data = whole(name)
        assert len(data) <= FILE_MAX
        for text in data.split(b"\n")[:-1]:
            match = RECORD.fullmatch(text)
            assert match, f"{name}: {text[:100]} is no record"
            assert len(match[3]) <= LINE_MAX
            found.append((match[1].decode(), match[2] == b"+", match[3]))
    return found


def lines(folder, stream):
    """What the service wrote, put together again."""
    found, part = [], b""
    for name, goes_on, text in records(folder):
        if name == stream:
            part += text
            if not goes_on:
                found.append(part)
                part = b""
    assert part == b""
    return found


def same(have, want):
    """Like ==, but tells the first difference, not two megabytes."""
    for i, (a, b) in enumerate(zip(have, want)):
        assert a == b, f"line {i} is {a[:60]}, not {b[:60]}"
    assert len(have) == len(want)


def logctl(folder, *args):
    """Runs it to its end with /var/log there."""
    (folder / "run").mkdir(parents=True, exist_ok=True)
    done = subprocess.run([*PLACE, 'mount --bind "$0" /var/log && mount --bind "$0/run" /run && exec "$@"', folder, LOGCTL, *map(str, args)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10 * DEADLINE)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


# ---- killed ----

KILLS = 100  # in a round: what is written meanwhile must fit into the files of one log
ROUNDS = int(os.environ.get("SUP_LOG_ROUNDS", 3))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_at_random_no_line_is_lost_doubled_or_torn(tmp_path, seed):
    counts = logctl(tmp_path, "crash", KILLS, seed)
    for stream, count in zip(("out", "err"), counts):
        assert count > KILLS
        same(lines(tmp_path / "sup", stream), [line(i) for i in range(count)])
    assert sum(text == b"begin" for _, _, text in records(tmp_path / "sup")) <= KILLS + 2


def fill(folder, room):
    """Four files of the unit, the newest with so much room that the input of a step makes it rotate."""
    (folder / "sup").mkdir(parents=True)
    for i, name in enumerate((".3", ".2", ".1", "")):
        data = b"2026-11-22T00:00:00.000000Z sup file %d\n" % i
        if name == "":
            line_of = b"2026-11-22T00:00:00.000000Z sup " + b"x" * 4000 + b"\n"
            data += line_of * ((FILE_MAX - room - len(data)) // len(line_of))
        (folder / f"sup/test.service.log{name}").write_bytes(data)


STEP_LINES = [line(i) for i in range(45, 150)] + [b"unfinished"]


def step(folder, *args):
    """How many supervisors were killed, before the one that finished."""
    fill(folder, 6000)
    killed = logctl(folder, *args)[0]
    volatile = folder / "run/log/sup"
    if volatile.exists():  # at the very first start the folder could not be opened
        for stream in "out", "err":
            same(lines(volatile, stream), STEP_LINES)
        shutil.rmtree(folder)
        return killed
    for stream in "out", "err":
        same(lines(folder / "sup", stream), STEP_LINES)
    words = [text for name, _, text in records(folder / "sup") if name == "sup"]
    # the oldest file went, by the one rotation there was; none of the others
    assert [w for w in words if w.startswith(b"file")] == [b"file 1", b"file 2", b"file 3"]
    shutil.rmtree(folder)
    return killed


def test_killed_before_and_after_every_system_call(tmp_path):
    stop = 0
    while step(tmp_path / str(stop), "step", stop, -1) == 1:
        stop += 1
    assert stop > 100  # two stops a system call


def test_killed_again_in_the_course_of_recovery(tmp_path):
    for stop in range(20, 1000, 23):
        stop2 = 3
        while (killed := step(tmp_path / f"{stop}-{stop2}", "step", stop, stop2)) == 2:
            stop2 += 41
        if killed == 0:
            break


TAMPER = pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the registers of one machine")


@TAMPER
def test_killed_in_the_middle_of_every_write_and_splice(tmp_path):
    call = 0
    while step(tmp_path / str(call), "half", call) == 1:
        call += 1
    assert call > 15


@TAMPER
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOMEM])
def test_each_system_call_fails_once_and_nothing_is_lost(tmp_path, error):
    call = 0
    while step(tmp_path / str(call), "fault", call, error) == 1:
        call += 1
    assert call > 50


@pytest.mark.parametrize("tail", [b"2026-11-22T00:00:00.000000Z out half a rec", b"\0" * 5000, b"half\0\0"])
def test_what_a_power_cut_tore_at_the_end_of_a_file_is_cut_off_and_no_more(tmp_path, tail):
    (tmp_path / "sup").mkdir()
    whole = b"2026-11-22T00:00:00.000000Z sup whole \0 record\n"
    (tmp_path / "sup/test.service.log").write_bytes(whole + tail)
    counts = logctl(tmp_path, "crash", 1, 1)
    assert records(tmp_path / "sup")[0] == ("sup", False, b"whole \0 record")
    same(lines(tmp_path / "sup", "out"), [line(i) for i in range(counts[0])])


# ---- the disk fails ----

PIPE = 65536
GAP = re.compile(rb"(\d+) records lost since (\S+Z): the log could not be written: (.*)")


class Serve:
    """The logs of one service, whose stdout is ours, on a disk of 2 MiB."""

    def __init__(self, place='mount -t tmpfs -o size=2M tmpfs /var/log'):
        self.place = place

    def __enter__(self):
        self.sent = 0
        self.logs = subprocess.Popen([*PLACE, f'{self.place} && exec "$0" serve', LOGCTL], stdin=subprocess.PIPE, bufsize=0)
        self.root = Path(f"/proc/{self.logs.pid}/root")
        self.folder = self.root / "var/log/sup"
        eventually(self.folder.exists, "a folder of logs")
        return self

    def __exit__(self, *exc):
        self.logs.kill()
        self.logs.wait(DEADLINE)

    def send(self, count):
        for i in range(self.sent, self.sent + count):
            self.logs.stdin.write(line(i) + b"\n")
        self.sent += count

    def fill(self):
        with open(self.root / "var/log/filler", "wb", 0) as f:
            for size in 4096, 1:
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass

    def clear(self):
        (self.root / "var/log/filler").unlink()

    def wait_for(self, text):
        return eventually(lambda: any(text in found for _, _, found in records(self.folder)), text)

    def read_only(self):
        # a file that is open for writing keeps the disk from becoming read-only by order; a failing disk asks nobody
        self.logs.send_signal(signal.SIGUSR1)
        eventually(lambda: subprocess.run(self.mount_command("-o", "remount,ro", "/var/log"), stderr=subprocess.DEVNULL)
                   .returncode == 0, "a disk that is read-only")

    def mount_command(self, *args):
        return ["nsenter", "-t", str(self.logs.pid), "-U", "-m", "mount", *args]

    def rss(self):
        return int(re.search(r"VmRSS:\s+(\d+)", (Path("/proc") / str(self.logs.pid) / "status").read_text())[1])


def gaps(folder):
    return [GAP.fullmatch(text) for name, _, text in records(folder) if name == "sup" and b"lost" in text]


def test_what_fits_into_the_pipe_while_the_disk_is_full_is_not_lost():
    with Serve() as s:
        s.send(20)
        s.wait_for(line(19))
        s.fill()
        s.send(100)
        time.sleep(1)  # an outage has a length
        s.clear()
        s.send(1)
        s.wait_for(line(s.sent - 1))
        same(lines(s.folder, "out"), [line(i) for i in range(s.sent)])
        assert gaps(s.folder) == []


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_long_outage_blocks_nobody_and_its_loss_is_counted_exactly(fault):
    with Serve() as s:
        s.send(20)
        s.wait_for(line(19))
        if fault == "full":
            s.fill()
        else:
            s.read_only()
        before = s.rss()
        s.send(4000)  # far more than a pipe: it would block for ever
        assert s.rss() - before < 100
        if fault == "full":
            s.clear()
        else:
            subprocess.run(s.mount_command("-o", "remount,rw", "/var/log"), check=True)
        eventually(lambda: gaps(s.folder), "a record of the gap")
        s.send(5)
        s.wait_for(line(s.sent - 1))
        (gap,) = gaps(s.folder)
        numbers = [int(text.split()[0]) for text in lines(s.folder, "out")]
        missing = sorted(set(range(s.sent)) - set(numbers))
        # a line of more than 4096 bytes is several records
        lost = sum(1 + len(line(i) + b"-") // (LINE_MAX + 1) if len(line(i)) > LINE_MAX else 1 for i in missing)
        assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
        assert missing == list(range(missing[0], missing[-1] + 1)), "one gap"
        assert int(gap[1]) == lost
        assert gap[3] == {"full": b"No space left on device", "read-only": b"Read-only file system"}[fault]


def test_a_log_that_cannot_be_opened_is_said_and_goes_on_when_it_can(tmp_path):
    with Appliance(tmp_path) as box:
        box.ready()
        obstacle = box.root / "var/log/sup/talker.service.log"
        obstacle.mkdir()
        box.supctl("start", "talker.service")
        said = b"sup: the log of talker.service cannot be written: Is a directory"
        eventually(lambda: said in box.console.read_bytes(), "a word on the console")
        obstacle.rmdir()
        eventually(lambda: "last words" in box.supctl("logs", "talker.service")[1], "the lines that waited")


# ---- services that flood ----

def test_lines_of_a_megabyte_and_binary_output_are_split_and_stay_lines():
    with Serve() as s:
        for data in b"x" * 300_000 + b"\n", b"\0" * 10_000 + b"\n", b"\x1b[31mred\r\n", b"\n\n", b"end\n":
            s.logs.stdin.write(data)
        s.wait_for(b"end")
        same(lines(s.folder, "out"), [b"x" * 300_000, b"\0" * 10_000, b"\x1b[31mred\r", b"", b"", b"end"])


class Floods(Appliance):
    def __init__(self, folder):
        super().__init__(folder)
        flood = "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox {}\n[Install]\nWantedBy=multi-user.target\n"
        commands = {"yes": "yes", "binary": "sh -c 'while :; do cat /bin/busybox; done'", "lines": f"yes {'x' * 100}"}
        for name, command in commands.items():
            (self.units / f"{name}.service").write_text(flood.format(command))
        (self.units / "counter.service").write_text(
            "[Unit]\nStartLimitBurst=0\n[Service]\nLimitNOFILE=1024\nType=oneshot\n"
            "ExecStart=/bin/busybox sh -c 'i=0; while [ $$i -lt 500 ]; do echo $$i; i=$$((i+1)); done'\n")


def test_services_that_flood_their_logs_do_not_keep_the_supervisor_from_others(tmp_path):
    with Floods(tmp_path) as box:
        box.ready()
        for name in "yes", "binary", "lines":
            rotated = box.root / f"var/log/sup/{name}.service.log.1"
            eventually(rotated.exists, f"a flood of {name}")
        for _ in range(15):
            assert box.supctl("status")[0] == 0
            assert box.supctl("start", "counter.service")[0] == 0
        out = box.supctl("logs", "-n", "10000", "counter.service")[1]
        said = [text.split(" out ")[1] for text in out.splitlines() if " out " in text]
        assert said == [str(i) for i in range(500)] * 15
