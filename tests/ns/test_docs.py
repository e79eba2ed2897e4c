"""The manual pages: sound mdoc, every key and every command in them, examples that the supervisor takes."""

import os
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
OUT = Path(os.environ.get("SUP_BUILD", TOP / "build" / os.uname().machine))
PAGES = ["sup.conf.5", "sup.unit.5", "supctl.1", "supervisor.8", "init.8"]


def page(name):
    return (OUT / "docs" / name).read_text()


@pytest.mark.parametrize("name", PAGES)
def test_mandoc_finds_nothing(name):
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", OUT / "docs" / name],
                          capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def rows():
    """(section, key) of each row of the tables, which units.md is made of, too."""
    for part in re.split(r"^## \[", page("units.md"), flags=re.M)[1:]:
        section, text = part.split("]", 1)
        for key in re.findall(r"^\| `(\w+)=` \| done ", text, re.M):
            yield section, key


def test_every_key_is_told():
    told = []
    for section, text in re.findall(r"^\.Sh KEYS OF (\w+)\n(.*?)(?=^\.Sh )",
                                    page("sup.unit.5") + page("sup.conf.5"), re.M | re.S):
        told += [(section, key) for key in re.findall(r"^\.It Cm (\w+) Ns = Ns Ar", text, re.M)]
    image = page("sup.unit.5").split(".Sh IMAGES")[1]
    told += [("IMAGE", key) for key in re.findall(r"^\.It Cm (\w+) Ns = Ns Ar", image, re.M)]
    assert sorted(told) == sorted((section.upper(), key) for section, key in rows())
    assert len(told) > 100


def test_examples_are_sound(tmp_path):
    examples = re.findall(r"^\.Pa (\S+)\n\.Bd -literal -offset indent\n(.*?)^\.Ed", page("sup.unit.5"),
                          re.M | re.S)
    examples += re.findall(r"^\.Pa (\S+)\n\.Bd -literal -offset indent\n(.*?)^\.Ed", page("sup.conf.5"),
                           re.M | re.S)
    assert {name.split(".")[1] for name, _ in examples} == {
        "container", "service", "network", "volume", "target", "socket", "conf"}
    for name, text in examples:
        (tmp_path / name).write_text(text.replace("\\-", "-"))
    done = subprocess.run([OUT / "supervisor", "check", tmp_path], capture_output=True, text=True,
                          timeout=30, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_every_command_of_supctl_is_told():
    done = subprocess.run([OUT / "supctl", "--help"], capture_output=True, text=True, timeout=30,
                          check=True)
    commands = re.findall(r"^  (\S+) ", done.stdout, re.M)
    told = re.findall(r"^\.It Cm (\S+)", page("supctl.1"), re.M)
    assert len(commands) > 10
    assert sorted(commands) == sorted(told)


def test_every_path_is_told():
    paths = (TOP / "common/paths.h").read_text()
    text = page("supervisor.8") + page("init.8")
    for path in re.findall(r'^#define PATH_UNITS_\w+ "(\S+)"', paths, re.M):
        assert path in text and path in page("sup.unit.5")
    for path in re.findall(r'^#define PATH_(?:IMAGES|VOLUMES|LOG)\w* "(\S+)"', paths, re.M):
        assert path in text
