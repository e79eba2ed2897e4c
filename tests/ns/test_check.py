"""`supervisor check` on the folders of tests/golden/check: every line, and the exit status at the end."""

import json
import os
import resource
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
GOLDEN = TOP / "tests/golden/check"
SUPERVISOR = Path(os.environ.get("SUP_BUILD", TOP / "build" / os.uname().machine)) / "supervisor"
SUPCTL = SUPERVISOR.with_name("supctl")


def check(*words, program=SUPERVISOR, cwd=GOLDEN):
    return subprocess.run([program, *words], capture_output=True, text=True, cwd=cwd, timeout=30,
                          stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize("name", sorted(d.name for d in GOLDEN.iterdir()))
def test_folder(name):
    done = check("check", name)
    assert done.stdout + f"status {done.returncode}\n" == (GOLDEN / name / "expected.txt").read_text()
    assert done.stderr == ""


def test_supctl_says_the_same():
    one, other = check("check", "missing"), check("check", "missing", program=SUPCTL)
    assert (other.stdout, other.returncode) == (one.stdout, one.returncode)


def test_json():
    done = check("check", "--json", "wrong-key")
    faults = json.loads(done.stdout)
    assert done.returncode == 1
    assert faults[0] == {
        "level": "error", "unit": "web.container", "path": "wrong-key/web.container",
        "line": 2, "column": 1,
        "message": "unknown key Descripton= in [Unit]; did you mean Description=?",
    }
    assert json.loads(check("check", "--json", "sound").stdout) == []


def test_files_that_cannot_be_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.service")
    (tmp_path / "folder.service").mkdir()
    (tmp_path / "link.service").symlink_to("nowhere")
    done = check("check", ".", "gone.service", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert "./pipe.service: error: cannot be read: not a regular file" in lines
    assert "./folder.service: error: cannot be read: not a regular file" in lines
    assert "./link.service: error: cannot be read: No such file or directory" in lines
    assert "./gone.service: error: cannot be read: No such file or directory" in lines


def test_usage():
    assert check("check").returncode == 2
    assert check("check", program=SUPCTL).returncode == 2


def test_a_drop_in_hides_its_name_in_later_folders(tmp_path):
    for folder, nice in ("etc", "x"), ("lib", "y"):
        (tmp_path / folder / "a.service.d").mkdir(parents=True)
        (tmp_path / folder / "a.service.d/10.conf").write_text(f"[Service]\nNice={nice}\n")
    (tmp_path / "lib/a.service.d/05.conf").write_text("[Service]\nNice=z\n")
    (tmp_path / "lib/a.service").write_text("[Service]\nExecStart=/bin/a\n")
    done = check("check", "etc", "lib", cwd=tmp_path)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "lib/a.service.d/05.conf", "etc/a.service.d/10.conf"]


# ---- too much of it: refused, in bounded memory

MEMORY = 320 << 20
SERVICE = "[Service]\nExecStart=/bin/true\n"


def check_within_limits(*words, cwd):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    return subprocess.run([SUPERVISOR, "check", *words], capture_output=True, text=True, cwd=cwd, timeout=60,
                          stdin=subprocess.DEVNULL, check=False, preexec_fn=limit)


def test_row20_a_line_of_ten_megabytes(tmp_path):
    (tmp_path / "long.service").write_text("[Unit]\nDescription=" + (10 << 20) * "x" + "\n" + SERVICE)
    (tmp_path / "short.service").write_text("[Unit]\nDescription=" + (1000 << 10) * "x" + "\n" + SERVICE)
    done = check_within_limits(".", cwd=tmp_path)
    assert done.returncode == 1
    assert "./long.service: error: cannot be read: larger than 1 MiB" in done.stdout
    assert "./short.service:2:4097: error: the line is longer than 4096 bytes" in done.stdout


def test_row20_a_hundred_thousand_units(tmp_path):
    for i in range(100000):
        (tmp_path / f"u{i:06}.service").write_text(SERVICE)
    done = check_within_limits(".", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ("./u016384.service: error: there are more than 16384 files of units, or more than 8 MiB of them; "
                           "this one and those after it are not read\n")


def test_row20_a_hundred_thousand_links(tmp_path):
    """Each of which is a dependency."""
    (tmp_path / "a.service").write_text(SERVICE)
    (tmp_path / "a.service.wants").mkdir()
    for i in range(100000):
        (tmp_path / f"a.service.wants/u{i:06}.service").symlink_to("/nowhere")
    done = check_within_limits(".", cwd=tmp_path)
    assert done.returncode == 1
    assert "a.service.wants/u016383.service: error: there are more than 16384 files" in done.stdout


def dependencies(names):
    return "".join(f"Wants={' '.join(names[i:i + 300])}\n" for i in range(0, len(names), 300))


@pytest.mark.parametrize("each, refused", [(600, False), (1000, True)])
def test_row20_a_million_dependencies(tmp_path, each, refused):
    """A thousand units that want a thousand units each are too much; 600 of them are read."""
    names = [f"d{i:03}.service" for i in range(1000)]
    for name in names:
        (tmp_path / name).write_text("[Unit]\n" + dependencies([n for n in names[:each] if n != name]) + SERVICE)
    done = check_within_limits(".", cwd=tmp_path)
    assert ("more than 8 MiB of them" in done.stdout) == refused
    assert done.returncode == refused, done.stdout[-1000:]
