"""What a container must not be able to do or see, tried from inside by tests/helpers/probe.c: one test a check. The
container is one with nothing but its root in its unit; beside it stand a neighbour and a service of the host, with what
there is to be found."""

import contextlib
import os
import shutil
import sys
from pathlib import Path

import pytest

from initbox import DEADLINE, eventually
from rootbox import RootBox

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))
import probing  # noqa: E402

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
SECRET = "word-of-another"
MARKER = "environment-of-the-host"
PORT = 7001
HOST = f"abstract=of-host port={PORT} shm-key=7002 queue=of-host shm-file=of-host"
UNITS = {
    "host.service": f"[Service]\nLimitNOFILE=1024\nExecStart=/bin/probe --stand {HOST} {SECRET}\n" + INSTALL,
    "neighbour.container": "[Container]\nRootfs=/srv/neighbour\nNetwork=none\n"
                           f"Exec=/probe --stand abstract=of-neighbour {SECRET}\n" + INSTALL,
    "stay.container": "[Container]\nRootfs=/srv/stay\nNetwork=none\nExec=/bin/busybox sleep 1000\n" + INSTALL,
    "second.container": "[Container]\nRootfs=/srv/stay:O\nNetwork=none\nRunInit=no\nExec=/bin/busybox sleep 1000\n" + INSTALL,
}


def facts(box):
    namespaces = "mnt", "pid", "net", "uts", "ipc", "cgroup", "user"
    own = [f"ns-{n}={os.readlink(f'/proc/{box.init_pid()}/ns/{n}')}" for n in namespaces]
    return [f"secret={SECRET}", f"marker={MARKER}", "host=the-host", "canary=/srv/canary",
            *probing.FACTS, "abstract=of-host", "neighbour-abstract=of-neighbour", f"port={PORT}",
            "shm-key=7002", "queue=of-host", "shm-file=of-host", "neighbour-file=/of-neighbour",
            f"host-pid={box.unit('host')['pid']}", f"neighbour-pid={box.unit('neighbour')['pid']}",
            "supervisor-pid=" + box.pid_inside(box.supervisor_pid()), *own]


def as_main(box, words):
    """The main process of a container that is started for it."""
    box.write({"probe.container": "[Container]\nRootfs=/srv/probe\nNetwork=none\nExec=/probe " + " ".join(words) + "\n"
               "[Service]\nType=oneshot\n"})
    assert box.supctl("reload")[0] == 0
    box.supctl("start", "probe")
    return eventually(lambda: "tried," in (log := box.log("probe")) and log, "the probe ends", 4 * DEADLINE)


def as_command(box, words):
    """A command in a running container."""
    return box.supctl("exec", "stay", "/probe", *words)[1]


def without_init(box, words):
    return box.supctl("exec", "second", "/probe", *words)[1]


WAYS = {"main": as_main, "exec": as_command, "exec-no-init": without_init}


@contextlib.contextmanager
def standing(box):
    """The box runs, with all that there is to be found."""
    for image in "probe", "stay", "neighbour":
        probing.hostile_files(box.image(image))
    (box.root / "srv/neighbour/of-neighbour").touch()
    (box.root / "srv/canary").touch()
    shutil.copy(box.root / "srv/probe/probe", box.root / "bin/probe")
    with box:
        box.ready()
        for unit in "host", "neighbour":
            eventually(lambda u=unit: "stands" in box.log(u), f"{unit} stands; {box.said()}")
        for unit in "stay", "second":
            eventually(lambda u=unit: box.unit(u)["state"] == "running", f"{unit} runs; {box.said()}")
        yield


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Way -> name of a check -> what came of it."""
    box = RootBox(tmp_path_factory.mktemp("probe"), UNITS, {"MARKER": MARKER})
    with standing(box):
        words = facts(box)
        yield {way: probing.verdicts(run(box, words)) for way, run in WAYS.items()}


@pytest.mark.parametrize("name", probing.names())
@pytest.mark.parametrize("way", WAYS)
def test_probe(said, way, name):
    word, what = said[way].get(name, ("fail", "it was not tried"))
    # What this kernel has not got is out of reach. A fact that the test owes is no reason not to try.
    lacking = word == "skip" and "nobody has said" not in what
    assert lacking or word == "pass", what


def test_most_is_there_to_be_tried(said):
    for way, found in said.items():
        tried = [name for name, (word, _) in found.items() if word != "skip"]
        assert len(tried) > 0.8 * len(probing.names()), way
