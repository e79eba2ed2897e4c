"""A kernel that lacks what a unit needs: the unit says so by name, the machine boots and the others run. What it lacks comes piece by
piece, and with the last one the unit runs."""

import re

import pytest

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
STAY = "/usr/bin/busybox tail -f /dev/null"
NFT = "nf_tables nf_conntrack nf_nat nft_chain_nat nft_nat nft_masq nft_ct nft_redir nft_fib_inet nft_limit nft_log"
# Without nft_reject_inet, nft_connlimit, nft_meta_bridge and nf_conntrack_netlink: what these are for is done without.
# What is missing -> what its unit says.
SAID = {
    "loop": r"image \"busybox\": open /dev/loop-control: No such file",
    "erofs": r"image \"busybox\": mount .* as erofs at .*: No such device",
    "overlay": r"mount-root: overlay: No such device",
    "bridge": r"requires lan.network, which failed: lan.network: make bridge lan .*Not supported",
    "nf_tables": r"requires lan.network, which failed: nf_tables table inet sup [(]CONFIG_NF_TABLES[?][)]: .*not supported",
    "nft": r"requires lan.network, which failed: nf_tables table inet sup [(]CONFIG_NFT_CT, .*FIB_INET[?][)]: .*No such file",
    "veth": r"veth",
}

UNITS = {
    "home.service": f"[Service]\nExecStart={STAY}\n" + INSTALL,
    "plain.container": "[Container]\nImage=busybox\nNetwork=none\n" + INSTALL,
    "lan.network": "[Network]\nSubnet=10.30.0.0/24\n",
    "web.container": "[Container]\nRootfs=/srv/root\nNetwork=lan.network\nPublishPort=8080:80\nPublishPort=5353:53/udp\nExec=/bin/busybox tail -f /dev/null\n"
                     + INSTALL,
    "limited.service": f"[Service]\nExecStart={STAY}\nMemoryMax=20M\nTasksMax=20\n" + INSTALL,
}

# PID 1 before init: takes modules away, and two controllers of groups, as a hierarchy of version 1 does.
LEAN = """#!/usr/bin/busybox sh
/usr/bin/busybox sed -i '/^virtio/!d' /etc/modules-load.d/sup.conf
/usr/bin/busybox mkdir -p /v1 /srv/root/bin
/usr/bin/busybox cp /usr/bin/busybox /srv/root/bin/
/usr/bin/busybox mount -t cgroup -o memory,pids none /v1
exec /init
"""

SCRIPT = r"""
# Else the kernel would ask for what is missing.
echo >/proc/sys/kernel/modprobe
try() { supctl reset-failed $1; supctl start $1; supctl status $1; }
await 60 'is home running && failed web && failed plain && failed limited'
check controllers 'cat /sys/fs/cgroup/cgroup.controllers'
check limited 'supctl status limited'
check home 'state home; supctl logs home'
for m in loop erofs overlay; do
	check $m 'try plain'
	modprobe $m
done
check plain 'supctl reset-failed plain; supctl start plain && state plain'
for m in bridge nf_tables nft veth; do
	check $m 'try web'
	case $m in nft) for n in @NFT@; do modprobe $n; done;; *) modprobe $m;; esac
done
check web 'supctl reset-failed web; supctl start web && state web; state home'
check uncounted 'supctl status web; cat /proc/sys/net/netfilter/nf_conntrack_max'
"""


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("lean", UNITS, [lab.busybox()], {"/etc/lean": LEAN}, more=("--append", "rdinit=/etc/lean"))
    return lab.boot(folder, SCRIPT.replace("@NFT@", NFT))


def test_the_machine_boots_and_who_needs_nothing_runs(boot):
    assert boot.lines("home")[0] == "running"
    boot.ended_well()


@pytest.mark.parametrize("what", SAID)
def test_what_is_missing_is_said_at_the_unit_that_needs_it(boot, what):
    assert re.search("Why: failed: .*" + SAID[what], boot.text(what)), boot.text(what)


def test_what_can_be_done_without_is_said_once(boot):
    lost = "going on without: open netlink socket 12: .*: it is not noticed when others change the rules of the networks"
    assert len(re.findall(lost, boot.console)) == 1
    lost = "nf_conntrack_netlink: Invalid argument: who sends by UDP without a pause stays where the port led"
    assert len(re.findall(lost, boot.console)) == 1


def test_with_the_last_missing_piece_it_runs(boot):
    assert boot.lines("plain")[-1] == "running"
    assert boot.lines("web")[-2:] == ["running", "running"]
    assert "nft_connlimit: no limit of its connections holds" in boot.text("uncounted")
    assert boot.lines("uncounted")[-1] == "16384"


def test_controllers_that_version_1_holds(boot):
    """A limit that was asked for is a fault without its controller; the one that all have is a warning."""
    assert not {"memory", "pids"} & set(boot.text("controllers").split())
    assert "MemoryMax=: this kernel has no memory.max for it" in boot.text("limited")
    assert "going on without: TasksMax=: this kernel has no pids.max for it" in boot.text("home")
