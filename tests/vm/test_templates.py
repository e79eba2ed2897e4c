"""A template with three instances, on a real appliance: side by side, one stopped alone, a fourth at run time."""

import pytest

UNITS = {
    "worker@.container": """
[Unit]
Description=worker %i

[Container]
Image=busybox
Network=none
HostName=%p-%i
Volume=data@%i.volume:/data
Exec=sh -c 'echo %i > /data/who; echo I am %i; exec tail -f /dev/null'

[Service]
Restart=always

[Install]
WantedBy=multi-user.target
DefaultInstance=1
""",
    "worker@2.container.d/10-name.conf": "[Unit]\nDescription=the second of three\n",
    "data@.volume": "[Volume]\n",
    "crew.target": "[Unit]\nWants=worker@2.container worker@3.service\n"
                   "[Install]\nWantedBy=multi-user.target\n",
}

SCRIPT = r"""
await 60 'is worker@1 running && is worker@2 running && is worker@3 running'
pids() { for i in "$@"; do main worker@$i; done; }
await 20 '[ "$(cat /var/lib/sup/volumes/data@3/who)" = 3 ]'
check list 'supctl list'
check who 'cat /var/lib/sup/volumes/data@[123]/who'
check names 'for i in 1 2 3; do supctl exec worker@$i hostname; done'
check logs 'supctl logs worker@2'
check one-pids 'pids 1 3'
check stop 'supctl stop worker@2; state worker@2; pids 1 3'
check early 'supctl status worker@4'
check start 'supctl start worker@4; state worker@4; pids 1 3; supctl exec worker@4 hostname'
check four 'pids 4'
check reload 'supctl reload; pids 4; pids 1 3; state worker@2'
check pattern 'supctl status "worker@[34]"'
check none 'supctl start worker@; supctl start nobody@1'
"""


@pytest.fixture(name="seen", scope="module")
def fixture_seen(lab):
    folder = lab.appliance("templates", UNITS, [lab.busybox()])
    return lab.boot(folder, SCRIPT)


def test_three_side_by_side(seen):
    units = [line.split()[0] for line in seen.lines("list")]
    assert [u for u in units if u.startswith("worker")] == [f"worker@{i}.container" for i in "123"]
    assert [u for u in units if u.startswith("data")] == [f"data@{i}.volume" for i in "123"]
    assert "the second of three" in seen.text("list")
    assert seen.lines("who") == ["1", "2", "3"]
    assert seen.lines("names") == ["worker-1", "worker-2", "worker-3"]
    assert "I am 2" in seen.text("logs") and "I am 1" not in seen.text("logs")


def test_one_is_stopped_alone(seen):
    one = seen.lines("one-pids")
    assert len(set(one)) == 2
    assert seen.lines("stop") == ["inactive", *one]


def test_a_fourth_at_run_time(seen):
    one, four = seen.lines("one-pids"), seen.text("four")
    assert "`supctl start` makes it" in seen.text("early")
    assert seen.lines("start") == ["running", *one, "worker-4"]
    assert int(four) > 1
    assert seen.lines("reload") == [four, *one, "inactive"]
    assert [line.split()[0] for line in seen.lines("pattern")[1:]] == [
        "worker@3.container", "worker@4.container"]


def test_names_that_are_none(seen):
    assert seen.lines("none") == [
        "supctl: worker@: this is a template; name an instance of it, such as worker@1",
        "supctl: nobody@1: there is no unit and no template of that name"]
    seen.ended_well()
