"""`supervisor check` on the folders of tests/golden/check: every line, and the exit status at the end."""

import json
import os
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
