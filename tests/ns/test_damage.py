"""The files that the supervisor keeps, damaged in every way that a disk or a hand can: it comes up, each unit runs once, and the
next thing that is kept is kept well."""

import os
import random

import pytest

from initbox import eventually
from test_state import Kept, UNITS

# As they are written today.
FILES = {
    "state/boot": b"sup-boot 1\nboot=7\nfailed=1\nopen=1\nsafe=0\nwhy=waiting for web.container\n"
                  b"failure=6 power cut\nend\n",
    "state/leases": b"# Addresses given out by sup: unit, network, address. Kept so that they stay.\n"
                    b"sup0.network sup0.network 10.89.0.0/24\nweb.container sup0.network 10.89.0.2/24\n",
    "state/ports": b"# Ports of the host that lead into containers: unit, protocol, address, port.\n"
                   b"web.container tcp :: 8080\nother.container udp 127.0.0.1 53\n",
    "state/ids": b"web.container 65536 65536\nother.container 131072 65536\n",
    "timers/night.timer": b"1763770000000000\n",
}
TIMER = ("[Timer]\nOnCalendar=*-*-* 04:00\nPersistent=yes\nUnit=job.service\n"
         "[Install]\nWantedBy=multi-user.target\n")


JOB = "[Service]\nLimitNOFILE=1024\nType=oneshot\nExecStart=/bin/busybox true\n"


def mutated(dice, text):
    data = bytearray(text)
    for _ in range(dice.choice((1, 3, 30))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(3):
            case 0:
                data[at:at + 1] = dice.randbytes(dice.choice((1, 1, 9)))
            case 1:
                del data[at:at + dice.randrange(9)]
            case _:
                data[at:at] = dice.choice((b"\0", b"\n", b"=", b"99999999999999999999", b"-1", b"%s"))
    return bytes(data)


def garbled(text, seed):
    return {
        "nothing": b"",
        "zeros": bytes(len(text)),
        "noise": random.Random(seed).randbytes(3000),
        "half": text[:len(text) // 2],
        "newer": text.replace(b"sup-boot 1", b"sup-boot 99").replace(b"end\n", b"later=word\nend\n"),
        "numbers": text.replace(b"1", b"18446744073709551616"),
        "endless": text * 20000,
        "mutated": mutated(random.Random(seed), text),
    }


FORMS = [*garbled(b"x", 0), "folder", "fifo", "loop", "device"]
SEEDS = range(int(os.environ.get("SUP_DAMAGE_SEEDS", "3")))


def place(path, form, text, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "folder":
        path.mkdir()
    elif form == "fifo":
        os.mkfifo(path)
    elif form == "loop":
        path.symlink_to(path.name)
    elif form == "device":
        path.symlink_to("/proc/self/pagemap")
    else:
        path.write_bytes(garbled(text, seed)[form])


@pytest.mark.parametrize("form,seed", [(f, 0) for f in FORMS if f != "mutated"] +
                         [("mutated", s) for s in SEEDS])
def test_a_damaged_file_of_state(tmp_path, form, seed):
    box = Kept(tmp_path)
    (box.units / "night.timer").write_text(TIMER)
    (box.units / "job.service").write_text(JOB)
    for name, text in FILES.items():
        place(box.root / "var/lib/sup" / name, form, text, seed)
    with box:
        box.ready()
        before = box.all_run()
        assert box.copies() == len(UNITS) + 1
        assert eventually(lambda: box.unit("night.timer").get("next"), "a next time")
        assert box.data("boot")["boot"] >= 1
        # the one after a crash finds what was written since
        box.next_supervisor()
        assert box.pids() == before and box.copies() == len(UNITS) + 1
