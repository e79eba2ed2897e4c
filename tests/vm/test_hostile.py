"""Hostile images as files: erofs, with a writable layer over it, as a machine gets them from elsewhere. The root folders that
are bound as they are have their tests in the ns ring."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import BUILD, CACHE, alone, run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))
import probing  # noqa: E402
from hostile import IMAGES, SAME, make_hostile  # noqa: E402

NAMES = """nodes dev-null-own proc-full volume-inside passwd-two-roots etc-link-inside hosts-fifo resolv.conf-device workdir-root files
proc-link-host dev-link-host dev-link-pid1 etc-link-host etc-link-fd tmp-link-host run-link-self hosts-magic
hosts-folder volume-up volume-proc workdir-fd passwd-fifo passwd-zero passwd-link passwd-huge-id program-fifo
program-elf program-interpreter-exe program-link-exe-1""".split()
WHOLE = "nodes", "dev-null-own", "proc-full", "volume-inside"  # all checks of the probe; in the others a few
# Not all: what mkfs.erofs cannot pack (long names, deep trees, sparse files of 20 GB) is for the other ring.
# Where the machine has what an image wants to lead to.
HOST = "mkdir -p /srv/host /srv/data; for f in hosts passwd group resolv.conf hostname program; do echo canary >/srv/host/$f; done\n"
STATE = ("find /init /usr /etc /srv -xdev '(' -type f -exec sha256sum {} + -o -exec stat -c '%n %F %a %u:%g %h' {} + ')' | "
         "sort | sha256sum")
SCRIPT = HOST + f"""
await 60 'supctl list'
check before "{STATE}"
""" + "".join(f"""
supctl start {name}
await 90 '! is {name} starting && ! is {name} running && ! is {name} stopping'
check {name} 'supctl status {name}; supctl logs -n 400 {name}'
""" for name in NAMES) + f"""
check after "{STATE}"
"""


def unit(name):
    lines = IMAGES[name][1]
    more = [] if any(line.startswith("Exec=") for line in lines) else ["Exec=/probe canary=/srv/host/hosts inside=/probe " +
                                                                             ("" if name in WHOLE else "only=host-file-plain")]
    return "\n".join(["[Container]", f"Image={name}", "Network=none", *lines, *more, "[Service]", "Type=oneshot", ""])


def image(name):
    root = CACHE / "hostile-root"
    out = CACHE / f"hostile-images/{name}.erofs"
    with alone("images"):
        shutil.rmtree(root, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.unlink(missing_ok=True)
        for folder in "bin", "proc", "sys", "dev", "etc", "tmp", "run", "var/tmp":
            (root / folder).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        shutil.copy(BUILD / "tests/helpers/probe", root / "probe")
        make_hostile(root, IMAGES[name][0])
    run("mkfs.erofs", "-zlz4", out, root)
    out.with_suffix(".ini").write_text("[Image]\n")
    return f"{name}={out}"


@pytest.fixture(scope="module")
def boot(lab):
    units = {f"{name}.container": unit(name) for name in NAMES}
    return lab.boot(lab.appliance("hostile", units, [image(name) for name in NAMES]), SCRIPT)


# What is open to root outside, which root inside is then. A folder of the initramfs can have no other owners.
UNMAPPED = {"uid-map", "gid-map", "namespace-user", "read-slabs", "read-vmalloc", "read-page-types", "read-dmi-serial"}


def holes(text):
    found = {name for name, (word, _) in probing.verdicts(text).items() if word == "fail"}
    return found - UNMAPPED if "runs without a user namespace: owners of" in text else found


@pytest.mark.parametrize("name", NAMES)
def test_image(boot, name):
    said = IMAGES[name][2]
    text = boot.text(name)
    if said is SAME:
        assert re.search(r"\btried,", text), text
        # nothing that the image without its own tricks could not do either
        assert holes(text) <= holes(boot.text("nodes")), text
    else:
        assert said in text


def test_nothing_of_the_host_has_changed(boot):
    assert boot.text("before") == boot.text("after")


def test_ends_well(boot):
    boot.ended_well()
