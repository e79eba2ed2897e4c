"""LogRateLimitBurst=: what a service says beyond it is read and dropped, the service is not held up, and one line says how much it
was, whatever happens to the supervisor."""

import re

import pytest

from initbox import eventually
from pivotbox import PivotBox

LOST = re.compile(r"(\d+) records lost since \S+: LogRateLimitBurst= allows no more")
ALL = 3000


def talker(limit, then="exec /bin/busybox sleep 1000", extra=""):
    return ("[Service]\nLimitNOFILE=1024\nRestart=no\n" + limit +
            f"ExecStart=/bin/busybox sh -c '/bin/busybox seq 1 {ALL}; echo end >/srv/%p; {then}'\n" + extra)


UNITS = {
    "long.service": talker("LogRateLimitIntervalSec=1h\nLogRateLimitBurst=5\n"),
    "short.service": talker("LogRateLimitIntervalSec=300ms\nLogRateLimitBurst=50\n",
                            "while test ! -e /srv/go; do /bin/busybox sleep 0.05; done; echo later; exec /bin/busybox sleep 1000"),
    "ends.service": talker("LogRateLimitIntervalSec=1h\nLogRateLimitBurst=7\n", "exit 0"),
    "dies.service": talker("LogRateLimitIntervalSec=1h\nLogRateLimitBurst=100\n"),
    "free.service": talker(""),
    "off.service": talker("LogRateLimitIntervalSec=0\nLogRateLimitBurst=1\n"),
    "journald.service": talker("LogRateLimitIntervalSec=5s\n"),
    "web.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nExec=/bin/busybox sh -c '/bin/busybox seq 1 3000; "
                     "exec /bin/busybox sleep 1000'\n[Service]\nLogRateLimitBurst=3\nLogRateLimitIntervalSec=1h\n",
}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with PivotBox(tmp_path_factory.mktemp("loglimit"), UNITS) as b:
        b.ready()
        yield b


def start(box, name):
    assert box.supctl("start", name)[0] == 0
    eventually((box.root / "srv" / name).exists, f"{name} has said all; {box.unit(name)}")


def said(box, unit):
    """What is kept of its own words, and how many were told to be lost, a number for each such line."""
    text = (box.root / f"var/log/sup/{unit}.log").read_text()
    lines = [line.split(" ", 2)[1:] for line in text.splitlines()]
    return [t for stream, t in lines if stream == "out"], [int(m[1]) for s, t in lines if s == "sup" and (m := LOST.fullmatch(t))]


def numbers(n):
    return [str(i) for i in range(1, n + 1)]


def test_what_comes_beyond_the_burst_is_dropped_and_told_at_the_end(box):
    start(box, "long")
    eventually(lambda: said(box, "long.service") == (numbers(5), []), "the first of it is kept")
    assert box.supctl("stop", "long")[0] == 0
    assert said(box, "long.service") == (numbers(5), [ALL - 5])


def test_it_is_told_at_the_end_of_the_interval_and_the_next_one_begins(box):
    start(box, "short")
    eventually(lambda: sum(said(box, "short.service")[1]) + len(said(box, "short.service")[0]) == ALL,
               "all that was dropped is told")
    kept, lost = said(box, "short.service")
    assert kept[:50] == numbers(50) and len(lost) <= len(kept) // 50
    (box.root / "srv/go").touch()
    eventually(lambda: said(box, "short.service")[0][-1] == "later", "it is heard again")


def test_it_is_told_of_a_service_that_has_ended(box):
    start(box, "ends")
    eventually(lambda: box.unit("ends")["state"] == "inactive", "it has ended")
    eventually(lambda: said(box, "ends.service") == (numbers(7), [ALL - 7]), "its loss is told")


def test_nothing_is_forgotten_when_the_supervisor_dies(box):
    """The next one tells what was dropped before, and begins with an interval of its own."""
    assert box.supctl("start", "dies")[0] == 0
    for _ in range(3):
        before = box.supervisor_pid()
        box.kill_supervisor()
        eventually(lambda b=before: box.supervisor_pid() not in (None, b) and box.supctl("list")[0] == 0,
                   f"the next one; {box.said()[-600:]}")
    eventually((box.root / "srv/dies").exists, f"it has said all; {box.unit('dies')}, {box.said()[-600:]}")
    assert box.supctl("stop", "dies")[0] == 0
    kept, lost = said(box, "dies.service")
    assert 100 <= len(kept) <= 400 and len(kept) + sum(lost) == ALL
    assert kept == sorted(set(kept), key=int)


def test_no_limit_is_the_default_and_zero_is_none(box):
    for name in "free", "off":
        start(box, name)
        eventually(lambda n=name: said(box, f"{n}.service") == (numbers(ALL), []), "all is kept")


def test_container(box):
    assert box.supctl("start", "web")[0] == 0
    eventually(lambda: len(said(box, "web.container")[0]) == 3, "it has said as much as it may")
    assert box.supctl("stop", "web")[0] == 0
    kept, lost = said(box, "web.container")
    assert kept == numbers(3) and len(kept) + sum(lost) <= ALL and len(lost) <= 1


@pytest.mark.parametrize("name, shown", [("long", "5 lines in 1h"), ("journald", "10000 lines in 5s"), ("off", None), ("free", None)])
def test_plan(box, name, shown):
    found = re.search(r"^log-limit +(.*)$", box.supctl("plan", name)[1], re.M)
    assert (found and found[1]) == shown
