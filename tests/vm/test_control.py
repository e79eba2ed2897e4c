"""supctl exec over the death of the supervisor, and what a container sees of the control socket."""

import pytest

UNITS = {
    "box.container": "[Container]\nImage=busybox\nNetwork=none\n[Install]\nWantedBy=multi-user.target\n",
}

SCRIPT = r"""
await 60 'is box running'
inside() { supctl exec box "$@"; }
crash() { kill -9 $(supervisor); }

# The command begins, the supervisor dies, the command is told to end.
goes_on() {
	rm -f /tmp/out
	supctl exec box sh -c "echo begin; touch /tmp/begun; until [ -e /tmp/go ]; do sleep 0.1; done; echo end; exit 7" >/tmp/out 2>&1 &
	client=$!
	await 30 'inside test -e /tmp/begun'
	crash
	inside touch /tmp/go
	wait $client
	status=$?
	cat /tmp/out
	inside rm /tmp/go /tmp/begun
	return $status
}
check goes-on goes_on
check again 'goes_on; goes_on'

# It ends while no supervisor is there.
ends_alone() {
	supctl exec box sh -c "touch /tmp/begun; sleep 2; exit 9" &
	client=$!
	await 30 'inside test -e /tmp/begun'
	pid=$(supervisor)
	kill -STOP $pid
	sleep 3
	kill -9 $pid
	wait $client
}
check ends-alone ends_alone
inside rm /tmp/begun

# Its client dies with the supervisor: nobody waits for it, and it ends.
orphan() {
	supctl exec box sh -c "touch /tmp/begun; exec sleep 12345" &
	client=$!
	await 30 'inside test -e /tmp/begun'
	kill -STOP $(supervisor)
	kill -9 $client
	crash
	await 60 '! ps | grep -q "[s]leep 12345"'
	ps | grep -c "[s]leep 12345"
}
check orphan orphan

check not-reachable 'inside find / -xdev -name control; inside ls -a /run/sup; inside find / -name control -type s'
check left 'ps | grep -c "[s]upctl"'
"""


@pytest.fixture(scope="module")
def boot(lab):
    return lab.boot(lab.appliance("control", UNITS, [lab.busybox()]), SCRIPT)


def test_exec_goes_on(boot):
    assert boot.text("goes-on").split() == ["begin", "end"]
    assert boot.code("goes-on") == 7
    assert boot.text("again").split() == ["begin", "end"] * 2
    assert boot.code("again") == 7


def test_exec_that_ends_while_nobody_is_there(boot):
    boot.text("ends-alone")
    assert boot.code("ends-alone") == 9


def test_exec_without_client_is_ended(boot):
    assert boot.text("orphan") == "0"


def test_container_cannot_reach_the_socket(boot):
    assert "control" not in boot.text("not-reachable")


def test_ends(boot):
    assert boot.text("left") == "0"
    boot.ended_well()
