"""Health checks and the other ways to be ready: a chain of three services that start when the one below
is healthy, what follows when it is not any more, checks that never end, commands of a reload inside."""

import pytest

HOUSE = "/usr/bin/busybox"
GATED = """
[Unit]
Description={name}, which is well while it serves /ok
{unit}
[Container]
Image=busybox
Network=none
Volume=/run/www/{name}:/www
Exec=httpd -f -p 80 -h /www
HealthCmd=wget -q -O /dev/null http://127.0.0.1/ok
HealthInterval=300ms
Notify=healthy
{container}
[Service]
ExecStartPre={house} sh -c "echo {name} >>/run/order"
{service}
"""


def gated(name, unit="", container="", service=""):
    return GATED.format(name=name, unit=unit, container=container, service=service, house=HOUSE)


def needs(name):
    return f"Requires={name}.container\nAfter={name}.container"


def container(*lines, image="busybox", service=""):
    return "\n".join(["[Container]", f"Image={image}", "Network=none", *lines, service]) + "\n"


UNITS = {
    "db.container": gated("db", "", "HealthOnFailure=kill\nHealthRetries=3",
                          "Restart=on-failure\nRestartSec=10ms"),
    "api.container": gated("api", needs("db")),
    "web.container": gated("web", needs("api")),
    "never.container": gated("never", service="TimeoutStartSec=3"),
    "ill.container": gated("ill", container="HealthOnFailure=stop\nHealthRetries=1",
                           service="Restart=always"),
    "none.container": container("HealthCmd=echo oh; echo dear >&2; exit 3", "HealthInterval=200ms"),
    "endless.container": container('HealthCmd=["CMD", "/bin/sleep", "1000"]', "HealthTimeout=1s",
                                   "HealthInterval=200ms", "HealthRetries=2"),
    "flood.container": container("HealthCmd=yes; true", "HealthTimeout=1s", "HealthInterval=200ms"),
    "ids.container": container("HealthCmd=id -u; grep -c . /proc/self/limits; exit 1", "User=worker",
                               "HealthRetries=1", "HealthInterval=1h"),
    "gate.container": container("HealthCmd=true", "HealthInterval=200ms",
                                "HealthStartupCmd=test -e /tmp/up", "HealthStartupInterval=200ms",
                                "Notify=healthy"),
    "imaged.container": container(image="checked"),
    "quiet.container": container("HealthCmd=none", image="checked"),
    "reload.container": container(
        "ReloadCmd=sh -c 'echo reloaded >>/tmp/said; echo heard by the log'"),
    "hangup.container": container(
        "ReloadSignal=SIGHUP",
        "Exec=sh -c 'trap \"echo hup >>/tmp/said\" HUP; while :; do sleep 0.1; done'"),
}

SCRIPT = r"""
mkdir -p /run/www/db /run/www/api /run/www/web /run/www/never /run/www/ill
health() { supctl --json status "$1" | tr -d ' \n' | sed -n 's/.*"health":{\([^}]*\)}.*/\1/p'; }
healthy() { health "$1" | grep -q '"state":"healthy"'; }
slots() { ls /proc | grep -c '^[0-9]'; }

supctl start web >/run/started 2>&1 &
await 30 'health db | grep -q "\"failures\":[1-9]"'
check waits 'supctl why web; supctl why api; state db; state api; state web; cat /run/order'
check status-starting 'supctl status db; supctl status'
touch /run/www/db/ok
await 30 'is db running'
check second 'state db; state web; await 30 "is api starting"; supctl why web'
touch /run/www/api/ok
await 30 'is api running'
touch /run/www/web/ok
await 30 'is web running'
wait
check chain 'cat /run/order; cat /run/started; state db; state api; state web'
check status-healthy 'supctl status db; health db'

first=$(main db)
rm /run/www/db/ok
await 30 '[ "$(main db)" != "$first" ] && is db starting'
touch /run/www/db/ok
await 30 'is db running'
check restarted 'field db restarts; health db; supctl logs supervisor | grep "db.container"'

supctl start never ill none endless flood gate imaged quiet reload hangup ids >/run/others 2>&1 &
check never 'await 30 "is never failed"; supctl why never'
await 30 'health none | grep -q unhealthy'
check none 'state none; supctl status none; supctl logs none'
check endless 'await 30 "health endless | grep -q unhealthy"; health endless; supctl exec endless ps -o args'
check flood 'await 30 "health flood | grep -q timed"; health flood; supctl exec flood ps -o args | grep -c "^yes"'
check ids 'await 30 "health ids | grep -q last"; health ids'
check gate-shut 'state gate; health gate'
supctl exec gate touch /tmp/up
check gate-open 'await 30 "is gate running"; health gate'
check imaged 'await 30 "healthy imaged"; health imaged; health quiet; state quiet'
touch /run/www/ill/ok
await 30 'is ill running'
rm /run/www/ill/ok
check ill 'await 30 "is ill failed"; supctl why ill'
check reload 'supctl reload reload && supctl exec reload cat /tmp/said; supctl logs reload'
check hangup 'supctl reload hangup && await 10 "supctl exec hangup grep hup /tmp/said"; supctl exec hangup cat /tmp/said'
check stop-endless 'supctl stop endless; state endless; supctl start endless; state endless'
check no-leak 'supctl stop none flood gate imaged ids endless; before=$(ls /proc/$(pidof supervisor)/fd | wc -l); supctl start none; await 20 "health none | grep -q \"failures\\\":[1-9][0-9]\""; supctl stop none; after=$(ls /proc/$(pidof supervisor)/fd | wc -l); echo $((after - before))'
wait
"""


@pytest.fixture(scope="module")
def boot(lab):
    checked = lab.image("checked", "--debian", "busybox-static", "--only", "/bin/busybox",
                        "--link", "/bin/sh:busybox", "--link", "/bin/tail:busybox",
                        "--env", "PATH=/bin", "--cmd", "tail -f /dev/null",
                        "--health-cmd", "CMD-SHELL test -e /bin/sh", "--health-interval", "400ms")
    folder = lab.appliance("health", UNITS, [lab.busybox(), checked])
    return lab.boot(folder, SCRIPT)


def test_ends_well(boot):
    boot.ended_well()


def test_a_chain_waits_for_health(boot):
    waits = boot.text("waits")
    assert "waits for api.container: needs db.container (starting, health " in waits
    assert "waits for db.container (starting, health " in waits
    assert " of 3)" in waits
    # db is tried, the others have not begun
    assert boot.lines("waits")[-4:] == ["starting", "waiting", "waiting", "db"]
    assert boot.lines("second")[:2] == ["running", "waiting"]
    assert "waits for api.container (starting, health " in boot.text("second")
    lines = boot.lines("chain")
    assert lines[:3] == ["db", "api", "web"] and lines[-3:] == ["running"] * 3


def test_status_says_the_health(boot):
    text = boot.text("status-starting")
    assert "Health: starting, " in text and "health: starting, " in text
    assert "exit code 1: wget: server returned error: HTTP/1.1 404 Not Found" in text
    text = boot.text("status-healthy")
    assert "Health: healthy (since " in text and '"state":"healthy","startup":false' in text


def test_unhealthy_is_killed_and_started_again(boot):
    text = boot.text("restarted")
    assert boot.lines("restarted")[0] == "1"
    assert "unhealthy: 3 of 3 checks failed: exit code 1: wget: server returned error" in text
    assert "restart in 10 ms (1st)" in text


def test_never_healthy_times_out(boot):
    assert "start timed out after 3 s, not healthy: exit code 1: wget" in boot.text("never")


def test_none_only_tells(boot):
    text = boot.text("none")
    assert boot.lines("none")[0] == "running"
    assert "Health: unhealthy, " in text and "of 3 failed: exit code 3: dear" in text
    # what a check writes is not the unit's log
    assert "oh" not in [line.split(" ")[-1] for line in boot.lines("none")]


def test_a_check_that_never_ends(boot):
    text = boot.text("endless")
    assert '"state":"unhealthy"' in text and "timed out after 1 s" in text
    assert sum(line.startswith("/bin/sleep") for line in boot.lines("endless")) <= 1
    assert boot.lines("stop-endless") == ["inactive", "running"]


def test_a_check_that_floods(boot):
    assert "timed out after 1 s" in boot.text("flood")
    assert int(boot.lines("flood")[-1]) <= 1


def test_a_check_is_the_containers_user(boot):
    assert "exit code 1: 17" in boot.text("ids") and '"state":"unhealthy"' in boot.text("ids")


def test_startup_gates(boot):
    assert boot.lines("gate-shut")[0] == "starting"
    assert '"startup":true' in boot.text("gate-shut") and '"retries":0' in boot.text("gate-shut")
    assert '"state":"healthy"' in boot.text("gate-open")


def test_the_image_has_a_check(boot):
    lines = boot.lines("imaged")
    assert '"state":"healthy"' in lines[0] and lines[-1] == "running" and len(lines) == 2


def test_stop_stays_down(boot):
    assert "unhealthy: 1 of 1 checks failed: exit code 1: wget" in boot.text("ill")


def test_reload_inside(boot):
    lines = boot.lines("reload")
    assert lines[0] == "reloaded" and any("heard by the log" in line for line in lines)
    assert boot.lines("hangup")[-1] == "hup"


def test_checks_leak_no_descriptor(boot):
    assert int(boot.text("no-leak")) <= 0
