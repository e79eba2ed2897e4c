"""The sandbox keys of services: what each of them takes away, and what it leaves."""

import pytest

from initbox import eventually
from pivotbox import PivotBox

# Each word is tried once by every unit; the log has a line for it.
TRIES = {
    "w-usr": "echo x >/usr/x",
    "w-etc": "echo x >/etc/x",
    "w-srv": "echo x >/srv/x",
    "w-srv-data": "echo x >/srv/data/x",
    "w-srv-data-keep": "echo x >/srv/data/keep/x",
    "r-secret": "cat /srv/secret/file | grep -q secret",
    "r-secret-file": "grep -q secret /srv/secret-file",
    "r-home": "cat /home/user/file | grep -q home",
    "w-home": "echo x >/home/user/x",
    "r-bound": "grep -q secret /srv/bound/file",
    "w-bound": "echo x >/srv/bound/x",
    "r-pre": "grep -q pre /tmp/pre",
    "w-tmp": "echo x >/tmp/x",
    "w-var-tmp": "echo x >/var/tmp/x",
    "w-fresh": "echo x >/srv/data/x && test ! -e /srv/data/marker",
    "r-null": "head -c 1 /dev/null",
    "w-null": "echo x >/dev/null",
    "r-other-device": "test -e /dev/other",
    "w-dev": "echo x >/dev/x",
    "w-sysctl": "cat /proc/sys/kernel/hostname >/proc/sys/kernel/hostname",
    "r-kallsyms": "test -s /proc/kallsyms && head -n 1 /proc/kallsyms | grep -q .",
    "hostname": "hostname other && test $(hostname) = other",
    "w-cgroup": "mkdir /sys/fs/cgroup/x",
}
SCRIPT = "".join(
    f"if ({command}) >/dev/null 2>&1; then echo {name} yes; else echo {name} no; fi\n"
    for name, command in TRIES.items())
ID = """echo caps $(grep CapBnd /proc/self/status | cut -f2) $(grep CapEff /proc/self/status | cut -f2) $(grep NoNewPrivs /proc/self/status | cut -f2)
for n in net ipc uts mnt; do echo ns-$n $(readlink /proc/self/ns/$n); done
echo links $(ls /sys/class/net | tr '\\n' ' ')
echo root $(head -n 1 /proc/self/mountinfo | cut -d' ' -f5) $(ls / | grep -c usr)
echo done
exec /bin/busybox sleep 100000
"""

SANDBOXES = {
    "free": [],
    "system": ["ProtectSystem=true"],
    "full": ["ProtectSystem=full", "ReadWritePaths=-/etc/none -/usr/none"],
    "strict": ["ProtectSystem=strict", "ReadWritePaths=/srv/data"],
    "nested": ["ReadOnlyPaths=/srv", "ReadWritePaths=+/srv/data/keep"],
    "hidden": ["InaccessiblePaths=/srv/secret -/srv/none /srv/secret-file"],
    "home": ["ProtectHome=yes"],
    "home-ro": ["ProtectHome=read-only"],
    "home-tmpfs": ["ProtectHome=tmpfs", "BindReadOnlyPaths=/srv/secret:/home/user"],
    "bound": ["BindPaths=/srv/secret:/srv/bound", "InaccessiblePaths=/srv/secret"],
    "bound-ro": ["BindReadOnlyPaths=-/none:/n /srv/secret:/srv/bound:rbind"],
    "fresh": ["TemporaryFileSystem=/srv/data:size=1M,mode=0700"],
    "tmp": ["PrivateTmp=yes", "ExecStartPre=/bin/busybox sh -c 'echo pre >/tmp/pre'"],
    "devices": ["PrivateDevices=yes"],
    "kernel": ["ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes",
               "ProtectControlGroups=yes", "ProtectClock=yes"],
    "alone": ["PrivateNetwork=yes", "PrivateIPC=yes", "ProtectHostname=yes", "PrivateMounts=yes"],
    "caps": ["CapabilityBoundingSet=CAP_CHOWN CAP_KILL", "CapabilityBoundingSet=~CAP_KILL",
             "NoNewPrivileges=yes"],
    "no-caps": ["CapabilityBoundingSet="],
    "ambient": ["User=nobody", "AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_KILL"],
    "plus": ["ProtectSystem=strict", "ExecStartPre=+/bin/busybox sh -c 'echo plus >/usr/plus'",
             "ExecStartPre=-/bin/busybox sh -c 'echo minus >/usr/minus'"],
    "user": ["User=nobody", "ProtectSystem=yes", "ProtectClock=yes",
             "ExecStartPre=-!/bin/busybox sh -c 'id >/srv/user; grep CapBnd /proc/self/status >>/srv/user; echo user >/usr/user'"],
}


def service(lines):
    return "\n".join(["[Service]", "LimitNOFILE=1024", "ExecStart=/bin/busybox sh /usr/lib/try", *lines,
                      "[Install]", "WantedBy=multi-user.target", ""])


UNITS = {f"{name}.service": service(lines) for name, lines in SANDBOXES.items()}
UNITS["missing.service"] = service(["ReadOnlyPaths=/srv/not-there"])
UNITS["missing-hidden.service"] = service(["InaccessiblePaths=/srv/not-there"])


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    box = PivotBox(tmp_path_factory.mktemp("box"), UNITS)
    for folder in "home/user", "srv/data/keep", "srv/secret", "srv/bound", "tmp", "var/tmp", "etc", "usr/lib":
        (box.root / folder).mkdir(parents=True, exist_ok=True)
    (box.root / "usr/lib/try").write_text("PATH=/bin\nexport PATH\n" + SCRIPT + ID)
    (box.root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:99:99::/:/bin/sh\n")
    (box.root / "etc/group").write_text("root:x:0:\nnobody:x:99:\n")
    for name in "srv/secret/file", "srv/secret-file":
        (box.root / name).write_text("secret\n")
    (box.root / "home/user/file").write_text("home\n")
    (box.root / "srv/data/marker").touch()
    (box.root / "dev/other").touch()
    for applet in "sh cat grep test head hostname mkdir readlink cut tr ls echo id".split():
        (box.root / "bin" / applet).symlink_to("busybox")
    with box:
        box.ready()
        yield box


def said(box, name):
    """The last word on each try."""
    text = eventually(lambda: (t := box.supctl("logs", name)[1]) and " done" in t and t,
                      f"{name} ends its tries; {box.supctl('logs', name)} {box.supctl('status', name)}")
    found = {}
    for line in text.splitlines():
        words = line.split()
        for at, word in enumerate(words):
            if word in TRIES or word in ("caps", "links", "root") or word.startswith("ns-"):
                found[word] = " ".join(words[at + 1:])
                break
    return found


def differences(box, name):
    """What is otherwise than in a free service."""
    free, got = said(box, "free"), said(box, name)
    return {word for word in TRIES if free[word] != got[word]}


def test_a_free_service_may_all(box):
    got = said(box, "free")
    assert {w for w in TRIES if got[w] == "no"} <= {"r-bound", "r-pre", "w-fresh", "w-cgroup", "r-kallsyms", "hostname",
                                                    "w-sysctl"}


@pytest.mark.parametrize("name, taken", [
    ("system", {"w-usr"}),
    ("full", {"w-usr", "w-etc"}),
    ("strict", {"w-usr", "w-etc", "w-srv", "w-home", "w-bound", "w-tmp", "w-var-tmp"}),
    ("nested", {"w-srv", "w-srv-data", "w-bound"}),
    ("hidden", {"r-secret", "r-secret-file"}),
    ("home", {"r-home", "w-home"}),
    ("home-ro", {"w-home"}),
    ("home-tmpfs", {"r-home", "w-home"}),
    ("bound", {"r-bound", "r-secret"}),
    ("bound-ro", {"r-bound", "w-bound"}),
    ("fresh", {"w-fresh", "w-srv-data-keep"}),
    ("tmp", {"r-pre"}),
    ("devices", {"r-other-device", "w-dev"}),
])
def test_what_a_key_changes(box, name, taken):
    assert differences(box, name) == taken


def test_kernel_settings(box):
    got = said(box, "kernel")
    assert got["r-kallsyms"] == got["w-sysctl"] == "no"
    bounding = int(got["caps"].split()[0], 16)
    for number in 16, 25, 34, 35:  # SYS_MODULE, SYS_TIME, SYSLOG, WAKE_ALARM
        assert not bounding >> number & 1
    assert bounding >> 21 & 1


def test_namespaces(box):
    free, got = said(box, "free"), said(box, "alone")
    for kind in "net", "ipc", "uts", "mnt":
        assert free[f"ns-{kind}"] != got[f"ns-{kind}"]
    assert got["hostname"] == "no"  # the name of its own, refused as by systemd


def test_the_tree_is_whole(box):
    for name in "strict", "tmp", "alone":
        assert said(box, name)["root"] == "/ 1"


def test_capabilities(box):
    assert said(box, "caps")["caps"] == "0000000000000001 0000000000000001 1"
    assert said(box, "no-caps")["caps"].split()[:2] == ["0" * 16, "0" * 16]
    assert said(box, "ambient")["caps"].split()[1:] == ["0000000000000420", "0"]
    assert said(box, "devices")["caps"].split()[0][-8:] == f"{0xffffffff & ~(1 << 27 | 1 << 17):08x}"


def test_plus_leaves_the_sandbox_out(box):
    said(box, "plus")
    assert (box.root / "usr/plus").exists()
    assert not (box.root / "usr/minus").exists()


def test_exclamation_mark_leaves_the_user_out_alone(box):
    said(box, "user")
    got = (box.root / "srv/user").read_text()
    assert got.startswith("uid=0") and int(got.split()[-1], 16) & 1 << 25 == 0, got
    assert not (box.root / "usr/user").exists()


@pytest.mark.parametrize("name, step", [("missing", "mount-sandbox"), ("missing-hidden", "mount-sandbox")])
def test_what_is_missing_is_a_fault(box, name, step):
    eventually(lambda: box.unit(name)["state"] == "failed", f"{name} fails")
    assert f"{step}: /srv/not-there: No such file or directory" in box.supctl("status", name)[1]


def test_private_tmp_stays_over_the_supervisor_and_goes_with_the_unit(box):
    said(box, "tmp")
    folder = box.root / "run/sup/tmp/tmp.service"
    old = box.supervisor_pid()
    box.kill_supervisor()
    eventually(lambda: box.supervisor_pid() not in (None, old) and box.supctl("list")[0] == 0, "the next supervisor")
    with box.inside("/bin/busybox", "cat", "/run/sup/tmp/tmp.service/tmp/pre", stdout=-1, text=True) as p:
        assert p.communicate()[0] == "pre\n"
    assert box.supctl("stop", "tmp")[0] == 0
    eventually(lambda: not folder.exists(), "its folder goes")
