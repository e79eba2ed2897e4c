"""Each system call that the supervisor and init make fails once: init lives on, the supervisor answers again, nothing is
left behind and the same works a moment later. Here the first and the last of each kind; all of them: make inject."""

from initbox import eventually
from injection import PATIENCE, Campaign, Faulty, injector


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


def test_supervisor_begins(tmp_path):
    """It is killed, and the next one cannot do one of the things that it begins with."""
    campaign = Campaign(tmp_path, Faulty)
    box = campaign.fresh()

    def begin(box, **words):
        words["words"] = ["-c", "-e", "1", *words.get("words", [])]
        before = box.supervisor_pid()
        with injector(box.init_pid(), **words) as inject:
            box.kill_supervisor()
            eventually(lambda: box.supervisor_pid() not in (None, before) and box.answers(),
                       "the next supervisor answers", PATIENCE)
            return inject.end()[1]

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
