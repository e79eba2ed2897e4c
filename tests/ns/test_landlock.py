"""Landlock: with one key of a sort all of that sort that the unit does not name is refused, to root as well."""

import pytest

from initbox import eventually
from pivotbox import PivotBox

TRIES = {
    "r-data": "grep -q data /srv/data/file",
    "w-data": "echo x >/srv/data/new && rm /srv/data/new && mkdir /srv/data/d && rmdir /srv/data/d",
    "r-only": "grep -q only /srv/only/file",
    "ls-only": "ls /srv/only",
    "x-only": "/srv/only/true",
    "w-only": "echo x >/srv/only/file",
    "truncate": ": >/srv/only/file",
    "r-other": "grep -q other /srv/other/file",
    "w-other": "echo x >/srv/other/file",
    "ls-root": "ls /",
    "mv-out": "mv /srv/data/file /srv/other/stolen",
    "null": "echo x >/dev/null",
    "bind-80": "timeout 1 nc -l -p 80; test $? -ge 124",
    "bind-81": "timeout 1 nc -l -p 81; test $? -ge 124",
    "connect-80": "nc 127.0.0.1 80 2>&1 | grep -q refused",
    "connect-81": "nc 127.0.0.1 81 2>&1 | grep -q refused",
}
# timeout(1) ends by SIGTERM, nc by itself when the port is not to be had
SCRIPT = "PATH=/bin\n" + "".join(
    f"if ( {command} ) >/dev/fd/1 2>&1; then echo {name} yes; else echo {name} no; fi\n"
    for name, command in TRIES.items()) + "echo done\nexec sleep 100000\n"
BASE = "LandlockRead=/bin /srv/try -/none /proc"
FILES = [BASE + " /srv/only", "LandlockWrite=/srv/data"]

CASES = {
    "free": [],
    "files": FILES,
    "bind": ["LandlockTCPBind=80"],
    "connect": ["LandlockTCPConnect=81", "LandlockTCPBind=any"],
    "none": ["LandlockTCPBind=none"],
}


def service(lines, name):
    """On files of its own: some are changed."""
    return "\n".join(["[Service]", "LimitNOFILE=1024", "PrivateNetwork=yes", f"BindPaths=/copies/{name}/srv:/srv", "ExecStart=/bin/busybox sh /srv/try", *lines,
                      "[Install]", "WantedBy=multi-user.target", ""])


def container(lines):
    return "\n".join(["[Container]", "Rootfs=/srv/root:O", "Network=none", "Exec=/bin/busybox sh /srv/try", *lines,
                      "[Install]", "WantedBy=multi-user.target", ""])


UNITS = {f"{name}.service": service(lines, name) for name, lines in CASES.items()}
UNITS |= {"c-files.container": container(FILES), "c-free.container": container([]),
          "c-bind.container": container(["LandlockTCPBind=80"])}
UNITS["user.service"] = service([*FILES, "User=nobody"], "user")
UNITS["missing.service"] = service(["LandlockRead=/not-there"], "free")


def fill(root):
    for folder in "srv/data", "srv/only", "srv/other":
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "file").write_text(folder.rpartition("/")[2] + "\n")
    (root / "srv/only/true").write_text("#!/bin/busybox true\n")
    (root / "srv/only/true").chmod(0o755)
    (root / "srv/try").write_text(SCRIPT)
    (root / "bin").mkdir(exist_ok=True)
    for applet in "sh cat grep test ls echo rm mkdir rmdir mv nc timeout sleep true".split():
        link = root / "bin" / applet
        if not link.is_symlink():
            link.symlink_to("busybox")


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    box = PivotBox(tmp_path_factory.mktemp("box"), UNITS)
    (box.root / "etc").mkdir(exist_ok=True)
    (box.root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:99:99::/:/bin/sh\n")
    fill(box.root)
    fill(box.root / "srv/root")
    for name in [*CASES, "user"]:
        fill(box.root / "copies" / name)
    with box:
        box.ready()
        yield box


def said(box, name):
    text = eventually(lambda: (t := box.supctl("logs", name)[1]) and " done" in t and t,
                      f"{name} ends its tries; {box.supctl('logs', name)} {box.supctl('status', name)}")
    found = {}
    for line in text.splitlines():
        words = line.split()
        for at, word in enumerate(words):
            if word in TRIES and at + 1 < len(words) and words[at + 1] in ("yes", "no"):
                found[word] = words[at + 1]
    return found


REFUSED = {"w-only", "truncate", "r-other", "w-other", "ls-root", "mv-out", "null"}


@pytest.mark.parametrize("name", ["free", "c-free"])
def test_without_it_all_is_allowed(box, name):
    assert {w for w, got in said(box, name).items() if got == "no"} == set()


@pytest.mark.parametrize("name", ["files", "c-files"])
def test_files(box, name):
    got = said(box, name)
    assert {w for w in got if got[w] == "no" and not w.startswith("bind")} == REFUSED


def test_files_of_a_user(box):
    got = said(box, "user")
    assert REFUSED <= {w for w in got if got[w] == "no"}
    assert got["r-only"] == got["r-data"] == "yes"


@pytest.mark.parametrize("name", ["bind", "c-bind"])
def test_a_port_to_listen_on(box, name):
    got = said(box, name)
    assert got["bind-80"] == "yes"
    assert got["bind-81"] == got["connect-80"] == got["connect-81"] == "no"
    assert got["w-other"] == "yes"


def test_a_port_to_connect_to(box):
    got = said(box, "connect")
    assert got["connect-81"] == got["bind-80"] == got["bind-81"] == "yes"
    assert got["connect-80"] == "no"


def test_no_port(box):
    got = said(box, "none")
    assert {w for w in got if got[w] == "no"} == {"bind-80", "bind-81", "connect-80", "connect-81"}


def test_who_comes_later_is_in_it_too(box):
    said(box, "c-files")
    status, _, err = box.supctl("exec", "c-files", "/bin/busybox", "cat", "/srv/other/file")
    assert status != 0 and "Permission denied" in err
    status, out, err = box.supctl("exec", "c-files", "/bin/busybox", "cat", "/srv/only/file")
    assert (status, out) == (0, "only\n"), err


def test_what_is_missing_is_a_fault(box):
    eventually(lambda: box.unit("missing")["state"] == "failed", "missing fails")
    assert "landlock: /not-there: No such file or directory" in box.supctl("status", "missing")[1]
