"""Learn=yes on a kernel with tracing: what a unit uses is recorded over its restarts and the supervisor's end, nobody else's
calls are, and a unit with exactly the printed lines runs while one with a word less fails."""

import json
import re

import pytest

WORK = "touch /tmp/f && chown 5:6 /tmp/f && mkdir /tmp/d && echo worked && exec tail -f /dev/null"
CONTAINER = f"[Container]\nImage=busybox\nNetwork=none\nExec=sh -c '{WORK}'\n"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"

UNITS = {
    "learn.container": CONTAINER + "Learn=yes\n" + INSTALL,
    "later.container": CONTAINER + "Learn=yes\n",
    "node.service": "[Service]\nType=oneshot\nLearn=yes\nExecStart=/usr/bin/busybox mknod /tmp/node c 1 3\n" + INSTALL,
    # beside them, and not to be seen in what they use
    "noise.service": "[Service]\nExecStart=/usr/bin/busybox sh -c 'while :; do ln -s x /tmp/link; rm /tmp/link; sleep 1; done'\n" + INSTALL,
}

SCRIPT = r"""
worked() { supctl logs -n 400 $1 | grep -c worked; }
try() {
	{ cat /tmp/plain; supctl audit learn | sed -n '/^\[/,$p' | sed "$2"; } >/run/sup/units/$1.container
	supctl reload
	supctl start $1
	await 60 "[ \$(worked $1) -gt 0 ] || failed $1"
	state $1
	supctl status $1
	supctl logs $1
}
mkdir -p /run/sup/units
sed '/Learn=/d; /Install/,$d' /usr/lib/sup/units/learn.container >/tmp/plain
check later 'supctl audit later'
await 120 '[ "$(worked learn)" = 1 ] && is node inactive'
check first 'supctl audit learn'
check plan 'supctl plan learn'
check status 'supctl --json status learn'
# what an operator does inside is not the unit's
check exec 'supctl exec learn rm /tmp/f && kill -9 $(supervisor); supctl restart learn'
await 60 '[ "$(worked learn)" = 2 ]'
check second 'supctl --json audit learn'
check node 'supctl audit node'
check exact 'try exact ""'
check less 'try less "s/ mkdir//"'
check poor 'try poor "s/CAP_CHOWN//"'
mount -t tracefs tracefs /sys/kernel/tracing
check kept 'ls /sys/kernel/tracing/instances /run/sup/learn'
for u in learn node; do
	mkdir /run/sup/units/$u.$(ls /usr/lib/sup/units | sed -n "s/^$u\.//p").d
done
printf '[Container]\nLearn=no\n' >/run/sup/units/learn.container.d/no.conf
printf '[Service]\nLearn=no\n' >/run/sup/units/node.service.d/no.conf
check gone 'supctl reload && ls /sys/kernel/tracing/instances /run/sup/learn; cat /sys/kernel/tracing/kprobe_events'
check after 'await 30 "is learn running"; state learn; supctl audit learn | grep -c Learned'
"""


@pytest.fixture(scope="module")
def boot(lab):
    return lab.boot(lab.appliance("learn", UNITS, [lab.busybox()]), SCRIPT)


def words(lines, key):
    return [w for line in lines if line.startswith(key + "=") for w in line.partition("=")[2].split()]


def test_the_lines_have_what_was_used_and_nothing_else(boot):
    lines = boot.ok("first").splitlines()
    assert any(re.match(r"Learned in 1 start, since .* ago", line) for line in lines), lines
    assert "DropCapability=all" in lines
    assert words(lines, "AddCapability") == ["CAP_CHOWN"]
    calls = set(words(lines, "SystemCallFilter"))
    assert {"mkdir", "openat"} <= calls and {"fchownat", "chown", "lchown", "@chown"} & calls
    # of the launch and the container's init, of others, of nobody
    foreign = {"mount", "@mount", "symlink", "symlinkat", "unlink", "unlinkat", "setns", "seccomp", "capset", "pivot_root",
               "rt_sigtimedwait", "sethostname", "waitid", "@known", "@system-service"}
    assert not foreign & calls, calls
    boot.ended_well()


def test_it_is_shown(boot):
    assert re.search(r"^learn +yes$", boot.ok("plan"), re.MULTILINE)
    assert "lacks" not in json.loads(boot.ok("status"))
    assert "later.container does not run" in boot.ok("later")
    assert "Nothing is learned yet: not started with Learn=yes" in boot.ok("later")


def test_starts_add_up_over_the_end_of_the_supervisor(boot):
    boot.ok("exec")
    learned = json.loads(boot.ok("second"))["learned"]
    assert learned["starts"] == 2 and learned["lost"] == 0
    assert {"mkdir", "execve", "brk"} <= set(learned["calls"])
    assert not {"symlink", "unlink", "unlinkat"} & set(learned["calls"])
    assert words(learned["lines"], "AddCapability") == ["CAP_CHOWN"]


def test_a_service_that_has_ended(boot):
    lines = boot.ok("node").splitlines()
    assert lines[0] == "node.service does not run"
    assert words(lines, "CapabilityBoundingSet") == ["CAP_MKNOD"]
    assert {"mknod", "mknodat"} & set(words(lines, "SystemCallFilter"))


def test_a_unit_with_the_printed_lines_runs_and_with_a_word_less_fails(boot):
    assert boot.lines("exact")[0] == "running", boot.text("exact")
    assert boot.lines("less")[0] == "failed", boot.text("less")
    assert boot.lines("poor")[0] == "failed", boot.text("poor")
    assert "Operation not permitted" in boot.text("poor")


def test_it_goes_with_the_key(boot):
    assert {"sup-learn.container", "sup-node.service", "learn.container", "node.service"} <= set(boot.text("kept").split())
    assert not {"sup-", "learn.container", "cap_capable"} & set(re.findall(r"sup-|learn\.container|cap_capable", boot.ok("gone")))
    assert boot.lines("after") == ["running", "0"]
