"""Health checks with real processes: a chain of three services that start when the one below is
healthy, what follows when it is not any more, checks that never end, reloads inside."""

import re

import pytest

HOUSE = "/usr/bin/busybox"

# Well while it serves /ok. Its order of starts is written down on the host's side.
GATED = """
[Unit]
{unit}
[Container]
Image=busybox
Network=none
Volume=/run/www/{name}:/www
Exec=httpd -f -p 80 -h /www
HealthCmd=wget -q -O /dev/null http://127.0.0.1/ok
HealthInterval=2s
Notify=healthy
{container}
[Service]
ExecStartPre={house} sh -c "echo {name} >>/run/order"
{service}
"""


def gated(name, unit="", container="", service=""):
    return GATED.format(name=name, unit=unit, container=container, service=service, house=HOUSE)


def teller(init):
    """Says by a newline that it is ready, when it is told to."""
    return container(f"RunInit={init}", "Exec=sh -c 'until [ -e /tmp/go ]; do sleep 0.2; done; "
                     "echo >&7; exec tail -f /dev/null'", "[Service]", "NotifyFD=7", "TimeoutStopSec=1")


def needs(name):
    return f"Requires={name}.container\nAfter={name}.container"


def container(*lines, image="busybox"):
    return "\n".join(["[Container]", f"Image={image}", "Network=none", *lines]) + "\n"


CHAIN = {
    "db.container": gated("db", "RestartDependents=yes", "HealthOnFailure=kill\nHealthRetries=3",
                          "Restart=on-failure\nRestartSec=10ms"),
    "api.container": gated("api", needs("db")),
    "web.container": gated("web", needs("api")),
    "reload.container": container(
        "ReloadCmd=sh -c 'echo reloaded >>/tmp/said; echo heard by the log'"),
    "hangup.container": container(
        "ReloadSignal=SIGHUP",
        "Exec=sh -c 'trap \"echo hup >>/tmp/said\" HUP; while :; do sleep 0.5; done'"),
}

CHECKS = {
    "endless.container": container('HealthCmd=sleep 1000 & sleep 1001', "HealthTimeout=2s",
                                   "HealthInterval=1s", "HealthRetries=2"),
    "held.container": container('HealthCmd=["CMD", "/bin/sleep", "1002"]', "HealthTimeout=1h"),
    "flood.container": container("HealthCmd=yes; true", "HealthTimeout=2s", "HealthInterval=1h"),
    "ids.container": container("HealthCmd=echo oh; id -u >&2; exit 3", "User=worker",
                               "HealthRetries=1", "HealthInterval=1h"),
    "gate.container": container("HealthCmd=true", "HealthStartupCmd=test -e /tmp/up",
                                "HealthStartupInterval=1s", "Notify=healthy"),
    "imaged.container": container(image="checked"),
    "said.container": teller("yes"),
    "bare.container": teller("no"),
    "quiet.container": container("HealthCmd=none", image="checked"),
}

HEALTH = r"""
health() { supctl --json status "$1" | tr -d ' \n' | sed -n 's/.*"health":{\([^}]*\)}.*/\1/p'; }
says() { health "$1" | grep -q "$2"; }
fds() { ls /proc/$(supervisor)/fd | wc -l; }
# how many processes have this word on their command line
with() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c "^$1\$"; }
# what is left: more descriptors than there were at first, cgroups, programs
left() {
	await 30 "[ \$(fds) -le $1 ]"
	ls -d /sys/fs/cgroup/sup/*.container 2>/dev/null
	shift
	pidof "$@"
	echo end
}
"""

CHAIN_SCRIPT = HEALTH + r"""
mkdir -p /run/www/db /run/www/api /run/www/web
again() { is "$1" running && [ "$(main "$1")" != "$2" ]; }

supctl start reload hangup
check reload 'supctl reload reload && supctl exec reload cat /tmp/said; supctl logs reload'
check hangup 'supctl reload hangup; await 30 "supctl exec hangup grep hup /tmp/said"; supctl exec hangup cat /tmp/said'
supctl stop reload hangup
before=$(fds)

supctl start web >/run/started 2>&1 &
await 60 'says db "\"failures\":[1-9]"'
check waits 'supctl status web; state db; state api; state web; cat /run/order'
touch /run/www/db/ok
await 60 'is api starting'
check second 'supctl status web; state db; state web'
touch /run/www/api/ok
await 60 'is web starting'
check third 'state db; state api'
touch /run/www/web/ok
await 60 'is web running'
wait
check chain 'cat /run/order; cat /run/started'
check healthy 'supctl status; supctl status db; health db'

db=$(main db) api=$(main api) web=$(main web)
rm /run/www/db/ok /run/order
await 90 '! is db running'
touch /run/www/db/ok
await 90 'again db $db'
await 90 'again api $api'
await 90 'again web $web'
check restarted 'cat /run/order; supctl logs db; supctl logs supervisor'

supctl stop db
check down 'state db; state api; state web'
check left 'left $before httpd wget'
"""

CHECKS_SCRIPT = HEALTH + r"""
supctl start endless held
await 60 'says endless unhealthy'
check endless 'health endless; state endless; supctl status'
await 30 '[ $(with 1002) = 1 ]'
check never-two 'with 1000; with 1001; with 1002'
check stop 'supctl stop endless held; state endless; state held; with 1000; with 1001; with 1002'
before=$(fds)
supctl start flood ids
await 60 'says flood timed'
check flood 'health flood; state flood; await 30 "! pidof yes"'
await 60 'says ids last'
check ids 'state ids; supctl status ids; supctl logs ids'
supctl stop flood ids
supctl start gate imaged quiet &
await 60 'says gate "\"failures\":[1-9]"'
check gate-shut 'state gate; health gate'
supctl exec gate touch /tmp/up
check gate-open 'await 60 "is gate running"; health gate'
await 60 'says imaged healthy'
check imaged 'health imaged; echo; health quiet; state quiet'
wait
supctl stop gate imaged quiet
supctl start said &
supctl start bare &
await 30 '[ "$(main said)" ] && [ "$(main bare)" ]'
check silent 'state said; state bare'
supctl exec said touch /tmp/go
supctl exec bare touch /tmp/go
wait
check told 'state said; state bare'
supctl stop said bare
check left 'left $before yes'
"""


@pytest.fixture(scope="module")
def chain(lab):
    folder = lab.appliance("health-chain", CHAIN, [lab.busybox()])
    return lab.boot(folder, CHAIN_SCRIPT)


@pytest.fixture(scope="module")
def checks(lab):
    checked = lab.image("checked", "--debian", "busybox-static", "--only", "/bin/busybox",
                        "--link", "/bin/sh:busybox", "--link", "/bin/tail:busybox",
                        "--env", "PATH=/bin", "--cmd", "tail -f /dev/null",
                        "--health-cmd", "CMD-SHELL test -e /bin/sh", "--health-interval", "1s")
    folder = lab.appliance("health-checks", CHECKS, [lab.busybox(), checked])
    return lab.boot(folder, CHECKS_SCRIPT)


def firsts(lines):
    """Each line once, in the order in which they come for the first time."""
    return list(dict.fromkeys(lines))


def test_a_chain_starts_in_order_when_healthy(chain):
    text = chain.text("waits")
    assert "waits for api.container: needs db.container (starting, health " in text
    assert " of 3)" in text
    # db is tried, the others have not begun
    assert chain.lines("waits")[-4:] == ["starting", "waiting", "waiting", "db"]
    assert "waits for api.container (starting" in chain.text("second")
    assert chain.lines("second")[-2:] == ["running", "waiting"]
    assert chain.lines("third") == ["running", "running"]
    assert firsts(chain.lines("chain")) == ["db", "api", "web"]


def test_status_says_the_health(chain):
    text = chain.text("healthy")
    assert re.search(r"^web.container +running .* healthy$", text, re.MULTILINE)
    assert "Health: healthy (since " in text and '"state":"healthy","startup":false' in text


def test_unhealthy_is_killed_and_dependents_follow(chain):
    text = chain.text("restarted")
    assert "unhealthy: 3 of 3 checks failed: exit code 1: wget: server returned error" in text
    assert "; restart in 10 ms" in text
    assert firsts(line for line in chain.lines("restarted")
                  if line in ("db", "api", "web")) == ["db", "api", "web"]


def test_reload_inside(chain):
    lines = chain.lines("reload")
    assert lines[0] == "reloaded" and any("heard by the log" in line for line in lines)
    assert chain.lines("hangup")[-1] == "hup"


def test_nothing_is_left_of_the_chain(chain):
    assert chain.lines("down") == ["inactive"] * 3
    assert chain.text("left") == "end"
    chain.ended_well()


def test_a_check_that_never_ends(checks):
    text = checks.text("endless")
    assert '"state":"unhealthy"' in text and "after 2 s" in text
    assert text.split("UNIT")[0].endswith("running\n")
    assert "health: unhealthy, " in text
    # with what it has started itself it is gone before the next one begins
    assert all(int(n) <= 1 for n in checks.lines("never-two")), checks.lines("never-two")


def test_a_stop_ends_the_check(checks):
    assert checks.lines("stop") == ["inactive", "inactive", "0", "0", "0"]


def test_a_check_that_floods(checks):
    assert "timedoutafter2s" in checks.text("flood")
    assert checks.text("flood").endswith("running")


def test_a_check_is_the_containers_user(checks):
    text = checks.text("ids")
    assert checks.lines("ids")[0] == "running"
    assert "Health: unhealthy, 1 of 1 failed: exit code 3: 501" in text
    # what a check writes is not the unit's log
    assert not any(line.endswith(" oh") for line in checks.lines("ids"))


def test_startup_gates(checks):
    assert checks.lines("gate-shut")[0] == "starting"
    assert '"startup":true' in checks.text("gate-shut")
    assert '"retries":0' in checks.text("gate-shut")
    assert '"state":"healthy"' in checks.text("gate-open")


def test_the_image_has_a_check(checks):
    lines = checks.lines("imaged")
    assert '"state":"healthy"' in lines[0] and lines[-1] == "running" and len(lines) == 2


def test_a_newline_makes_ready(checks):
    assert checks.lines("silent") == ["starting", "starting"]
    assert checks.lines("told") == ["running", "running"]


def test_nothing_is_left_of_the_checks(checks):
    assert checks.text("left") == "end"
    checks.ended_well()
