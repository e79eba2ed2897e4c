"""A container without a network serves a port of the host, and none of its visitors is lost while it is restarted."""

import pytest

UNITS = {
    "web.container": "[Unit]\nStartLimitIntervalSec=0\n"
                     "[Container]\nImage=listener\nNetwork=none\nExec=serve\n",
    "web.socket": "[Socket]\nListenStream=127.0.0.1:8080\nTriggerLimitIntervalSec=0\n"
                  "[Install]\nWantedBy=sockets.target\n",
}

SCRIPT = r"""
await 60 'is web.socket listening'
listener ask 8080 1000 16 20 >/run/asked 2>&1 &
asker=$!
restart_ten() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		before=$(main web.container)
		supctl restart web.container && is web.container running &&
			[ "$(main web.container)" != "$before" ] && echo "restarted $i"
	done
	kill -0 $asker && echo "they still come"
}
check restarts restart_ten
check thousand 'wait $asker; cat /run/asked'

# Stopped, it comes back with the next one.
listener ask 8080 300 8 50 >/run/asked 2>&1 &
asker=$!
stop_three() {
	for i in 1 2 3; do
		before=$(main web.container)
		supctl stop web.container
		await 30 "[ \"\$(main web.container)\" != '$before' ] && is web.container running" && echo "back $i"
	done
}
check stops stop_three
check three_hundred 'wait $asker; cat /run/asked; field web.socket triggers'
"""


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("socket-restarts", UNITS, [lab.helper("listener")],
                           more=lab.helper_on_host("listener"))
    return lab.boot(folder, SCRIPT)


def test_ends_well(boot):
    boot.ended_well()


def test_none_of_a_thousand_is_lost_over_ten_restarts(boot):
    lines = boot.lines("restarts")
    assert [line for line in lines if line.startswith("restarted")] == [
        f"restarted {i}" for i in range(1, 11)]
    assert lines[-1] == "they still come"
    assert boot.lines("thousand") == ["1000 of 1000 answered"]


def test_none_is_lost_by_stops(boot):
    lines = boot.lines("stops")
    assert [line for line in lines if line.startswith("back")] == ["back 1", "back 2", "back 3"]
    assert "web.container is stopped; web.socket will start it again" in lines
    assert boot.lines("three_hundred")[0] == "300 of 300 answered"
