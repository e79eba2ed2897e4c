"""Many containers on one bridge, started and stopped again and again: what the kernel and the supervisor have then is what they had
before. 50 of them twice here; all that is asked for with SUP_CROWD=200 SUP_CROWD_ROUNDS=20."""

import json
import os
import re

import pytest

from initbox import eventually
from test_reconcile import FREE, SLEEP, NetBox

CROWD = int(os.environ.get("SUP_CROWD", "50"))
ROUNDS = int(os.environ.get("SUP_CROWD_ROUNDS", "2"))
# A connection of supctl may just be there.
SPARE_FDS = 4
AT_ONCE = 25

NAMES = [f"c{i}" for i in range(CROWD)]
UNITS = {"lan.network": "[Network]\nSubnet=10.30.0.0/22\n" + FREE}
UNITS |= {f"{n}.container": f"[Container]\nNetwork=lan.network\nPublishPort={10000 + i}:80\n" + SLEEP for i, n in enumerate(NAMES)}


class Crowd(NetBox):
    def all_of_them(self, verb):
        for i in range(0, CROWD, AT_ONCE):
            status, out, err = self.supctl(verb, *NAMES[i:i + AT_ONCE])
            assert status == 0, out + err

    def kernel(self):
        """Links, addresses, routes, rules, and how many network namespaces there are. Numbers of links go up, and counters."""
        links = json.loads(self.on_host("ip", "-d", "-j", "link"))
        rules = re.sub(r"(packets|bytes) \d+", "", self.on_host("nft", "list", "ruleset"))
        return {"links": sorted((l["ifname"], l.get("ifalias")) for l in links),
                "addresses": re.sub(r"^\d+: ", "", self.on_host("ip", "-o", "address"), flags=re.M),
                "routes": self.on_host("ip", "route", "show", "table", "all"), "rules": sorted(rules.split()),
                "neighbours": len(self.on_host("ip", "neighbour").splitlines())}

    def held(self):
        return {name: len(os.listdir(f"/proc/{pid}/fd"))
                for name, pid in (("init", self.init_pid()), ("supervisor", self.supervisor_pid()))}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What there was before the first round, after each one, and in the middle of the last."""
    with Crowd(tmp_path_factory.mktemp("crowd"), UNITS) as box:
        box.ready()
        assert box.supctl("start", "lan.network", NAMES[0])[0] == 0
        assert box.supctl("stop", NAMES[0])[0] == 0
        first = box.kernel()
        found = [(first, box.held())]
        for _ in range(ROUNDS):
            box.all_of_them("start")
            full = box.kernel()
            box.all_of_them("stop")
            # The kernel removes a namespace, and the links in it, a moment after its last user.
            eventually(lambda: box.kernel()["links"] == first["links"], "no link is left", seconds=120)
            found.append((box.kernel(), box.held()))
        yield found, full
        assert "Segmentation" not in box.said()
        assert "mended" not in box.journal()


def test_all_were_there(told):
    _, full = told
    assert sum(alias is not None for _, alias in full["links"]) == CROWD + 1
    assert all(str(10000 + i) in full["rules"] or f"{10000 + i}" in " ".join(full["rules"]) for i in range(CROWD))


@pytest.mark.parametrize("what", ["links", "addresses", "routes"])
def test_as_before(told, what):
    found, _ = told
    assert all(kernel[what] == found[0][0][what] for kernel, _ in found)


@pytest.mark.parametrize("who", ["init", "supervisor"])
def test_descriptors(told, who):
    """Of a namespace that leaks one would be left as well."""
    found, _ = told
    counts = [held[who] for _, held in found]
    assert counts[-1] <= counts[0] + SPARE_FDS, counts
