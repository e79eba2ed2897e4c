"""Images as the supervisor finds and mounts them, in a mount namespace with empty /run and /var/lib."""

import os
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("SUP_BUILD", "build/x86_64")).resolve()
IMAGECTL = BUILD / "tests/ns/helpers/imagectl"
SECONDS = 60
IMAGES = "/var/lib/sup/images"
MOUNTED = "/run/sup/images"
# `tree NAME FILE` makes the folder of an image; `mounts` counts what is mounted of images.
PRELUDE = f"""
set -eu
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
mkdir -p {IMAGES}
cd {IMAGES}
tree() {{
	mkdir -p "$1/proc" "$1/sys" "$1/dev" "$1/run" "$1/tmp" "$1/var/tmp" "$1/etc"
	touch "$1/etc/hosts" "$1/etc/resolv.conf" "$1/etc/hostname"
	echo "$2" >"$1/version"
}}
erofs() {{ mkfs.erofs "$1.new" "$2" >/dev/null && mv "$1.new" "$1"; }}
mounts() {{ grep -c ' {MOUNTED}/' /proc/self/mounts || true; }}
loops() {{ grep -ls '{IMAGES}/' /sys/block/loop*/loop/backing_file | wc -l; }}
ctl() {{ {IMAGECTL} "$@" || true; }}
"""


def inside(script):
    """The lines that a shell script prints there."""
    done = subprocess.run(["unshare", "--mount", "sh", "-c", PRELUDE + script], text=True,
                          stdout=subprocess.PIPE, timeout=SECONDS, check=True)
    return done.stdout.splitlines()


def test_file_is_mounted_once_and_found_again():
    lines = inside(f"""
tree /run/tree one
erofs 'docker.io+redis:7.erofs' /run/tree
printf '[Image]\\nUser=redis\\n' >'docker.io+redis:7.ini'
ctl mount docker.io/redis:7
ctl mount docker.io/redis:7 | head -n 1
mounts; loops
cat '{MOUNTED}/docker.io+redis:7/version'
""")
    root = f"root {MOUNTED}/docker.io+redis:7"
    assert lines == [root, "user redis", "lacks no", root, "1", "1", "one"]


def test_released_without_a_trace():
    assert inside(f"""
tree /run/tree one
erofs web.erofs /run/tree
ctl mount web >/dev/null
ctl release web
mounts; loops
ls {MOUNTED} | wc -l
""") == ["0", "0", "0"]


def test_release_spares_who_still_has_it():
    assert inside(f"""
tree /run/tree one
erofs web.erofs /run/tree
ctl mount web >/dev/null
mkdir /run/clone
mount --bind {MOUNTED}/web /run/clone
ctl release web
cat /run/clone/version; loops
umount /run/clone
loops
""") == ["one", "1", "0"]


def test_replaced_file_is_mounted_anew():
    assert inside(f"""
tree /run/tree one
erofs web.erofs /run/tree
ctl mount web >/dev/null
echo two >/run/tree/version
erofs web.erofs /run/tree
ctl mount web >/dev/null
cat {MOUNTED}/web/version
mounts; loops
""") == ["two", "1", "1"]


def test_folder_is_used_as_it_is():
    assert inside("""
tree web one
ctl mount web
mounts
""") == [f"root {IMAGES}/web", "user -", "lacks no", "0"]


def test_mount_points_that_are_missing():
    assert inside("""
tree web one
rmdir web/tmp
ctl mount web | tail -n 1
ctl mount web --read-only | tail -n 1
mkdir web/tmp
ctl mount web --read-only | tail -n 1
rm web/etc/hosts
ln -s /nowhere web/etc/hosts
ctl mount web --read-only | tail -n 1
""") == ["lacks no", "lacks yes", "lacks no", "lacks yes"]


@pytest.mark.parametrize("prepare, ref, said", [
    ("", "redis", 'image "redis": not found in /usr/lib/sup/images, /var/lib/sup/images '
                  "(redis.erofs, redis.squashfs, redis/)"),
    ("", "../etc", 'image "../etc": not a name of an image'),
    ("", "a/../../etc", "not found in"),
    ("mkfifo f.erofs", "f", "not found in"),
    ("mkdir g; mkfifo g.ini", "g", "g.ini: not a regular file of at most 64 KiB"),
    ("mkdir h; ln -s /etc/passwd h.ini", "h", "ymbolic link"),
    ("mkdir i; printf '[Image]\\nUsre=x\\n' >i.ini", "i", "i.ini"),
    ("mkdir k; head -c 70000 /dev/zero >k.ini", "k", "of at most 64 KiB"),
    ("echo junk >j.erofs", "j", f"mount {IMAGES}/j.erofs as erofs"),
])
def test_errors(prepare, ref, said):
    line, mounts, loops = inside(f"{prepare}\nctl mount {ref}\nmounts; loops\n")
    assert line.startswith("error ") and said in line
    assert (mounts, loops) == ("0", "0")
