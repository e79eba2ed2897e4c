"""Networks beside what the host has already: a subnet that is chosen keeps clear of the addresses of its interfaces, one that a
file gives and that overlaps them is told of."""

import json

import pytest

from initbox import eventually
from test_live import LiveBox
from test_reconcile import FREE, SLEEP


def web(network, more=""):
    return f"[Container]\nNetwork={network}.network\n{more}" + SLEEP


UNITS = {
    "free.network": "[Network]\n" + FREE,
    "given.network": "[Network]\nSubnet=10.40.0.0/24\nIPv6=yes\nSubnet=fd40::/64\n" + FREE,
    "other.network": "[Network]\nSubnet=10.41.0.0/24\n" + FREE,
    "lan.network": "[Network]\nSubnet=10.42.0.0/24\nInterface=eth7\n" + FREE,
    "sup0.container": "[Container]\n" + SLEEP,
    **{f"on-{n}.container": web(n) for n in ("free", "given", "other", "lan")},
}


@pytest.fixture(name="box")
def fixture_box(tmp_path):
    with LiveBox(tmp_path, UNITS) as b:
        b.ready()
        yield b
        assert "Segmentation" not in b.said()


def nic(box, name, *addresses):
    box.on_host("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}-peer")
    box.on_host("ip", "link", "set", name, "up")
    for address in addresses:
        box.on_host("ip", "address", "add", address, "dev", name)


def start(box, *units):
    status, out, err = box.supctl("start", *units)
    assert status == 0, out + err


def subnets(box, name):
    found = json.loads(box.on_host("ip", "-j", "address", "show", name))[0]["addr_info"]
    return {f"{a['local']}/{a['prefixlen']}" for a in found if a["scope"] == "global"}


def overlaps(box):
    return [line.partition("its subnet overlaps ")[2] for line in box.journal().splitlines() if "its subnet" in line]


def test_a_chosen_subnet_keeps_clear_of_the_host(box):
    nic(box, "eth8", "10.88.0.1/16", "10.89.1.7/24")
    box.on_host("ip", "address", "add", "10.89.0.9/24", "dev", "eth8", "valid_lft", "1000", "preferred_lft", "1000")
    start(box, "on-free", "sup0.container")
    assert subnets(box, "free") | subnets(box, "sup0") == {"10.89.2.1/24", "10.89.3.1/24"}
    assert overlaps(box) == []


def test_what_leaves_no_choice_is_told(box):
    nic(box, "eth8", "10.0.0.5/8", "fd00::1/8")
    start(box, "on-free")
    assert subnets(box, "free") == {"10.89.0.1/24"}
    assert overlaps(box) == ["10.0.0.5/8 of eth8: some of what is there is not reached"]


def test_who_comes_later_moves_nothing_while_it_stands(box):
    start(box, "on-free", "sup0.container")
    nic(box, "eth8", "10.88.0.1/16", "10.89.0.7/24")
    assert box.unit("on-free")["state"] == "running"
    before, had = box.addresses("on-free"), subnets(box, "sup0")
    box.reborn()
    box.reload(free_network="[Network]\nOptions=mtu=1400\n")
    assert (subnets(box, "free"), subnets(box, "sup0")) == ({"10.89.0.1/24"}, {"10.88.0.1/21"}) and had == {"10.88.0.1/21"}
    assert box.addresses("on-free") == before
    assert overlaps(box) == []
    # When it is made anew it goes out of the way.
    assert box.supctl("stop", "free.network", "sup0.network")[0] == 0
    start(box, "on-free", "sup0.container")
    assert subnets(box, "free") | subnets(box, "sup0") == {"10.89.1.1/24", "10.89.2.1/24"}
    moved = subnets(box, "sup0")
    # And stays there, also when 10.88.0.0/21 is free again.
    box.on_host("ip", "link", "delete", "eth8")
    box.reborn()
    assert eventually(lambda: box.unit("sup0.container")["state"] == "running", "taken over")
    assert subnets(box, "sup0") == moved
    assert {a.rpartition(".")[0] for a in box.addresses("sup0.container")["eth0"]} == {next(iter(moved)).rpartition(".")[0]}


def test_a_given_subnet_that_the_host_has_is_told(box):
    nic(box, "eth8", "10.40.0.77/16", "fd40::7/64")
    start(box, "on-given", "on-other")
    assert subnets(box, "given") == {"10.40.0.1/24", "fd40::1/64"}
    assert overlaps(box) == ["10.40.0.77/16 of eth8: some of what is there is not reached",
                             "fd40::7/64 of eth8: some of what is there is not reached"]
    # A supervisor that takes over does not say it again, the next start does.
    box.reborn()
    assert len(overlaps(box)) == 2
    assert box.supctl("stop", "given.network")[0] == 0
    start(box, "on-given")
    assert len(overlaps(box)) == 4


def test_the_bridge_and_its_ports_are_its_own(box):
    box.on_host("ip", "link", "add", "lan", "type", "bridge")
    box.on_host("ip", "address", "add", "10.42.0.9/24", "dev", "lan")
    nic(box, "eth7", "10.42.0.8/24")
    start(box, "on-lan")
    assert "10.42.0.1/24" in subnets(box, "lan")
    assert overlaps(box) == []
