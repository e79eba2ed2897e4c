"""The supervisor, then also PID 1, is killed again and again under twenty containers with a network, a volume, health
checks, a socket, a timer and a published port; and none of them notices.

SUP_CRASH_KILLS=N: so many times, instead of 25. SUP_CRASH_SEED=N: at other moments."""

import json
import os
import re
from collections import Counter

import pytest
from conftest import BOOT_SECONDS

KILLS = int(os.environ.get("SUP_CRASH_KILLS", "25"))
FAULTS = min(KILLS, 200)  # of both, half of them of PID 1
SEED = int(os.environ.get("SUP_CRASH_SEED", "1"))

COUNTER = """
[Unit]
StartLimitIntervalSec=0
[Container]
Image=counter
Network=lan.network
Volume=count.volume:/count
Exec=/count {name} {every} {least} {most} 1 any
{health}
[Service]
Restart=always
RestartSec=50ms
RestartStableSec=1d
[Install]
WantedBy=multi-user.target
"""
HEALTH = 'HealthCmd=["CMD", "/counter"]\nHealthInterval=2s\nHealthTimeout=30s'


def counting(name, every, least, most, health=""):
    return COUNTER.format(name=name, every=every, least=least, most=most, health=health)


COUNTERS = {
    **{f"fast{i}": counting(f"fast{i}", 10, 1000, 8000) for i in range(2)},
    **{f"mixed{i}": counting(f"mixed{i}", 100, 500, 15000) for i in range(8)},
    **{f"lasting{i}": counting(f"lasting{i}", 100, 0, 0, HEALTH if i < 2 else "") for i in range(10)},
}
UNITS = {
    **{f"{name}.container": text for name, text in COUNTERS.items()},
    "lan.network": "[Network]\nSubnet=10.40.0.0/24\n",
    "count.volume": "[Volume]\n",
    "web.container": "[Container]\nImage=netpeer\nNetwork=lan.network\nExec=serve web tcp:80\n"
                     "PublishPort=8080:80\n[Install]\nWantedBy=multi-user.target\n",
    "ask.container": "[Unit]\nStartLimitIntervalSec=0\n[Container]\nImage=listener\nNetwork=none\nExec=serve\n",
    "ask.socket": "[Socket]\nListenStream=127.0.0.1:9090\nTriggerLimitIntervalSec=0\n"
                  "[Install]\nWantedBy=sockets.target\n",
    "tick.timer": "[Timer]\nOnActiveSec=1s\nOnUnitInactiveSec=1s\nAccuracySec=1ms\n"
                  "[Install]\nWantedBy=timers.target\n",
    "tick.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\n"
                    "ExecStart=/usr/bin/counter /run/tick tick 5 20 200 1 well\n",
}

SCRIPT = r"""
count=/var/lib/sup/volumes/count kept=/var/kept
counters='COUNTERS'
mkdir -p $count $kept /run/tick
touch $count/calm
up() { supctl status | grep -cE '^(fast|mixed|lasting)[0-9]+[.]container +running'; }
all_run() { await 180 '[ $(up) = 20 ]'; }
# What comes and goes by itself does not: no tick; a health check is not there three times in a row.
quiet() {
	supctl stop tick.timer && await 30 'is tick.service inactive'
	same=0
	inventory >/run/last
	until [ $same -ge 3 ]; do
		sleep 0.3
		inventory >/run/now
		if cmp -s /run/now /run/last; then same=$((same + 1)); else same=0; fi
		mv /run/now /run/last
	done
	mv /run/last "$1"
}
left() {
	n=0
	quiet /run/after
	until [ $n -gt 10 ] || cmp -s "$1" /run/after; do
		n=$((n + 1))
		sleep 1
		quiet /run/after
	done
	diff "$1" /run/after | grep '^[+-][a-z]'
}
pids() { for unit in lasting0 lasting5 lasting9 web ask.container; do echo $unit $(main $unit); done; }
round() {
	rm $count/calm
	supctl start tick.timer
	killer "$2" 500 "$3" "$1" /var/log/sup $kept
	code=$?
	touch $count/calm
	return $code
}

all_run
await 60 'is web.container running'
listener ask 9090 1 1
check pids-before pids
quiet /run/before
for whom in supervisor both; do
	times=KILLS
	[ $whom = both ] && times=FAULTS
	check kill-$whom "round $whom $times SEED"
	check run-$whom all_run
	check pids-$whom pids
	check left-$whom 'left /run/before'
	check asked-$whom 'listener ask 9090 20 4; netpeer ask tcp 127.0.0.1 8080'
	check restarts-$whom 'supctl --json status'
	check lives-$whom 'for c in $counters; do echo $c $(grep -c ^start $count/$c.lives) \
		$(grep ^end $count/$c.lives | grep -vc "stop$"); done'
done
await 60 'supctl status lasting0 | grep -q "Health: healthy" && supctl status lasting1 | grep -q "Health: healthy"'
check health 'supctl status lasting0 | grep Health; supctl status lasting1 | grep Health; grep -c unhealthy /var/log/sup/lasting[01].*'
check stop 'supctl stop $(for c in $counters; do echo $c.container; done)'
killer 0 0 0 supervisor /var/log/sup $kept >/dev/null
for c in $counters; do
	check tally-$c "tally $count/$c.lives $kept/$c.container.log.*"
done
check tally-tick "tally --once /run/tick/tick.lives $kept/tick.service.log.*"
check log 'tail -n 300 /var/log/sup/supervisor.log'
"""


@pytest.fixture(scope="module")
def boot(lab):
    more = [w for n in ("counter", "killer", "tally", "inventory", "listener", "netpeer")
            for w in lab.helper_on_host(n)]
    images = [lab.helper(n) for n in ("counter", "listener", "netpeer")]
    folder = lab.appliance("crash", UNITS, images, more=more)
    script = SCRIPT
    for word, value in (("COUNTERS", " ".join(COUNTERS)), ("KILLS", KILLS), ("FAULTS", FAULTS), ("SEED", SEED)):
        script = script.replace(word, str(value))
    boot = lab.boot(folder, script, "--timeout", str(BOOT_SECONDS * 2 + 15 * (KILLS + FAULTS)))
    kills = [boot.lines(f"kill-{whom}")[-1] for whom in ("supervisor", "both")]
    sums = sum((Counter(figures(boot.text(f"tally-{n}"))) for n in [*COUNTERS, "tick"]), Counter())
    print("\n" + "\n".join(kills) + "\n" + " ".join(f"{k} {v}" for k, v in sums.items()))
    return boot


def figures(text):
    """'a 1 b 2' of the last line, as numbers."""
    words = text.splitlines()[-1].split()
    return {k: int(v) for k, v in zip(words[::2], words[1::2])}


def test_ends_well(boot):
    boot.ended_well()


@pytest.mark.parametrize("whom, times", [("supervisor", KILLS), ("both", FAULTS)])
def test_killed_and_always_back(boot, whom, times):
    assert figures(boot.ok(f"kill-{whom}"))["kills"] == times
    boot.ok(f"run-{whom}")


@pytest.mark.parametrize("whom", ["supervisor", "both"])
def test_no_container_restarts_for_it(boot, whom):
    assert boot.text("pids-before") == boot.text(f"pids-{whom}")
    restarts = {u["name"].partition(".")[0]: u["restarts"]
                for u in json.loads(boot.text(f"restarts-{whom}"))["units"] if "restarts" in u}
    lives = {n: (int(starts), int(ends)) for n, starts, ends in
             (line.split() for line in boot.lines(f"lives-{whom}"))}
    assert lives.keys() == COUNTERS.keys()
    assert {n: (restarts[n], *of) for n, of in lives.items() if not restarts[n] == of[0] - 1 == of[1]} == {}


@pytest.mark.parametrize("whom", ["supervisor", "both"])
def test_nothing_is_left_over(boot, whom):
    assert boot.text(f"left-{whom}") == ""


@pytest.mark.parametrize("whom", ["supervisor", "both"])
def test_socket_and_published_port_are_served(boot, whom):
    assert boot.lines(f"asked-{whom}")[0] == "20 of 20 answered"
    assert re.search(r"\bweb\b", boot.text(f"asked-{whom}"))


def test_nobody_is_ill_for_it(boot):
    lines = boot.lines("health")
    assert len([line for line in lines if "Health: healthy" in line]) == 2
    assert [line for line in lines if "/var/log/" in line and not line.endswith(":0")] == []


@pytest.mark.parametrize("unit", [*COUNTERS, "tick"])
def test_lines_and_exits_are_all_there_once(boot, unit):
    boot.ok(f"tally-{unit}")
