"""Many containers on one bridge, started and stopped again and again: what the kernel and the supervisor have then is what they had
before. 50 of them twice here; all that is asked for with SUP_CROWD=200 SUP_CROWD_ROUNDS=20."""

import contextlib
import json
import os
import re
from collections import Counter

import pytest

from initbox import eventually
from test_reconcile import FREE, SLEEP, NetBox

CROWD = int(os.environ.get("SUP_CROWD", "50"))
ROUNDS = int(os.environ.get("SUP_CROWD_ROUNDS", "2"))
# A connection of supctl may just be there.
SPARE_FDS = 4
AT_ONCE = 25

NAMES = [f"c{i}" for i in range(CROWD)]
# One stays throughout: with nobody on a network the table of the guard may be there, empty, or not.
UNITS = {"lan.network": "[Network]\nSubnet=10.30.0.0/20\n" + FREE, "rest.container": "[Container]\nNetwork=lan.network\n" + SLEEP}
UNITS |= {f"{n}.container": f"[Container]\nNetwork=lan.network\nPublishPort={10000 + i}:80\n" + SLEEP for i, n in enumerate(NAMES)}


class Crowd(NetBox):
    def all_of_them(self, verb):
        for i in range(0, CROWD, AT_ONCE):
            status, out, err = self.supctl(verb, *NAMES[i:i + AT_ONCE])
            assert status == 0, out + err

    def kernel(self):
        """Links, addresses, routes and rules, line by line. Numbers of links go up, and counters."""
        links = json.loads(self.on_host("ip", "-d", "-j", "link"))
        addresses = re.sub(r"^\d+: ", "", self.on_host("ip", "-o", "address"), flags=re.M)
        rules = re.sub(r"(packets|bytes) \d+", "", self.on_host("nft", "list", "ruleset"))
        return {"links": sorted(f"{l['ifname']} {l.get('ifalias')}" for l in links),
                "addresses": sorted(addresses.splitlines()),
                "routes": sorted(self.on_host("ip", "route", "show", "table", "all").splitlines()),
                "rules": sorted(re.findall(r"[^\s,]+", rules))}

    def at_rest(self, wanted):
        """The kernel removes a namespace, and the links in it, a moment after its last user. What there is then, as wanted or not."""
        with contextlib.suppress(AssertionError):
            eventually(lambda: wanted(self.kernel()), "", seconds=120)
        return self.kernel()

    def held(self):
        return {name: len(os.listdir(f"/proc/{pid}/fd"))
                for name, pid in (("init", self.init_pid()), ("supervisor", self.supervisor_pid()))}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What there was before the first round, after each one, and in the middle of the last."""
    with Crowd(tmp_path_factory.mktemp("crowd"), UNITS) as box:
        box.ready()
        assert box.supctl("start", "rest")[0] == 0
        # The kernel gives its port an address of IPv6, and asks for a second or two whether somebody has it.
        first = box.at_rest(lambda kernel: "fe80:" in str(kernel["routes"]) and "tentative" not in str(kernel["addresses"]))
        found = [(first, box.held())]
        for _ in range(ROUNDS):
            box.all_of_them("start")
            full = box.kernel()
            box.all_of_them("stop")
            found.append((box.at_rest(lambda kernel: kernel == first), box.held()))
            if found[-1][0] != first:
                break
        yield found, full
        assert "Segmentation" not in box.said()
        assert "mended" not in box.journal()


def test_all_were_there(told):
    _, full = told
    assert sum("sup:" in link for link in full["links"]) == CROWD + 2
    assert all(str(10000 + i) in full["rules"] for i in range(CROWD))


def differences(before, now):
    """'- ' before what is no more, '+ ' before what is new."""
    was, is_now = Counter(before), Counter(now)
    return sorted([f"- {line}" for line in was - is_now] + [f"+ {line}" for line in is_now - was])


@pytest.mark.parametrize("what", ["links", "addresses", "routes", "rules"])
def test_as_before(told, what):
    found, _ = told
    for n, (kernel, _) in enumerate(found):
        assert differences(found[0][0][what], kernel[what]) == [], f"after round {n}"


@pytest.mark.parametrize("who", ["init", "supervisor"])
def test_descriptors(told, who):
    """Of a namespace that leaks one would be left as well."""
    found, _ = told
    counts = [held[who] for _, held in found]
    assert counts[-1] <= counts[0] + SPARE_FDS, counts
