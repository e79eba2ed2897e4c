"""What a container must not be able to do or see, on a machine of its own: the checks of tests/helpers/probe.c, one test each.
The container's root is an image whose maker was hostile; beside it stand a neighbour and a service of the host."""

import shutil
import sys
from pathlib import Path

import pytest
from conftest import BUILD, CACHE, alone, run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))
import probing  # noqa: E402

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
SECRET = "word-of-another"
MARKER = "environment-of-the-host"
HOST = "abstract=of-host port=7001 shm-key=7002 queue=of-host shm-file=of-host"
WORDS = (f"secret={SECRET} marker={MARKER} host=sup canary=/usr/bin/busybox abstract=of-host "
         "neighbour-abstract=of-neighbour port=7001 shm-key=7002 queue=of-host shm-file=of-host "
         "neighbour-file=/of-neighbour " + " ".join(probing.FACTS))
UNITS = {
    "host.service": f"[Service]\nEnvironment=MARKER={MARKER}\nExecStart=/usr/bin/probe --stand {HOST} {SECRET}\n" + INSTALL,
    "neighbour.container": "[Container]\nImage=probe\nNetwork=none\nTmpfs=/of-neighbour\n"
                           f"Exec=--stand abstract=of-neighbour {SECRET}\n" + INSTALL,
    "stay.container": "[Container]\nImage=probe\nNetwork=none\nExec=--stand\n" + INSTALL,
}

# The unit of the probe is made here: it says what only a running machine knows.
SCRIPT = f"""
await 60 'supctl logs host | grep -q stands && supctl logs neighbour | grep -q stands && is stay running'
check host 'supctl logs host'
words="{WORDS} host-pid=$(main host) neighbour-pid=$(main neighbour) supervisor-pid=$(supervisor | tail -c 4)"
for kind in mnt pid net uts ipc cgroup user; do words="$words ns-$kind=$(readlink /proc/1/ns/$kind)"; done
mkdir -p /run/sup/units
printf '[Container]\\nImage=probe\\nNetwork=none\\nExec=%s\\n[Service]\\nType=oneshot\\n' "$words" >/run/sup/units/probe.container
supctl reload
supctl start probe
await 240 'supctl logs -n 1000 probe | grep -q tried,'
check main 'supctl logs -n 1000 probe'
check exec "supctl exec stay /probe $words </dev/null 2>&1 | cat" # what it is given is the caller's choice
check canary 'ls /usr/bin/busybox'
"""


def image(name="probe"):
    """By mkfs.erofs itself: mkimage would leave out what makes an image hostile."""
    root = CACHE / f"{name}-root"
    out = CACHE / f"{name}-image/probe.erofs"
    with alone("images"):
        shutil.rmtree(root, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.unlink(missing_ok=True)
        for folder in "proc", "sys", "dev", "etc", "tmp", "run", "var/tmp":
            (root / folder).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        for file in "hosts", "hostname", "resolv.conf":
            (root / "etc" / file).touch()
        shutil.copy(BUILD / "tests/helpers/probe", root / "probe")
        probing.hostile_files(root)
    run("mkfs.erofs", out, root)
    out.with_suffix(".ini").write_text("[Image]\nEntrypoint=/probe\n")
    return f"probe={out}"


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("probe", UNITS, [image(lab.name("probe"))], more=lab.helper_on_host("probe"))
    return lab.boot(folder, SCRIPT)


@pytest.fixture(scope="module")
def said(boot):
    return {way: probing.verdicts(boot.text(way)) for way in ("main", "exec")}


@pytest.mark.parametrize("name", probing.names())
@pytest.mark.parametrize("way", ["main", "exec"])
def test_probe(said, way, name):
    word, what = said[way].get(name, ("fail", "it was not tried"))
    # What this kernel has not got is out of reach. A fact that the test owes is no reason not to try.
    lacking = word == "skip" and "nobody has said" not in what
    assert lacking or word == "pass", what


def test_ends_well(boot):
    boot.ended_well()
    assert boot.text("canary") == "/usr/bin/busybox"


def test_most_is_there_to_be_tried(said):
    for way, found in said.items():
        tried = [name for name, (word, _) in found.items() if word != "skip"]
        assert len(tried) > 0.8 * len(probing.names()), way
