"""Images whose maker is the enemy: each is refused with a reason, or runs and can do no more than any other. Nothing of the
host is read, changed or waited for: canaries there are compared."""

import ctypes
import hashlib
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from initbox import DEADLINE, eventually
from rootbox import RootBox

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))
import probing  # noqa: E402
from hostile import HOST, IMAGES, PASSWD, SAME, UP, VOLUME, make_hostile  # noqa: E402

STARTS = 10
RENAME_EXCHANGE = 2
AT_FDCWD = -100


def unit(name, lines):
    more = [] if any(line.startswith("Exec=") for line in lines) else ["Exec=/probe canary=/srv/host/hosts inside=/probe"]
    return "\n".join(["[Container]", f"Rootfs=/srv/{name}", "Network=none", *lines, *more,
                      "[Service]", "Type=oneshot", "TimeoutStartSec=40", ""])


class Watch:
    """Whether somebody opens, reads or changes what is in a folder: inotify(7)."""

    WHAT = 0x1 | 0x2 | 0x4 | 0x20 | 0x100 | 0x200 | 0x40 | 0x80  # access, modify, attrib, open, create, delete, moves

    def __init__(self, place):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self.fd, os.fsencode(place), self.WHAT) >= 0

    def events(self):
        """Since the last time."""
        try:
            return os.read(self.fd, 65536)
        except BlockingIOError:
            return b""


def untouched(box):
    assert box.watch.events() == b"", "the canaries were looked at"
    assert snapshot(box) == box.before
    box.watch.events()


def snapshot(box):
    """All that the host has, but where it works."""
    found = {}
    for top in "srv/host", "srv/data", "usr", "bin", "init":
        for place in [box.root / top, *(box.root / top).rglob("*")]:
            st = place.lstat()
            content = hashlib.sha256(place.read_bytes()).hexdigest() if stat.S_ISREG(st.st_mode) else None
            found[str(place)] = (st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_size, content)
    return found


def make_host(box):
    host = box.root / HOST[1:]
    host.mkdir(parents=True)
    (box.root / "srv/data").mkdir()
    for name in "hosts", "passwd", "group", "resolv.conf", "hostname", "program":
        (host / name).write_text("canary\n")
    os.mkfifo(host / "fifo")


def make_image(box, name, change):
    root = box.image(name)
    make_hostile(root, change)
    return root


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    cases = {"plain": (None, [], SAME), **IMAGES}
    b = RootBox(tmp_path_factory.mktemp("hostile"), {f"{n}.container": unit(n, lines) for n, (_, lines, _) in cases.items()})
    make_host(b)
    for name, (change, _, _) in cases.items():
        make_image(b, name, change)
    with b:
        b.ready()
        b.watch = Watch(b.root / HOST[1:])
        b.before = snapshot(b)
        assert b.watch.events() != b""
        b.plain = run(b, "plain")[1]
        yield b


def run(box, name):
    """What is said of its end, and of what it wrote."""
    box.supctl("start", name)
    found = eventually(lambda: (u := box.unit(name))["state"] not in ("starting", "running", "stopping") and u,
                       f"{name} ends; {box.said()}", 2 * DEADLINE)
    return found, box.log(name)


def holes(log):
    return {name for name, (word, _) in probing.verdicts(log).items() if word == "fail"}


@pytest.mark.parametrize("name", IMAGES)
def test_image(box, name):
    _, _, said = IMAGES[name]
    found, log = run(box, name)
    untouched(box)
    if said is SAME:
        assert "tried," in log, found
        assert holes(log) <= holes(box.plain)
    else:
        assert said in found.get("why", "") + log


def exchange(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE)


@pytest.mark.parametrize("place, lines", [("dev", []), ("proc", []), ("sys", []), ("etc", []), ("vol", [VOLUME]),
                                          ("work", ["WorkingDir=/work"]), ("tmp", ["ReadOnly=yes"])])
@pytest.mark.parametrize("to", [HOST, "/proc/self/cwd", f"{UP}srv/host"], ids=["host", "cwd", "up"])
def test_swapped_while_it_starts(box, place, lines, to):
    """Who else has the root folder puts a link where a folder was, and back, while containers start there."""
    name = f"race-{place}-{len(to)}"
    root = make_image(box, name, None)
    (root / place).mkdir(exist_ok=True)
    (root / "other").symlink_to(to)
    box.write({f"{name}.container": unit(name, [*lines, "Exec=/bin/busybox true"]) + "[Unit]\nStartLimitIntervalSec=0\n"})
    assert box.supctl("reload")[0] == 0
    over = threading.Event()

    def swap():
        while not over.wait(0.0003):
            assert exchange(root / place, root / "other") == 0
    racer = threading.Thread(target=swap)
    racer.start()
    try:
        ends = [run(box, name)[0] for _ in range(STARTS)]
    finally:
        over.set()
        racer.join()
    untouched(box)
    for end in ends:
        assert end["state"] == "inactive" or end["why"], end


# ---- a container that becomes hostile while it runs ----

LURK = {
    "lurk.container": unit("lurk", ["Exec=/probe --lurk"]).replace("Type=oneshot\n", ""),
    "turncoat.container": unit("turncoat", ["Exec=/bin/busybox sleep 1000"]).replace("Type=oneshot\n", ""),
}


def test_who_comes_in_brings_nothing(box):
    """CVE-2019-5736, CVE-2024-21626, CVE-2016-9962: what enters a container is waited for there."""
    make_image(box, "lurk", None)
    box.write(LURK)
    assert box.supctl("reload")[0] == 0
    assert box.supctl("start", "lurk")[0] == 0
    eventually(lambda: "lurks" in box.log("lurk"), "it lurks")
    for words in ["/bin/busybox", "true"], ["/proc/self/exe", "--list"], ["/proc/1/exe"], ["/proc/self/fd/3"]:
        for _ in range(15):
            box.supctl("exec", "lurk", *words)
    assert "fail" not in box.log("lurk")
    assert box.supctl("stop", "lurk")[0] == 0
    untouched(box)


@pytest.mark.parametrize("change", ["mkfifo /etc/passwd", "ln -s /proc/1/environ /etc/passwd", "mkdir /etc/passwd",
                                    "dd if=/dev/zero of=/etc/passwd bs=1 count=1 seek=20G"])
def test_users_are_looked_up_without_waiting(box, change):
    """The container changes its own /etc/passwd, and then somebody wants a command in it."""
    if not (box.root / "srv/turncoat").exists():
        make_image(box, "turncoat", None)
    box.write({"turncoat.container": LURK["turncoat.container"].replace("[Service]", "User=web\n[Service]")})
    (box.root / "srv/turncoat/etc/passwd").unlink(missing_ok=True)
    (box.root / "srv/turncoat/etc/passwd").write_bytes(PASSWD)
    assert box.supctl("reload")[0] == 0
    assert box.supctl("start", "turncoat")[0] == 0
    etc = box.root / "srv/turncoat/etc"
    eventually(lambda: box.supctl("exec", "turncoat", "/bin/busybox", "id", "-u") == (0, "33\n", ""), "it has been set up")
    (etc / "passwd").unlink()
    with box.inside("/bin/busybox", "sh", "-c", f"cd /srv/turncoat && /bin/busybox {change.replace(' /etc', ' etc', 1).replace('of=/', 'of=')}") as p:
        assert p.wait(DEADLINE) == 0
    status, _, err = box.supctl("exec", "turncoat", "/bin/busybox", "id", "-u")
    assert status != 0
    assert "/etc/passwd" in err
    if etc.joinpath("passwd").is_dir():
        etc.joinpath("passwd").rmdir()
    assert box.supctl("stop", "turncoat")[0] == 0
    untouched(box)
