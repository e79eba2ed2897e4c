"""The logs module alone, as the supervisor has it, with a parent that holds pipes and spool: it is killed, its disk fails,
services flood it."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from initbox import BUILD, DEADLINE, eventually

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


def records(folder):
    """(stream, goes on, text) of all records; each must be whole."""
    found = []
    for name in files(folder):
        data = name.read_bytes()
        assert data == b"" or data.endswith(b"\n"), f"{name}: torn at its end"
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
    (folder / "sup").mkdir(parents=True, exist_ok=True)
    done = subprocess.run([*PLACE, 'mount --bind "$0" /var/log && exec "$@"', folder, LOGCTL, *map(str, args)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10 * DEADLINE)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


# ---- killed ----

KILLS = int(os.environ.get("SUP_LOG_KILLS", 300))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_random_no_line_is_lost_doubled_or_torn(tmp_path, seed):
    counts = logctl(tmp_path, "crash", KILLS // 3, seed)
    for stream, count in zip(("out", "err"), counts):
        assert count > KILLS // 3
        same(lines(tmp_path / "sup", stream), [line(i) for i in range(count)])
    assert sum(text == b"begin" for _, _, text in records(tmp_path / "sup")) <= KILLS // 3 + 2


def fill(folder, room):
    """Four files of the unit, the newest with so much room that the input of a step makes it rotate."""
    (folder / "sup").mkdir(parents=True)
    for i, name in enumerate((".3", ".2", ".1", "")):
        head = b"2026-11-22T00:00:00.000000Z sup file %d\n" % i
        fill_line = b"2026-11-22T00:00:00.000000Z sup " + b"x" * 1000 + b"\n"
        data = head + fill_line * ((FILE_MAX - room - len(head)) // len(fill_line))
        (folder / f"sup/test.service.log{name}").write_bytes(data)


STEP_LINES = [line(i) for i in range(45, 52)] + [b"unfinished"]


def step(folder, stop, stop2):
    """False: the logs were done before there was anything to kill."""
    fill(folder, 6000)
    killed = logctl(folder, "step", stop, stop2)[0]
    for stream in "out", "err":
        same(lines(folder / "sup", stream), STEP_LINES)
    words = [text for name, _, text in records(folder / "sup") if name == "sup"]
    # the oldest file went, by the one rotation there was; none of the others
    assert [w for w in words if w.startswith(b"file")] == [b"file 1", b"file 2", b"file 3"]
    return killed == (2 if stop2 >= 0 else 1)


def test_killed_before_and_after_every_system_call(tmp_path):
    stop = 0
    while step(tmp_path / str(stop), stop, -1):
        stop += 1
    assert stop > 100  # two stops a system call


def test_killed_again_in_the_course_of_recovery(tmp_path):
    for stop in range(20, 400, 17):
        stop2 = 3
        while step(tmp_path / f"{stop}-{stop2}", stop, stop2):
            stop2 += 31
        if stop2 == 3:
            break
