"""Each system call that the supervisor and init make fails once: init lives on, the supervisor answers again, nothing is
left behind and the same works a moment later. Here one of each second kind, others each day (SUP_TURN=N: as on another,
SUP_TURN=all: all kinds); all of them: make inject."""

import errno
import os
import shutil
import signal
import subprocess

import initbox
from initbox import eventually
from injection import PATIENCE, TURN, Campaign, Faulty, injector


def test_supervisor_at_work(tmp_path):
    """Starts, crashes, a reload, a timer, a visitor, a mount: whatever the call, the cycle after it succeeds."""
    campaign = Campaign(tmp_path, Faulty)
    box = campaign.fresh()
    with injector(box.supervisor_pid(), words=["-l"]) as inject:
        assert box.cycle() == {}
        calls = inject.end()[1]

    def act(box, words):
        with injector(box.supervisor_pid(), **words) as inject:
            box.cycle()
            inject.end()

    found = campaign.run(calls, act)
    assert found == [], "\n\n".join(found)


def test_answers_of_the_kernel_are_lost(tmp_path):
    """What was asked for may be done although the answer says ENOBUFS: a network that failed so leaves no bridge, and one
    that cannot be released at once is."""
    campaign = Campaign(tmp_path, Faulty)
    box = campaign.fresh()
    number = next(n for n, name in campaign.names.items() if name == "recvfrom")
    links = box.held()["links"]

    def up_and_down():
        return [box.ask("Start", unit="lan.network"), box.ask("Stop", unit="lan.network")]

    with injector(box.supervisor_pid(), words=["-l"]) as inject:
        assert up_and_down() == ["", ""]
        calls = inject.end()[1].count(number)
    assert calls > 10
    failed = 0
    for at in range(1, calls + 1):
        with injector(box.supervisor_pid(), only=number, at=at, no=errno.ENOBUFS) as inject:
            failed += up_and_down() != ["", ""]
            inject.end()
        assert box.held()["links"] == links, f"recvfrom {at}: {box.said()[-500:]}"
        assert up_and_down() == ["", ""], f"after recvfrom {at}"
    campaign.end()
    assert failed > 2


STANDING = "sleeper", "ready", "web"


def pids(box):
    return {name: box.data_of(name).get("pid") for name in STANDING}


def test_supervisor_begins(tmp_path):
    """It is killed while services, a container, a socket and a mount stand, and the next one cannot do one of the things that
    it begins with: nothing is started again unless that is said of it."""
    campaign = Campaign(tmp_path, Faulty)
    box = campaign.fresh()

    def begin(box, **words):
        words["words"] = ["-c", "-e", "1", *words.get("words", [])]
        for name in "ready", "web", "door.socket", "mnt.mount":
            assert box.ask("Start", unit=name) == ""
        before, running, said = box.supervisor_pid(), pids(box), len(box.said())
        with injector(box.init_pid(), **words) as inject:
            box.kill_supervisor()
            eventually(lambda: box.supervisor_pid() not in (None, before) and box.answers(),
                       "the next supervisor answers", PATIENCE)
            calls = inject.end()[1]
        for name, pid in running.items():
            eventually(lambda n=name, p=pid: box.data_of(n).get("pid") == p or f"{n}." in box.said()[said:],
                       f"{name} goes on, or why not is said", PATIENCE)
        return calls

    found = campaign.run(begin(box, words=["-l"]), lambda box, words: begin(box, **words))
    assert found == [], "\n\n".join(found)


def test_init_at_work(tmp_path):
    """Services end, orphans are left, a supervisor dies and another is started: init goes on."""
    campaign = Campaign(tmp_path, Faulty)
    box = campaign.fresh()

    def work(box, **words):
        with injector(box.init_pid(), **words) as inject:
            box.cycle()
            before = box.supervisor_pid()
            box.kill_supervisor()
            eventually(lambda: box.supervisor_pid() not in (None, before) and box.answers(),
                       "the next supervisor answers", PATIENCE)
            return inject.end()[1]

    found = campaign.run(work(box, words=["-l"]), lambda box, words: work(box, **words))
    assert found == [], "\n\n".join(found)


def test_init_starts_the_supervisor(tmp_path):
    """In its child, between clone and exec: one that cannot be made ready is made again."""
    campaign = Campaign(tmp_path, Faulty)
    box = campaign.fresh()

    def start(box, **words):
        words["words"] = ["-c", "-x", *words.get("words", [])]
        before = box.supervisor_pid()
        with injector(box.init_pid(), **words) as inject:
            box.kill_supervisor()
            eventually(lambda: box.supervisor_pid() not in (None, before) and box.answers(),
                       "the next supervisor answers", PATIENCE)
            return inject.end()[1]

    found = campaign.run(start(box, words=["-l"]), lambda box, words: start(box, **words))
    assert found == [], "\n\n".join(found)


class Watched(Faulty):
    """Whose init is looked at from its first instruction until a supervisor answers."""

    def __init__(self, folder, **words):
        super().__init__(folder)
        self.words = words
        self.calls = None

    def enter(self):
        words = {**self.words, "words": ["-e", "2", *self.words.get("words", [])]}  # the shell is first, init second
        with injector(self.init_pid(), **words) as inject:
            super().enter()
            eventually(self.answers, "a supervisor answers at boot", PATIENCE)
            self.calls = inject.end()[1]


def test_init_boots(tmp_path):
    """Mounts, limits, the first start of the supervisor: what cannot be done is said, or done without. What then fails of
    the cycle says why; it was only tried once."""
    campaign = Campaign(tmp_path, Faulty)
    with Watched(tmp_path / "all", words=["-l"]) as box:
        calls = box.calls
    for number, at in campaign.chosen(calls):
        what, words = campaign.fault(number, at)
        box = Watched(tmp_path / f"{number}-{at}", **words)
        try:
            with box:
                box.cycle()
        except AssertionError as e:
            campaign.found.append(f"{what}: {e}\n{box.said()[-1500:]}")
    assert campaign.found == [], "\n\n".join(campaign.found)


def test_init_ends(tmp_path):
    """SIGTERM to PID 1: the units are stopped, all others are ended, and so is the box, whatever fails of it."""
    campaign = Campaign(tmp_path, Faulty)

    def end(folder, **words):
        with Faulty(folder) as box:
            box.calm("no fault")
            with injector(box.init_pid(), **words) as inject:
                os.kill(box.init_pid(), signal.SIGTERM)
                try:
                    box.outer.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    raise AssertionError(f"it does not end; {box.said()[-1500:]}") from None
                return inject.end()[1]

    for number, at in campaign.chosen(end(tmp_path / "all", words=["-l"])):
        what, words = campaign.fault(number, at)
        try:
            end(tmp_path / f"{number}-{at}", **words)
        except AssertionError as e:
            campaign.found.append(f"{what}: {e}")
    assert campaign.found == [], "\n\n".join(campaign.found)


class Forgetful(Faulty):
    """With a supervisor that cannot have memory once: see tests/faulty/malloc.c."""

    def __init__(self, folder):
        super().__init__(folder)
        shutil.copy(initbox.BUILD / "tests/faulty/supervisor", self.root / "usr/lib/sup/supervisor")

    def life_that_fails_at(self, number):
        """A supervisor for which the call of this number fails, and what is done with it."""
        for at, act in (number, self.cycle), (0, dict):
            (self.root / "malloc").write_text(str(at))
            before = self.supervisor_pid()
            self.kill_supervisor()
            eventually(lambda b=before: self.supervisor_pid() not in (None, b) and self.answers(), "the next supervisor answers",
                       PATIENCE)
            act()


# It begins with 30 to 40 of them; a cycle has about 2,000.
SOME = [*range(1, 40, 6), *range(40, 2000, 260)]


def test_memory_cannot_be_had(tmp_path):
    """malloc(3) and its kind fail at the n-th call, once in each life."""
    campaign = Campaign(tmp_path, Forgetful)
    for number in range(1, 2000) if campaign.every else [n + TURN % 4 for n in SOME]:
        box = campaign.box or campaign.fresh()
        campaign.attempt(box, f"memory {number}", lambda b=box, n=number: b.life_that_fails_at(n))
    campaign.end()
    assert campaign.found == [], "\n\n".join(campaign.found)
