"""Instances of templates under the real supervisor: made by links, by names, and by an operator at run time."""

import pytest

from initbox import eventually
from test_supervisor import Appliance

SLEEP = "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sleep 1000\n"
UNITS = {
    "worker@.service": "[Unit]\nDescription=worker %i of %p\n"
                       "[Service]\nLimitNOFILE=1024\nEnvironment=ME=%i HOST=%H\n"
                       "ExecStart=/bin/busybox sh -c 'echo I am %i on $HOST; exec sleep 1000'\n",
    "broken@.service": "[Service]\nExecStart=/bin/true\nNice=x\n",
    "other.service": SLEEP,
    "hidden.service": SLEEP,
    "lazy.target": "[Unit]\nWants=hidden.service\n",
}


@pytest.fixture(name="box", scope="module")
def fixture_box(tmp_path_factory):
    box = Appliance(tmp_path_factory.mktemp("templates"))
    for name, text in UNITS.items():
        (box.units / name).write_text(text)
    (box.units / "worker@1.service").symlink_to("worker@.service")
    wants = box.units / "multi-user.target.wants"
    wants.mkdir()
    for name in "worker@1.service", "worker@2.service", "worker@3.service":
        (wants / name).symlink_to("../worker@.service")
    (wants / "other.service").symlink_to("../other.service")
    drop = box.units / "worker@2.service.d"
    drop.mkdir()
    (drop / "10.conf").write_text("[Unit]\nDescription=the second\n")
    lib = box.root / "usr/lib/sup/units"
    lib.mkdir(parents=True, exist_ok=True)
    (box.units / "hidden.service").unlink()
    (box.units / "hidden.service").write_text("")
    (lib / "hidden.service").write_text(SLEEP)
    with box:
        box.ready()
        eventually(lambda: box.unit("worker@3")["state"] == "running", "the instances")
        yield box


def test_three_run_side_by_side(box):
    assert box.unit("worker@1")["description"] == "worker 1 of worker"
    assert box.unit("worker@2")["description"] == "the second"
    assert box.unit("worker@1")["file"] == "/etc/sup/units/worker@.service"
    pids = {box.unit(f"worker@{i}")["pid"] for i in "123"}
    assert len(pids) == 3
    eventually(lambda: "I am 3 on" in box.supctl("logs", "worker@3")[1], "the log of its own")
    assert "I am 1" not in box.supctl("logs", "worker@3")[1]
    names = [u["name"] for u in box.data("status")["units"]]
    assert "worker@.service" not in names


def test_one_is_stopped_alone(box):
    others = [box.unit(n)["pid"] for n in ("worker@1", "worker@3", "other")]
    assert box.supctl("stop", "worker@2")[0] == 0
    assert box.unit("worker@2")["state"] == "inactive"
    assert [box.unit(n)["pid"] for n in ("worker@1", "worker@3", "other")] == others


def test_one_more_at_run_time(box):
    others = [box.unit(n)["pid"] for n in ("worker@1", "worker@3", "other")]
    # what was edited meanwhile is not read
    (box.units / "other.service").write_text(SLEEP + "Nice=1\n")
    status, _, err = box.supctl("status", "worker@7")
    assert (status, err) == (4, "supctl: worker@7: there is a template, but no such instance: "
                                "`supctl start` makes it\n")
    assert box.supctl("start", "worker@7") == (0, "", "")
    pid = box.unit("worker@7")["pid"]
    assert [box.unit(n)["pid"] for n in ("worker@1", "worker@3", "other")] == others
    # it survives a reload, which then reads what was edited
    assert box.supctl("reload")[0] == 0
    assert box.unit("worker@7")["pid"] == pid
    eventually(lambda: box.unit("other").get("pid") not in (None, others[2]), "other, started again")
    # stopped and wanted by nobody, it goes
    assert box.supctl("stop", "worker@7")[0] == 0
    assert box.unit("worker@7")["state"] == "inactive"
    assert box.supctl("reload")[0] == 0
    assert box.supctl("status", "worker@7")[0] == 4
    assert box.supctl("restart", "worker@8.service") == (0, "", "")
    assert box.unit("worker@8")["state"] == "running"


def test_names_that_are_none(box):
    for word, why in (("worker@", "this is a template; name an instance of it, such as worker@1"),
                      ("worker@.service", "this is a template; name an instance of it, such as worker@1"),
                      ("nobody@1", "there is no unit and no template of that name"),
                      ("worker@a b", "this is not the name of a unit: at most 63 of A-Z a-z 0-9 : _ . @ -"),
                      ("worker@../../x", "this is not the name of a unit: at most 63 of A-Z a-z 0-9 : _ . @ -"),
                      ("worker@" + "x" * 50, "there is no unit and no template of that name")):
        status, _, err = box.supctl("start", word)
        assert (status, err) == (4, f"supctl: {word}: {why}\n")


def test_a_broken_template(box):
    status, _, err = box.supctl("start", "broken@1")
    assert status == 1
    assert "/etc/sup/units/broken@.service:3:6: Nice=" in err
    faults = [line for line in box.supctl("faults")[1].splitlines() if "broken@" in line]
    assert len(faults) == 1


def test_a_mask(box):
    assert box.unit("hidden")["state"] == "masked"
    status, _, err = box.supctl("start", "hidden")
    assert (status, err) == (1, "supctl: hidden.service is masked by /etc/sup/units/hidden.service: "
                                "an empty file, or a link to /dev/null\n")
    assert box.supctl("start", "lazy.target")[0] == 0


def test_patterns(box):
    rows = box.supctl("status", "worker@[13]")[1].splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["worker@1.service", "worker@3.service"]
    assert box.supctl("restart", "worker@[12]*")[0] == 0
    assert box.unit("worker@2")["state"] == "running"
    assert box.supctl("stop", "worker@*")[0] == 0
    assert {u["state"] for u in box.data("status", "worker@*")["units"]} == {"inactive"}
    assert box.supctl("stop", "nobody@*") == (4, "", "supctl: nobody@*: no such unit: none is called like that\n")
