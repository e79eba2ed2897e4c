"""WLAN and CAN devices in containers, on Debian's kernel with all drivers, as the cloud kernel has neither. The radios are those
of mac80211_hwsim, two at boot and one that comes later; the CAN bus is virtual."""

import pytest
from conftest import BUILD

SLEEP = "Network=none\nImage=busybox\nExec=tail -f /dev/null\n"
UNITS = {
    "air.container": f"[Unit]\nStartLimitIntervalSec=0\n[Container]\nInterface=wlan0\n{SLEEP}[Service]\nRestart=always\nRestartSec=0\n",
    "too.container": f"[Container]\nInterface=wlan0\n{SLEEP}",
    "try.container": f"[Unit]\nStartLimitIntervalSec=0\n[Container]\nInterface=wlan1\n{SLEEP}",
    "once.container": f"[Container]\nInterface=wlan1:air0\n{SLEEP}[Service]\nRestart=no\n",
    "late.container": f"[Container]\nInterface=wlan2\n{SLEEP}",
    "bus.container": f"[Container]\nInterface=can0\n{SLEEP}",
}

# links WHERE: name, up or down, addresses; of the host, or of a unit's container.
SCRIPT = r"""
links() {
	if [ "$1" = host ]; then ip addr; else supctl exec "$1" ip addr; fi | awk '
		/^[0-9]/ { name = $2; sub(":$", "", name); up[name] = $3 ~ /[<,]UP[,>]/ ? "up" : "down" }
		$1 == "inet" { has[name] = has[name] " " $2 }
		END { for (name in up) if (name ~ /^(wlan|air|can|dev)/) print name, up[name] has[name] }' | sort
}
on_host() { links host | grep -q "^$1 "; }
next_supervisor() {
	old=$(supervisor)
	kill -9 "$old"
	another $old
}

await 60 'on_host wlan0 && on_host wlan1'
radio interface "$(cat /sys/class/net/wlan0/phy80211/index)" wlan0-b
for name in wlan0 wlan0-b; do ip link set $name up; done
ip addr add 192.0.2.7/24 dev wlan0
ip addr add 192.0.2.8/24 dev wlan1
check before 'links host'

check start 'supctl start air'
check start-host 'links host'
check start-inside 'links air'
check refused 'supctl start too'

# An address that somebody adds inside: it would be lost on the way out and in again.
nsenter -t "$(main air)" -n ip addr add 198.51.100.1/24 dev wlan0
was=$(main air)
kill -9 $was
await 60 'is air running && [ "$(main air)" != '$was' ] && links air'
check restarted-host 'links host'
check restarted-inside 'links air'
check stop 'supctl stop air'
check stop-host 'links host'

supctl start air
was=$(main air)
next_supervisor
check taken-over '[ "$(main air)" = '$was' ]'
check taken-over-host 'links host'
check taken-over-inside 'links air'
check taken-over-stop 'supctl stop air'
check taken-over-stopped 'links host'

check once 'supctl start once'
check once-inside 'links once'
kill -9 "$(main once)"
await 60 'failed once && on_host wlan1'
check once-host 'links host'

# The supervisor dies at each step of taking a radio and of giving it back. `deaths start running`: POINT, whether one has died
# there, where the radio is then, and what the host has when the container has stopped.
deaths() {
	for point in noted sent there fetched restored forgotten; do
		[ "$1" = start ] || supctl start try
		echo "nic-$point 1" >/run/sup/kill-point
		supctl "$1" try
		await 60 "is try $2"
		[ -s /run/sup/kill-point ] && died=no || died=yes
		rm -f /run/sup/kill-point
		[ "$1" = stop ] || echo "$point $died: $(links try)$(links host | grep wlan1)"
		supctl stop try
		echo "$point $died: $(links host | tr '\n' ',')"
	done
}
check deaths-start 'deaths start running'
check deaths-stop 'deaths stop inactive'

supctl start late >/dev/null 2>&1 &
supctl start bus >/dev/null 2>&1 &
waiting() { supctl status late | grep -q 'waiting for interface' && supctl status bus | grep -q 'waiting for interface'; }
await 60 waiting
next_supervisor
await 60 waiting
check waiting 'supctl status late; supctl status bus'
radio new
ip link add vcan7 type vcan
ip link set vcan7 name can0
await 60 'is late running && is bus running'
check came-host 'links host'
check came-inside 'links late; links bus'
check went 'supctl stop late && supctl stop bus'
check went-host 'links host'
check log 'supctl logs air; supctl logs once; supctl logs late; supctl logs bus; supctl logs supervisor'
"""


@pytest.fixture(scope="module")
def boot(lab):
    modules = [w for name in ("mac80211_hwsim", "vcan") for w in ("--module", name)]
    folder = lab.appliance("wlan", UNITS, [lab.busybox()], more=[*lab.helper_on_host("radio"), "--full-kernel", *modules,
                                                                   "--programs", str(BUILD.parent / "kill" / BUILD.name / "stripped")])
    return lab.boot(folder, SCRIPT)


FIRST = ["wlan0 up 192.0.2.7/24", "wlan0-b up"]
# All interfaces of the radio come down with it, and one of them is ours to put right.
MOVED = ["wlan0 up 192.0.2.7/24", "wlan0-b down"]
SECOND = "wlan1 down 192.0.2.8/24"


def test_ends_well(boot):
    boot.ended_well()
    assert boot.lines("before") == [*FIRST, SECOND]


def test_a_radio_moves_in_with_all_its_interfaces(boot):
    boot.ok("start")
    assert boot.lines("start-host") == [SECOND]
    assert boot.lines("start-inside") == MOVED


def test_it_comes_back_as_it_was(boot):
    boot.ok("stop")
    assert boot.lines("stop-host") == [*MOVED, SECOND]


def test_the_second_is_told_who_has_it(boot):
    assert boot.code("refused") != 0
    assert "Interface=wlan0: air.container has it" in boot.text("refused")


def test_a_restart_leaves_it_where_it_is(boot):
    assert boot.lines("restarted-host") == [SECOND]
    assert boot.lines("restarted-inside") == ["wlan0 up 192.0.2.7/24 198.51.100.1/24", "wlan0-b down"]


def test_it_stays_and_comes_back_over_a_crash_of_the_supervisor(boot):
    boot.ok("taken-over")
    assert boot.lines("taken-over-host") == [SECOND]
    assert boot.lines("taken-over-inside") == MOVED
    boot.ok("taken-over-stop")
    assert boot.lines("taken-over-stopped") == [*MOVED, SECOND]


def test_it_comes_back_from_a_container_that_crashed(boot):
    """Under the name of the host, whatever it was inside."""
    boot.ok("once")
    assert boot.lines("once-inside") == ["air0 down 192.0.2.8/24"]
    assert boot.lines("once-host") == [*MOVED, SECOND]


@pytest.mark.parametrize("verb, points", [("start", ["noted", "sent", "there"]), ("stop", ["fetched", "restored", "forgotten"])])
def test_wherever_the_supervisor_dies(boot, verb, points):
    home = ",".join([*MOVED, SECOND, ""])
    wanted = []
    for point in ("noted", "sent", "there", "fetched", "restored", "forgotten"):
        died = "yes" if point in points else "no"
        wanted += [f"{point} {died}: {SECOND}"] if verb == "start" else []
        wanted += [f"{point} {died}: {home}"]
    boot.ok(f"deaths-{verb}")
    assert boot.lines(f"deaths-{verb}") == wanted


def test_one_that_is_not_there_is_waited_for(boot):
    """A radio and a CAN bus, whose starts wait over a crash of the supervisor, too."""
    for name in "wlan2", "can0":
        assert f"waiting for interface {name}" in boot.text("waiting")
    assert boot.lines("came-host") == [*MOVED, SECOND]
    assert boot.lines("came-inside") == ["wlan2 down", "can0 down"]
    boot.ok("went")
    assert boot.lines("went-host") == ["can0 down", *MOVED, SECOND, "wlan2 down"]
