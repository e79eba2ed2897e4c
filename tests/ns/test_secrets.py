"""Secret=, LoadCredential= and SetCredential=: read where they are asked for, and nowhere else."""

import os
import re
import stat
from pathlib import Path

import pytest

from initbox import eventually
from pivotbox import PivotBox

VALUE = "hunter2-Zq7"
SHOW = ("cd /run/secrets; for f in *; do echo file $f `/bin/busybox stat -c %%a:%%u:%%g $f` `/bin/busybox cat $f`; done; "
        "/bin/busybox stat -c \"other %%a:%%u:%%g %%n\" /etc/tls.key; /bin/busybox cat /etc/tls.key; "
        "echo token $TOKEN; echo credentials $CREDENTIALS_DIRECTORY; "
        "/bin/busybox cat $CREDENTIALS_DIRECTORY/set $CREDENTIALS_DIRECTORY/loaded $CREDENTIALS_DIRECTORY/instead; "
        "/bin/busybox touch /run/secrets/x 2>/dev/null && echo WRITTEN; /bin/busybox chmod 777 db 2>/dev/null && echo CHANGED; "
        "/bin/busybox grep -c secrets /proc/self/mountinfo; echo done; exec /bin/busybox sleep 100000")
KEYS = ("Secret=db\nSecret=db,target=mine,uid=5,gid=6,mode=0440\nSecret=db,target=/etc/tls.key\n"
        "Secret=db,type=env,target=TOKEN\n")
CREDENTIALS = (f"LoadCredential=loaded:/srv/loaded\nSetCredential=set:a\\tb\\n\nLoadCredential=instead:nothing\n"
               "SetCredential=instead:fallback\n")

UNITS = {
    "inside.container": f"[Container]\nRootfs=/srv/root:O\nNetwork=none\nUser=33:44\nExec=/bin/sh -c '{SHOW}'\n{KEYS}"
                        f"[Service]\n{CREDENTIALS}",
    "quiet.container": f"[Container]\nRootfs=/srv/root:O\nNetwork=none\nExec=/bin/busybox sleep 100000\n{KEYS}",
    "host.service": "[Service]\nUser=77\nLimitNOFILE=1024\nExecStartPre=/bin/busybox test -s %d/loaded\n"
                    "ExecStart=/bin/busybox sh -c 'cd $CREDENTIALS_DIRECTORY; "
                    "busybox stat -c \"%%n %%a:%%u\" * .; busybox cat loaded set; echo; echo done; exec busybox sleep 100000'\n"
                    "Environment=PATH=/bin\n" + CREDENTIALS,
    "missing.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nSecret=absent\nExec=/bin/busybox true\n",
    "open.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nSecret=open,type=env\nExec=/bin/busybox true\n",
    "linked.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nSecret=linked\nExec=/bin/busybox true\n",
    "fifo.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nSecret=fifo\nExec=/bin/busybox true\n",
    "large.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nSecret=large\nExec=/bin/busybox true\n",
    "nul.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nSecret=nul,type=env\nExec=/bin/busybox true\n",
    "gone.service": "[Service]\nLimitNOFILE=1024\nLoadCredential=x:/no/such\nExecStart=/bin/busybox true\n",
}


@pytest.fixture
def box(tmp_path):
    box = PivotBox(tmp_path, UNITS)
    (box.root / "var/lib").mkdir()
    (box.root / "srv/loaded").write_text("from a path")
    etc, var = box.root / "etc/sup/secrets", box.root / "var/lib/sup/secrets"
    for folder in etc, var:
        folder.mkdir(parents=True)
    (etc / "db").write_text(VALUE)
    (var / "db").write_text("the second one")
    (var / "open").write_text(VALUE)
    (etc / "linked").symlink_to("db")
    os.mkfifo(etc / "fifo", 0o600)
    (etc / "large").write_bytes(b"x" * 512001)
    (etc / "nul").write_bytes(b"a\0b")
    for file in etc / "db", var / "db", etc / "large", etc / "nul", box.root / "srv/loaded":
        file.chmod(0o600)
    (var / "open").chmod(0o640)
    with box:
        box.ready()
        yield box


def lines(box, unit):
    def said():
        out = box.supctl("logs", unit)[1].splitlines()
        return out if any(line.endswith("done") for line in out) else None
    return "\n".join(re.sub(r"^\S+ \S+ ", "", line) for line in eventually(said, unit))


def everything_of_the_supervisor(box):
    """Its environment and all of its memory that can be read."""
    proc = Path(f"/proc/{box.supervisor_pid()}")
    yield (proc / "environ").read_bytes()
    with open(proc / "mem", "rb", 0) as mem:
        for line in (proc / "maps").read_text().splitlines():
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "r" not in line.split()[1] or "[v" in line:
                continue
            mem.seek(start)
            yield mem.read(end - start)


def test_what_a_container_gets(box):
    assert box.supctl("start", "inside")[0] == 0, box.supctl("status", "inside")
    out = lines(box, "inside")
    assert f"file db 400:33:44 {VALUE}" in out
    assert f"file mine 440:5:6 {VALUE}" in out or "file mine 440:5:6" in out  # not its own: unreadable is well
    assert "other 400:33:44 /etc/tls.key" in out
    assert f"token {VALUE}" in out
    assert "credentials /run/credentials/inside.container" in out
    assert "a\tb" in out and "from a path" in out and "fallback" in out
    assert "WRITTEN" not in out and "CHANGED" not in out
    # what enters later has it, too
    shown = box.supctl("exec", "inside", "/bin/busybox", "sh", "-c", "echo $TOKEN; cat /run/secrets/db")
    assert shown[1].replace("\n", "") == VALUE * 2 or shown[1].split() == [VALUE, VALUE], shown
    # and the image that lies below has nothing of it
    assert not list((box.root / "srv/root/run").iterdir())


def test_nobody_else_has_it(box):
    assert box.supctl("start", "quiet")[0] == 0
    eventually(lambda: box.unit("quiet")["state"] == "running", "quiet")
    environ = Path(f"/proc/{box.host_pid(box.unit('quiet')['pid'])}/environ")
    eventually(lambda: f"TOKEN={VALUE}\0".encode() in environ.read_bytes(), "the variable")
    for words in ("plan", "quiet"), ("status", "quiet"), ("--json", "status", "quiet"), ("cat", "quiet"), ("list",):
        status, out, err = box.supctl(*words)
        assert status == 0 and VALUE not in out + err, words
    plan = box.supctl("plan", "quiet")[1]
    assert "db -> /run/secrets/db mode 0400" in plan and "db -> $TOKEN" in plan and "env           TOKEN=\n" in plan
    for part in everything_of_the_supervisor(box):
        assert VALUE.encode() not in part
    for folder in "run/sup", "var/lib/sup/state":
        for file in (box.root / folder).rglob("*"):
            if stat.S_ISREG(file.lstat().st_mode):
                assert VALUE.encode() not in file.read_bytes(), file


def test_what_a_service_gets(box):
    assert box.supctl("start", "host")[0] == 0, box.supctl("status", "host")
    out = lines(box, "host")
    assert "loaded 400:77" in out and "set 400:77" in out and ". 755:0" in out
    assert "from a path" in out and "a\tb" in out
    # mounted for it alone
    place = Path(f"/proc/{box.init_pid()}/root/run/credentials/host.service")
    assert list(place.iterdir()) == []
    assert "credentials" not in Path(f"/proc/{box.init_pid()}/mountinfo").read_text()
    # what is mounted elsewhere since is seen by it
    box.inside("/bin/busybox", "mkdir", "/run/later").wait()
    assert box.inside("/bin/busybox", "mount", "-t", "tmpfs", "none", "/run/later").wait() == 0
    box.supctl("stop", "host")
    assert box.supctl("start", "host")[0] == 0


def test_each_fault_is_named(box):
    said = {
        "missing": "secrets: absent: no such secret in /etc/sup/secrets or /var/lib/sup/secrets",
        "open": "secrets: /var/lib/sup/secrets/open: must belong to root and have mode 0600",
        "linked": "secrets: /etc/sup/secrets/linked: is a symbolic link",
        "fifo": "secrets: /etc/sup/secrets/fifo: is not a regular file",
        "large": "secrets: /etc/sup/secrets/large: File too large",
        "nul": "secrets: nul: has a NUL byte, which no variable can hold",
        "gone": "secrets: /no/such: No such file or directory",
    }
    for name, cause in said.items():
        box.supctl("start", name)
        eventually(lambda n=name: box.unit(n)["state"] == "failed", name)
        assert cause in box.unit(name)["cause"], box.unit(name)
