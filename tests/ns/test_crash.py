"""The supervisor is killed again and again, at random moments, and then PID 1 made to fault as well; and no service
notices: none restarts for it, none runs twice, each line is in the log once, each exit is accounted for, and nothing is
left over.

SUP_CRASH_KILLS=N: so many times, instead of 100, and two fifths of that for both. SUP_CRASH_SEED=N: at other moments."""

import os
from collections import Counter

import pytest

from crashbox import CrashBox, counting, figures
from initbox import eventually

KILLS = int(os.environ.get("SUP_CRASH_KILLS", "100"))
SEED = int(os.environ.get("SUP_CRASH_SEED", "1"))

FAST = {f"fast{i}": counting(f"fast{i}", 3, 300, 3000) for i in range(4)}
MIXED = {f"mixed{i}": counting(f"mixed{i}", 20, 100, 4000) for i in range(8)}
LASTING = {f"lasting{i}": counting(f"lasting{i}", 20, 0, 0) for i in range(8)}
COUNTERS = {**FAST, **MIXED, **LASTING}
UNITS = {
    **{f"{name}.service": text for name, text in COUNTERS.items()},
    "ask.socket": "[Socket]\nListenStream=127.0.0.1:8080\n[Install]\nWantedBy=sockets.target\n",
    "ask.service": "[Service]\nLimitNOFILE=1024\nExecStart=/bin/listener serve\n",
    "tick.timer": "[Timer]\nOnActiveSec=100ms\nOnUnitInactiveSec=300ms\nAccuracySec=1ms\n"
                  "[Install]\nWantedBy=timers.target\n",
    "tick.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nLimitNOFILE=1024\nType=oneshot\n"
                    "ExecStart=/bin/counter /var/count tick 2 5 50 1 well\n",
}


class Box(CrashBox):
    def stop_timer(self):
        assert self.supctl("stop", "tick.timer")[0] == 0
        eventually(lambda: self.unit("tick.service")["state"] == "inactive", "tick has ended")


@pytest.fixture(scope="module", params=["supervisor", "both"])
def run(tmp_path_factory, request):
    """All that is judged below, of one run."""
    found = {"times": KILLS if request.param == "supervisor" else KILLS * 2 // 5}
    with Box(tmp_path_factory.mktemp("crash"), UNITS) as box:
        units = [f"{name}.service" for name in COUNTERS]
        box.all_run(units)
        assert box.tool("/bin/listener", "ask", "8080", "1", "1")[0] == 0
        found["pids"] = {n: s["pid"] for n, s in box.states().items() if n.startswith("lasting")}
        box.kill_many(1, SEED)  # what a recovery opens once, a socket for nf_tables, is there from here on
        box.stop_timer()
        before = box.inventory_at_rest()
        box.calm(False)
        assert box.supctl("start", "tick.timer")[0] == 0
        found["killer"] = box.kill_many(found["times"], SEED, whom=request.param)
        box.calm(True)
        box.all_run(units)
        found["pids after"] = {n: s["pid"] for n, s in box.states().items() if n.startswith("lasting")}
        found["asked"] = box.tool("/bin/listener", "ask", "8080", "20", "4")
        box.stop_timer()
        found["left"] = box.inventory_is(before)
        found["restarts"] = {n: (box.states()[f"{n}.service"]["restarts"], *box.lives(n)) for n in COUNTERS}
        assert box.supctl("stop", *units)[0] == 0
        found["tallies"] = {n: box.tally(n, f"{n}.service") for n in COUNTERS}
        found["tallies"]["tick"] = box.tally("tick", "tick.service", "--once")
    figs = sum((Counter(figures(t[1])) for t in found["tallies"].values()), Counter())
    print(f"\n{found['killer'][1].strip()}\n" + " ".join(f"{k} {v}" for k, v in figs.items()))
    return found


def test_supervisor_was_killed_and_always_came_back(run):
    assert run["killer"][0] == 0, run["killer"][1]
    assert figures(run["killer"][1])["kills"] == run["times"]


def test_no_service_restarts_for_it(run):
    assert run["pids after"] == run["pids"]


def test_every_restart_is_one_of_a_service_that_ended(run):
    """restarts counted by the supervisor == ends noted by the service == its starts but the first."""
    assert {n: r for n, r in run["restarts"].items() if not r[0] == r[1] - 1 == r[2]} == {}


@pytest.mark.parametrize("unit", [*COUNTERS, "tick"])
def test_lines_and_exits_are_all_there_once(run, unit):
    assert run["tallies"][unit][0] == 0, run["tallies"][unit][1]


def test_nothing_is_left_over(run):
    assert not run["left"], "\n".join(run["left"])


def test_socket_is_served(run):
    assert run["asked"][1].strip() == "20 of 20 answered"
