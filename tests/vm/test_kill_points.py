"""The supervisor dies at each step of a container's life that the ns ring cannot take: networks, images, volumes; at a third
of them each day, SUP_TURN=N: as on another. With SUP_KILL_POINTS=once at all of them, and with SUP_KILL_POINTS=all at all
steps of all scenarios."""

import os

import pytest
from conftest import BOOT_SECONDS, BUILD, TOP, TURN

MODE = os.environ.get("SUP_KILL_POINTS", "turn")
TURNS = 3
SCENARIOS = "start stop restart crash change trunk exec lease ready recovery idle".split()
# Of the points, the scenario.
POINTS = dict(line.split() for line in (TOP / "tests/crash/vm-only").read_text().splitlines() if len(line.split()) == 2)
TRIED = sorted(POINTS) if MODE != "turn" or TURN is None else sorted(POINTS)[TURN % TURNS::TURNS]

CONTAINER = """
[Unit]
StartLimitIntervalSec=0
{unit}
[Container]
Image={image}
Network={network}
{more}
[Service]
Restart=always
RestartSec=20ms
RestartStableSec=1d
"""
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
COUNT = "Exec=/count {} 50 0 0 1 any\nVolume={}:/count"
NO_LIMIT = "[Unit]\nStartLimitIntervalSec=0\n"
UNITS = {
    "v.container": CONTAINER.format(unit="", image="victim", network="v.network",
                                    more=COUNT.format("v", "v.volume") + "\nPublishPort=8080:80"),
    "v.network": NO_LIMIT + "[Network]\nSubnet=10.40.0.0/24\n",
    "trunk.network": NO_LIMIT + "[Network]\nSubnet=10.42.0.0/24\nInterface=eth0\nVLAN=7\n",
    "v.volume": NO_LIMIT + "[Volume]\n",
    "other.container": CONTAINER.format(unit="", image="counter", network="other.network",
                                        more=COUNT.format("other", "/var/other")) + INSTALL,
    "other.network": "[Network]\nSubnet=10.41.0.0/24\n",
    "x@.container": CONTAINER.format(unit="", image="busybox", network="v.network", more="Exec=tail -f /dev/null"),
    "n.container": CONTAINER.format(unit="", image="busybox", network="none",
                                    more="Exec=sh -c 'echo >&7; exec tail -f /dev/null'") + "NotifyFD=7\n",
}


@pytest.fixture(scope="module")
def tries(lab):
    program = BUILD / "tests/helpers/counter"
    victim = lab.image("victim", "--binary", f"{program}:/counter", "--entrypoint", "/counter", "--verity")
    more = [w for n in ("counter", "inventory") for w in lab.helper_on_host(n)]
    scenarios = [s for s in SCENARIOS if MODE == "all" or s in {POINTS[p] for p in TRIED}]
    more += ["--add", f"{TOP}/tests/crash/steps.sh:/usr/bin/steps",
             "--programs", str(BUILD.parent / "kill" / BUILD.name / "stripped")]
    folder = lab.appliance("kill-points", UNITS, [victim, lab.helper("counter"), lab.busybox()], more=more,
                           files={"/usr/bin/points": "\n".join(TRIED) + "\n"})
    boot = lab.boot(folder, f"""
mkdir -p /var/other
await 60 'is other.container running'
export VICTIM=v.container PARTS='v.network v.volume' OTHER=other.container READY=n.container
export COUNT=/var/lib/sup/volumes/v
check steps 'sh /usr/bin/steps {"all" if MODE == "all" else "/usr/bin/points"} {" ".join(scenarios)}'
""", "--timeout", str(BOOT_SECONDS * (30 if MODE == "all" else 10)))
    boot.ended_well()
    print("\n" + boot.ok("steps"))
    return [line.split(maxsplit=3) for line in boot.lines("steps")]


def test_all_steps_are_tried(tries):
    assert tries[-1] == ["done"]
    assert set(TRIED) - {t[1] for t in tries if t[0] in ("ok", "bad")} == set()


def test_the_state_is_what_was_asked_for(tries):
    assert [" ".join(t) for t in tries if t[0] == "bad" or (t[0] == "learned" and len(t) > 3)] == []
