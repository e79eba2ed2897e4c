"""Socket activation: bound in the host, handed into containers without a network, nobody lost over restarts."""

import pytest

INSTALL = "[Install]\nWantedBy=sockets.target\n"


def container(more="", service=""):
    return f"[Container]\nImage=listener\nNetwork=none\nExec=serve\n{more}\n[Service]\n{service}\n"


def socket(keys):
    return f"[Socket]\n{keys}\n{INSTALL}"


UNITS = {
    # The point: a container with no network at all serves a port of the host.
    "web.container": container(),
    "web.socket": socket("ListenStream=127.0.0.1:8080"),
    # Without an init of ours its program is PID 1; two descriptors, one with a name of its own.
    "bare.container": container("RunInit=no", "NonBlocking=yes\nSockets=second.socket"),
    "bare.socket": socket("ListenStream=8081\nListenStream=/run/bare.sock\nFileDescriptorName=http"),
    "second.socket": "[Socket]\nListenDatagram=127.0.0.1:8082\nService=bare.container\n",
    "host.service": "[Service]\nExecStart=/usr/bin/listener serve\n",
    "host.socket": socket("ListenStream=127.0.0.1:8083\nListenStream=/run/host.sock\n"
                          "RemoveOnStop=yes\nSocketMode=0600"),
    # Ends without taking its connection.
    "spin.service": "[Service]\nExecStart=/usr/bin/true\n[Unit]\nStartLimitBurst=0\n",
    "spin.socket": socket("ListenStream=127.0.0.1:8084\nTriggerLimitBurst=3\nTriggerLimitIntervalSec=1min"),
    "fails.service": "[Service]\nExecStart=/usr/bin/false\n",
    "fails.socket": socket("ListenStream=127.0.0.1:8085"),
    # Somebody else has the port.
    "taken.service": "[Service]\nExecStart=/usr/bin/true\n",
    "taken.socket": "[Socket]\nListenStream=127.0.0.1:8080\n",
}

SCRIPT = r"""
await 30 'is web.socket listening && is host.socket listening && is bare.socket listening'
check before 'state web.container; state host.service'
check sockets 'supctl sockets'
check web 'listener ask 8080 1 1'
check web_given 'await 10 "supctl logs web.container | grep LISTEN"; supctl logs web.container'
check bare 'supctl start second.socket; listener ask 8081 1 1'
check bare_given 'await 10 "supctl logs bare.container | grep LISTEN"; supctl logs bare.container'
check host 'listener ask 8083 1 1; stat -c %a /run/host.sock'
check host_given 'await 10 "supctl logs host.service | grep LISTEN"; supctl logs host.service'
check plan 'supctl plan web.container | grep -E "^fd|LISTEN"'
check stop_hint 'supctl stop host.service'
check stopped 'supctl stop host.socket host.service; ls /run/host.sock; listener ask 8083 1 1'
check taken 'supctl start taken.socket'
check spin 'listener ask 8084 1 1; await 20 "is spin.socket failed"; field spin.socket cause'
check fails 'listener ask 8085 1 1; await 20 "is fails.socket failed"; field fails.socket cause'

# A supervisor that dies leaves the socket open; who comes meanwhile is answered by the next one.
check crash 'kill -9 $(pidof supervisor); listener ask 8080 1 1; await 30 "is web.container running"'

listener ask 8080 1000 16 >/run/asked &
asker=$!
for i in 1 2 3 4 5 6 7 8 9 10; do supctl restart web.container || echo "restart $i failed"; done
check restarts 'field web.container restarts; supctl status web.socket'
check thousand "wait $asker; cat /run/asked"
check end 'grep -c . /proc/net/tcp'
"""


@pytest.fixture(scope="module")
def boot(lab):
    from conftest import BUILD
    folder = lab.appliance("sockets", UNITS, [lab.helper("listener")], more=(
        "--add", f"{BUILD}/tests/helpers/listener:/usr/bin/listener"))
    return lab.boot(folder, SCRIPT)


def test_ends_well(boot):
    boot.ended_well()


def test_nothing_runs_before_somebody_comes(boot):
    assert boot.lines("before") == ["inactive", "inactive"]


def test_list_of_sockets(boot):
    text = boot.ok("sockets")
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "127.0.0.1:8080" in text and "web.container" in text
    assert "*:8081" in text and "/run/bare.sock" in text


@pytest.mark.parametrize("name", ["web", "bare", "host"])
def test_first_connection_is_answered(boot, name):
    assert "1 of 1 answered" in boot.text(name)


def test_container_gets_exactly_its_descriptors(boot):
    assert ("fds 0 1 2 3; LISTEN_FDS=1 LISTEN_FDNAMES=web.socket LISTEN_PID is mine, blocking yes"
            in boot.text("web_given"))


def test_container_without_init(boot):
    assert ("fds 0 1 2 3 4 5; LISTEN_FDS=3 LISTEN_FDNAMES=http:http:second.socket "
            "LISTEN_PID is mine, blocking no" in boot.text("bare_given"))


def test_host_service(boot):
    assert ("fds 0 1 2 3 4; LISTEN_FDS=2 LISTEN_FDNAMES=host.socket:host.socket "
            "LISTEN_PID is mine, blocking yes" in boot.text("host_given"))
    assert boot.lines("host")[-1] == "600"


def test_plan_shows_the_descriptors(boot):
    text = boot.ok("plan")
    assert "3: listen web.socket 127.0.0.1:8080" in text
    assert "LISTEN_FDS=1" in text


def test_stop_says_who_starts_it_again(boot):
    assert "host.socket will start it again" in boot.ok("stop_hint")


def test_stopped_socket_is_closed_and_removed(boot):
    assert "No such file" in boot.text("stopped")
    assert "0 of 1 answered" in boot.text("stopped")


def test_address_in_use_is_named(boot):
    assert boot.code("taken") != 0
    assert "127.0.0.1:8080: another unit or program has it" in boot.text("taken")


def test_service_that_ends_at_once_does_not_spin(boot):
    assert "trigger-limit-hit" in boot.text("spin")


def test_start_limit_of_the_service_fails_its_socket(boot):
    assert "service-start-limit-hit" in boot.text("fails")


def test_socket_outlives_the_supervisor(boot):
    assert "1 of 1 answered" in boot.text("crash")


def test_none_of_a_thousand_is_lost_over_ten_restarts(boot):
    assert "1000 of 1000 answered" in boot.text("thousand")
    assert "failed" not in boot.text("restarts")
