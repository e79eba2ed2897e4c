"""supctl why and supctl cat: what an operator reads about a unit that is not as it should be."""

import re

import pytest

from initbox import eventually
from test_supervisor import Appliance

SLEEP = "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sleep 1000\n"


def needs(name):
    return f"[Unit]\nRequires={name}.service\nAfter={name}.service\n"


UNITS = {
    "web.service": needs("api") + SLEEP,
    "api.service": needs("db") + SLEEP,
    "db.service": "[Service]\nLimitNOFILE=1024\nType=oneshot\nExecStart=/bin/busybox sh -c "
                  "'until [ -e /go ]; do /bin/busybox sleep 0.05; done; exit 3'\n",
    "plain.service": SLEEP + "# the last line has no end",
    "worker@.service": "[Unit]\nDescription=%i\n" + SLEEP,
    "none.service": "",
    "plain.service.d/20-b.conf": "[Service]\nNice=2\n",
    "plain.service.d/10-a.conf": "[Service]\nNice=1\n",
    "worker@7.service.d/seven.conf": "[Service]\nNice=7\n",
}
FOLDER = "/etc/sup/units"


@pytest.fixture(name="box", scope="module")
def fixture_box(tmp_path_factory):
    box = Appliance(tmp_path_factory.mktemp("why"))
    for name, text in UNITS.items():
        (box.units / name).parent.mkdir(exist_ok=True)
        (box.units / name).write_text(text)
    with box:
        box.ready()
        yield box


def test_why_step_by_step(box):
    assert box.supctl("why", "web")[1] == "web.service (inactive): nothing has asked for it\n"
    start = box.inside("/bin/supctl", "start", "web")
    eventually(lambda: box.unit("db")["state"] == "starting", "the root of it")
    status, out, _ = box.supctl("why", "web")
    assert status == 0
    assert re.fullmatch(r"web\.service \(waiting \S+\)\n"
                        r"  needs api\.service \(waiting \S+\)\n"
                        r"    needs db\.service \(starting \S+\)\n", out)
    steps = box.data("why", "web")["steps"]
    assert [(s.get("tie"), s["unit"], s["state"]) for s in steps] == [
        (None, "web.service", "waiting"), ("needs", "api.service", "waiting"),
        ("needs", "db.service", "starting")]
    (box.root / "go").touch()
    assert start.wait(30) == 1
    assert re.fullmatch(r"web\.service \(failed \S+\)\n"
                        r"  requires api\.service \(failed \S+\)\n"
                        r"    requires db\.service \(failed \S+\): exit code 3\n",
                        box.supctl("why", "web")[1])


def test_cat_is_what_is_in_force(box):
    path = f"{FOLDER}/plain.service"
    expected = (f"# {path}\n{UNITS['plain.service']}\n\n"
                f"# {path}.d/10-a.conf\n[Service]\nNice=1\n\n"
                f"# {path}.d/20-b.conf\n[Service]\nNice=2\n")
    assert box.supctl("cat", "plain") == (0, expected, "")
    (box.units / "plain.service.d/20-b.conf").write_text("[Service]\nNice=3\n")
    assert box.supctl("cat", "plain")[1] == expected
    assert box.supctl("reload")[0] == 0
    assert box.supctl("cat", "plain")[1] == expected.replace("=2", "=3")
    files = box.data("cat", "plain")["units"][0]["files"]
    assert [f["path"].rpartition("/")[2] for f in files] == ["plain.service", "10-a.conf", "20-b.conf"]
    assert files[0]["text"] == UNITS["plain.service"] and files[0]["masked"] is False


def test_cat_of_templates(box):
    whole = f"# {FOLDER}/worker@.service\n{UNITS['worker@.service']}"
    assert box.supctl("cat", "worker@.service") == (0, whole, "")
    assert box.supctl("cat", "worker@1") == (0, whole, "")
    seven = whole + f"\n# {FOLDER}/worker@7.service.d/seven.conf\n[Service]\nNice=7\n"
    assert box.supctl("cat", "worker@7") == (0, seven, "")
    assert box.supctl("start", "worker@7", "worker@8")[0] == 0
    assert box.supctl("cat", "worker@*") == (0, seven + "\n" + whole, "")


def test_cat_of_what_has_no_file(box):
    assert box.supctl("cat", "none") == (
        0, f"# {FOLDER}/none.service (masked: an empty file, or a link to /dev/null)\n", "")
    assert box.supctl("cat", "default.target") == (
        1, "", "supctl: default.target: the supervisor has made it, there is no file of it\n")
    status, out, err = box.supctl("cat", "nobody", "none")
    assert status == 4 and "none.service" in out and "nobody: no such unit" in err
