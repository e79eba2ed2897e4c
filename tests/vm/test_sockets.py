"""Socket activation of containers: bound in the host, handed into containers that have no network."""

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
    # Without an init of ours its program is PID 1; two descriptors, and one of another socket.
    "bare.container": container("RunInit=no", "NonBlocking=yes\nSockets=second.socket"),
    "bare.socket": socket("ListenStream=8081\nListenStream=/run/bare.sock\nFileDescriptorName=http"),
    "second.socket": socket("ListenDatagram=127.0.0.1:8082\nService=bare.container"),
    # Ends without taking its connection.
    "spin.container": "[Unit]\nStartLimitBurst=0\n" + container().replace("Exec=serve", "Exec=nothing"),
    "spin.socket": socket("ListenStream=127.0.0.1:8084\nTriggerLimitBurst=3\nTriggerLimitIntervalSec=1h"),
}

SCRIPT = r"""
await 30 'is web.socket listening && is bare.socket listening && is second.socket listening'
check before 'state web.container; state bare.container'
check web 'listener ask 8080 1 1'
check web_given 'await 20 "supctl logs web.container | grep LISTEN"; supctl logs web.container'
check bare 'listener ask 8081 1 1'
check bare_given 'await 20 "supctl logs bare.container | grep LISTEN"; supctl logs bare.container'
check sockets 'supctl sockets'
check plan 'supctl plan web.container | grep -E "^fd|LISTEN"'
check stop_hint 'supctl stop web.container'
check spin 'listener ask 8084 1 1; await 60 "is spin.socket failed"; supctl status spin.socket'
"""


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("sockets", UNITS, [lab.helper("listener")],
                           more=lab.helper_on_host("listener"))
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


@pytest.mark.parametrize("name", ["web", "bare"])
def test_first_connection_is_answered(boot, name):
    assert "1 of 1 answered" in boot.text(name)


def test_container_gets_exactly_its_descriptors(boot):
    assert ("fds 0 1 2 3; LISTEN_FDS=1 LISTEN_FDNAMES=web.socket LISTEN_PID is mine, blocking yes"
            in boot.text("web_given"))


def test_container_without_init(boot):
    assert ("fds 0 1 2 3 4 5; LISTEN_FDS=3 LISTEN_FDNAMES=http:http:second.socket "
            "LISTEN_PID is mine, blocking no" in boot.text("bare_given"))


def test_plan_shows_the_descriptors(boot):
    text = boot.ok("plan")
    assert "3: listen web.socket 127.0.0.1:8080" in text
    assert "LISTEN_FDS=1" in text


def test_stop_says_who_starts_it_again(boot):
    assert "web.socket will start it again" in boot.ok("stop_hint")


def test_service_that_ends_at_once_does_not_spin(boot):
    assert "trigger-limit-hit: more than 3 activations" in boot.text("spin")
