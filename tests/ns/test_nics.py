"""Devices of the host in containers and on bridges: they come when they are there, and are afterwards what they were. Ends of
veth pairs stand for NICs; their other ends are the outside."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from crashbox import KILL_BUILD
from initbox import eventually
from rootbox import RootBox

SLEEP = "Rootfs=/srv/root\nExec=/bin/busybox sleep 100000\n"
INSTALL = ""
UNITS = {
    "in.container": f"[Unit]\nStartLimitIntervalSec=0\n[Container]\nInterface=eth1:lan0\nNetwork=none\n{SLEEP}",
    "boss.container": f"[Container]\nInterface=eth1\nNetwork=none\nAddCapability=NET_ADMIN NET_RAW\n{SLEEP}",
    "too.container": f"[Container]\nInterface=eth1\nNetwork=none\n{SLEEP}",
    "usb.container": f"[Container]\nInterface=usb0\nNetwork=own.network\n{SLEEP}",
    "own.network": "[Network]\nSubnet=10.30.0.0/24\n",
    "late.container": f"[Container]\nInterface=usb0\nNetwork=none\n{SLEEP}[Service]\nTimeoutStartSec=300ms\n",
    "lan.network": "[Unit]\nStartLimitIntervalSec=0\n[Network]\nSubnet=10.20.0.0/24\nInterface=eth1 eth2\nInterface=usb0\n",
    "wan.network": "[Unit]\nStartLimitIntervalSec=0\n[Network]\nDriver=macvlan\nOptions=parent=eth0\nSubnet=192.0.2.0/24\nGateway=192.0.2.1\n"
                   "IPRange=192.0.2.64/26\n",
    "mv.container": f"[Container]\nNetwork=wan.network\nAddCapability=NET_RAW\n{SLEEP}",
    "no.container": f"[Container]\nNetwork=wan.network\nPublishPort=80\n{SLEEP}",
}


class Lab(RootBox):
    """A machine with NICs."""

    def __init__(self, folder, build=None):
        super().__init__(folder, UNITS)
        self.image("root")
        self.asked = []
        for name in () if build is None else ("init", "supervisor", "supctl"):
            to = {"init": "init", "supervisor": "usr/lib/sup/supervisor", "supctl": "bin/supctl"}[name]
            shutil.copy(build / name, self.root / to)

    def ip(self, *words):
        done = subprocess.run(["nsenter", "-n", "-t", str(self.init_pid()), "ip", *words], capture_output=True,
                              text=True, timeout=20)
        assert done.returncode == 0, (words, done.stderr)
        return json.loads(done.stdout) if words[0].startswith("-j") else done.stdout

    def nic(self, name, *addresses, up=True, master=None, mac=None):
        """It has all of that when it gets its name."""
        final, name = name, f"new-{name}"
        self.ip("link", "add", name, *(["address", mac] if mac else []), "type", "veth", "peer", "name", f"peer-{final}")
        self.ip("link", "set", f"peer-{final}", "up")
        if master:
            self.ip("link", "set", name, "master", master)
        for address in addresses:
            self.ip("addr", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
        self.ip("link", "set", name, "name", final)
        if up and not final.startswith("usb"):
            self.ip("link", "set", final, "up")

    def links(self):
        """All that a lent device may lack afterwards."""
        modes = {"PROMISC", "ALLMULTI", "NOARP"}
        return {l["ifname"]: (l.get("master"), "UP" in l["flags"], l["mtu"], l["address"], modes & set(l["flags"]),
                              sorted(f"{a['local']}/{a['prefixlen']}" for a in l["addr_info"] if a["scope"] == "global"))
                for l in self.ip("-j", "addr")}

    def within(self, unit, *words):
        status, out, err = self.supctl("exec", unit, "/bin/busybox", *words)
        assert status == 0, err
        return out

    def do(self, *words):
        status, out, err = self.supctl(*words)
        assert status == 0, err
        return out

    def ask(self, *words):
        """And does not wait for it."""
        asked = self.inside("/bin/supctl", *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
        self.asked.append(asked)

    def __exit__(self, *exc):
        super().__exit__(*exc)
        for asked in self.asked:
            asked.wait(30)

    def becomes(self, unit, state, *texts):
        def look():
            status, out, _ = self.supctl("--json", "status", unit)
            if status != 0:
                return False
            u = json.loads(out)
            u = u["units"][0] if "units" in u else u
            return u["state"] == state and all(t in json.dumps(u) for t in texts)
        try:
            return eventually(look, f"{unit} is {state} {texts}")
        except AssertionError:
            raise AssertionError(self.supctl("status", unit), self.said()) from None

    def stays(self, before):
        """All is as it was."""
        try:
            eventually(lambda: self.links() == before, "links")
        except AssertionError:
            assert self.links() == before


@pytest.fixture
def box(tmp_path):
    with Lab(tmp_path) as lab:
        eventually(lambda: lab.supctl("status")[0] == 0, "it answers")
        yield lab


@pytest.mark.parametrize("died", [False, True])
def test_what_a_container_makes_of_it_is_over(box, died):
    """Its address, size and modes, which a device takes along."""
    box.nic("eth1", "192.0.2.7/24", mac="02:00:5e:00:53:07")
    box.ip("link", "set", "eth1", "mtu", "1400")
    before = box.links()
    box.do("start", "boss.container")
    for words in ("down",), ("address", "02:00:5e:00:53:66"), ("mtu", "1300"), ("promisc", "on"), ("arp", "off"), ("up",):
        box.within("boss.container", "ip", "link", "set", "eth1", *words)
    seen = box.within("boss.container", "ip", "link", "show", "eth1")
    # busybox says of IFF_PROMISC its number.
    assert [word for word in ("NOARP", "UP100,", "mtu 1300", "02:00:5e:00:53:66") if word not in seen] == [], seen
    if died:
        box.kill_supervisor()
        eventually(lambda: box.supctl("status")[0] == 0, "it answers")
    box.do("stop", "boss.container")
    box.stays(before)


def test_a_device_moves_in_and_comes_back_as_it_was(box):
    box.ip("link", "add", "br0", "type", "bridge")
    box.nic("eth1", "192.0.2.7/24", "2001:db8::7/64", master="br0")
    before = box.links()
    box.do("start", "in.container")
    assert "eth1" not in box.links()
    inside = box.within("in.container", "ip", "addr", "show", "lan0")
    assert "192.0.2.7/24" in inside and "2001:db8::7/64" in inside and ",UP" in inside
    assert "Interface: eth1->lan0\n" in box.do("status", "in.container")
    assert json.loads(box.do("--json", "status", "in.container"))["units"][0]["interfaces"] == ["eth1->lan0"]
    status, _, err = box.supctl("start", "too.container")
    assert status != 0 and "Interface=eth1: in.container has it" in err + box.do("status", "too.container")
    box.kill_supervisor()
    eventually(lambda: box.supctl("status")[0] == 0, "it answers")
    assert "192.0.2.7/24" in box.within("in.container", "ip", "addr", "show", "lan0")
    box.do("restart", "in.container")
    assert "192.0.2.7/24" in box.within("in.container", "ip", "addr", "show", "lan0")
    box.write({"in.container": UNITS["in.container"].replace("Interface=eth1:lan0", "")})
    box.do("reload")
    box.becomes("in.container", "running")
    box.stays(before)
    box.write({"in.container": UNITS["in.container"]})
    box.do("reload")
    eventually(lambda: "eth1" not in box.links(), "its file has it again")
    box.becomes("in.container", "running")
    box.do("stop", "in.container")
    box.stays(before)
    box.do("start", "too.container")
    box.do("stop", "too.container")
    box.stays(before)


def test_one_that_is_down_stays_down(box):
    box.nic("eth1", "192.0.2.7/24", up=False)
    before = box.links()
    box.do("start", "in.container")
    assert ",UP" not in box.within("in.container", "ip", "link", "show", "lan0")
    box.do("stop", "in.container")
    box.stays(before)


def test_a_start_waits_for_its_device_and_gets_it_again(box):
    box.ask("start", "usb.container")
    box.becomes("usb.container", "starting", "waiting for interface usb0")
    box.kill_supervisor()
    box.becomes("usb.container", "starting", "waiting for interface usb0")
    box.do("stop", "usb.container")
    box.becomes("usb.container", "inactive")
    box.ask("start", "usb.container")
    box.becomes("usb.container", "starting", "waiting for interface usb0")
    box.nic("usb0", "192.0.2.9/24")
    box.becomes("usb.container", "running")
    assert "waiting" not in box.do("status", "usb.container")
    mac = box.within("usb.container", "cat", "/sys/class/net/usb0/address").strip()

    def unplug():
        box.ip("link", "del", "peer-usb0")
        box.becomes("usb.container", "running", "waiting for interface usb0")

    unplug()
    assert "usb0" not in box.within("usb.container", "ip", "link")
    assert "usb0->" not in box.do("status", "usb.container")
    plan = box.do("plan", "usb.container")
    assert "interface     eth0 on own.network 10.30.0.2\nnetwork       Network=own.network\n" in plan
    assert "network       Interface=usb0\n" in plan
    assert "waiting for interface usb0" in box.do("status", "usb.container")
    assert box.log("usb.container").count("Interface=usb0: it is gone") == 1
    box.kill_supervisor()
    box.becomes("usb.container", "running", "waiting for interface usb0")
    assert "10.30.0.2/24" in box.within("usb.container", "ip", "addr", "show", "eth0")
    box.nic("usb0", mac=mac)  # the same one is again what it was
    eventually(lambda: "usb0" in box.within("usb.container", "ip", "link"), "plugged in")
    assert "192.0.2.9/24" in box.within("usb.container", "ip", "addr")
    eventually(lambda: "waiting" not in box.do("status", "usb.container"), "it waits no longer")
    unplug()
    box.ip("link", "add", "br0", "type", "bridge")
    box.nic("usb0", "192.0.2.10/24", master="br0")  # another
    eventually(lambda: "usb0" in box.within("usb.container", "ip", "link"), "plugged in")
    there = box.within("usb.container", "ip", "addr")
    assert "192.0.2.10/24" in there and "192.0.2.9/24" not in there
    box.do("stop", "usb.container")
    eventually(lambda: "usb0" in box.links(), "back")
    assert box.links()["usb0"][0] == "br0" and box.links()["usb0"][-1] == ["192.0.2.10/24"]
    assert "waiting" not in box.do("status", "usb.container")


def test_a_start_does_not_wait_for_ever(box):
    status, _, err = box.supctl("start", "late.container")
    assert status != 0 and "start timed out after 300 ms: waiting for interface usb0" in err
    box.write({"late.container": UNITS["usb.container"]})  # with the device there, a start may take as long as it takes
    box.do("reload")
    box.nic("usb0")
    box.do("start", "late.container")


def test_devices_are_ports_while_the_network_is_up(box):
    assert box.do("plan", "lan.network").splitlines() == [
        "unit          lan.network", "bridge        lan", "network       Subnet=10.20.0.0/24", "network       PortSecurity=yes",
        "network       Interface=eth1 eth2 usb0"]
    box.ip("link", "add", "br0", "type", "bridge")
    box.nic("eth1", "192.0.2.7/24", up=False)
    box.nic("eth2", "192.0.2.8/24", master="br0")
    before = box.links()
    box.do("start", "lan.network")
    box.becomes("lan.network", "running", "waiting for interface usb0")
    mac = box.links()["lan"][3]
    assert [box.links()[n][:2] for n in ("eth1", "eth2")] == 2 * [("lan", True)]
    box.nic("usb0")
    eventually(lambda: box.links()["usb0"][0] == "lan", "the one that comes")
    ports = [box.ip("-j", "-d", "link", "show", n)[0]["linkinfo"]["info_slave_data"] for n in ("eth1", "eth2", "usb0")]
    assert {p["group_fwd_mask"] for p in ports} == {"0xfffd"}  # nothing comes to the host but by the bridge
    box.becomes("lan.network", "running")
    assert "waiting" not in box.do("status", "lan.network")
    assert box.links()["lan"][3] == mac
    assert "lan.network has it" in box.supctl("start", "too.container")[2]
    box.kill_supervisor()
    box.becomes("lan.network", "running")
    box.do("stop", "lan.network")
    box.ip("link", "del", "usb0")
    box.stays(before)


def test_containers_share_a_device(box):
    """macvlan: each is on its network with an address of its own, and the host is not between."""
    assert "PublishPort= needs a network with a bridge" in box.supctl("start", "no.container")[2]
    box.ask("start", "mv.container")
    box.becomes("mv.container", "starting", "waiting for interface eth0")
    box.becomes("wan.network", "running", "waiting for interface eth0")
    box.nic("eth0", up=False)
    box.ip("addr", "add", "192.0.2.1/24", "dev", "peer-eth0")
    before = box.links()
    box.becomes("mv.container", "running")
    assert "192.0.2.64/24" in box.within("mv.container", "ip", "addr", "show", "eth0")
    assert "default via 192.0.2.1 dev eth0" in box.within("mv.container", "ip", "route")
    status = box.do("status", "mv.container")
    assert "Address: 192.0.2.64\n" in status and "Traffic:" not in status and "Bridge:" not in status
    assert "Bridge:" not in box.do("status", "wan.network")
    box.within("mv.container", "ping", "-c", "1", "-W", "9", "192.0.2.1")
    assert set(box.links()) == set(before), "nothing of it is on the host"
    box.kill_supervisor()
    box.becomes("mv.container", "running")
    box.ip("link", "del", "eth0")
    eventually(lambda: "eth0" not in box.within("mv.container", "ip", "link"), "unplugged")
    box.nic("eth0", up=False)
    box.ip("addr", "add", "192.0.2.1/24", "dev", "peer-eth0")
    eventually(lambda: "192.0.2.64/24" in box.within("mv.container", "ip", "addr"), "plugged in")
    box.within("mv.container", "ping", "-c", "1", "-W", "9", "192.0.2.1")
    box.do("stop", "mv.container")
    box.do("stop", "wan.network")
    eventually(lambda: not box.links()["eth0"][1], "down as it was")


# And what links of the host are then: their bridge, and that they are up.
@pytest.mark.parametrize("unit, nics, up, there", [
    ("in.container", ["eth1"], True, {}),
    ("lan.network", ["eth1", "eth2", "usb0"], True, {"eth1": ("lan", True), "eth2": ("lan", True), "usb0": ("lan", True)}),
    ("wan.network", ["eth0"], False, {"eth0": ("br0", True)})])
def test_wherever_the_supervisor_dies(tmp_path, unit, nics, up, there):
    """At each step of taking and of giving back."""
    with Lab(tmp_path, KILL_BUILD) as box:
        eventually(lambda: box.supctl("status")[0] == 0, "it answers")
        box.ip("link", "add", "br0", "type", "bridge")
        for i, name in enumerate(nics):
            box.nic(name, f"192.0.2.{i + 1}/24", master="br0" if i == 0 else None, up=up)
        before = box.links()
        run = Path(f"/proc/{box.init_pid()}/root/run/sup")

        def points(*words):
            (run / "kill-passed").write_text("")
            box.do(*words)
            return {n for n in (run / "kill-passed").read_text().split() if n.startswith("nic-")}

        started = set()
        for verb, state in ("start", "running"), ("stop", "inactive"):
            # after a start the supervisor hears of what it did, and may look at it again when the stop begins
            seen = points(verb, unit) - started
            assert len(seen) > 2 or unit == "wan.network"
            assert ("nic-raised" in seen) == (verb == "start" and there != {})
            started |= seen
            for point in sorted(seen):
                if verb == "start":
                    box.do("stop", unit)
                    box.stays(before)
                else:
                    box.do("start", unit)
                (run / "kill-point").write_text(f"{point} 1\n")
                box.supctl(verb, unit)
                box.becomes(unit, state)
                if verb == "stop":
                    box.stays(before)
                elif unit == "in.container":
                    assert "192.0.2.1/24" in box.within(unit, "ip", "addr", "show", "lan0"), point
                else:
                    links = box.links()
                    assert {n: links.get(n, ())[:2] for n in there} == there, point
