"""Filters of system calls, in containers and services that really run: what is tried inside ends as the filter says."""

import errno
import json
import shutil
import signal

import pytest

import initbox
from initbox import eventually
from pivotbox import PivotBox

E = errno
CALLS = "/bin/calls"
SLEEP = "Exec=/bin/busybox sleep 1000"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"

# A profile as the engines write it: all but three, one of them by its argument, one for who has no CAP_SYS_ADMIN.
PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    "syscalls": [
        {"names": ["fchown", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": E.EXDEV},
        {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": E.EDOM,
         "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
        {"names": ["fchmod"], "action": "SCMP_ACT_ERRNO", "errnoRet": E.ESRCH,
         "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
    ],
}


def container(*lines, service=""):
    return "\n".join(["[Container]", "Rootfs=/srv/root:O", "Network=none", SLEEP, *lines, service, INSTALL])


def service(*lines):
    return "\n".join(["[Service]", "LimitNOFILE=1024", "Type=oneshot", *lines, ""])


RESTRICTED = ("SystemCallFilter=@system-service\nSystemCallFilter=~@sync @chown\nSystemCallErrorNumber=EXDEV\n"
              "RestrictAddressFamilies=AF_UNIX\nMemoryDenyWriteExecute=yes\nRestrictRealtime=yes\n"
              "RestrictSUIDSGID=yes\nRestrictNamespaces=yes\nLockPersonality=yes\n")
RESTRICTED_TRIES = {
    "getpid": 0, "sync": E.EXDEV, "chown": E.EXDEV, "mount": E.EXDEV, "inet": E.EAFNOSUPPORT, "unix": 0,
    "write-exec": E.EPERM, "realtime": E.EPERM, "set-user-id": E.EPERM, "plain-mode": E.EBADF,
    "unshare-user": E.EPERM, "unshare-files": 0, "clone3": E.ENOSYS, "setns": E.EPERM,
    "personality": E.EPERM, "personality-query": 0, "new": E.ENOSYS, "other-machine": -signal.SIGSYS,
}

UNITS = {
    "plain.container": container(),
    "open.container": container("SeccompProfile=unconfined"),
    "own.container": container("SeccompProfile=/etc/profile.json"),
    "both.container": container(service="[Service]\nSystemCallFilter=~@sync\nSystemCallErrorNumber=EXDEV\n"
                                        "RestrictRealtime=yes"),
    # What its init lives by is refused to the program: it gets the filter alone.
    "narrow.container": "\n".join([
        "[Container]", "Rootfs=/srv/root:O", "Network=none", f"Exec={CALLS} getpid", "[Service]", "Type=oneshot",
        "SystemCallFilter=~rt_sigtimedwait kill prctl memfd_create rt_sigprocmask:EPERM ", ""]),
    "killed.container": "\n".join([
        "[Container]", "Rootfs=/srv/root:O", "Network=none", "Exec=/bin/busybox sync", "[Service]",
        "SystemCallFilter=~sync", ""]),
    "privileges.container": container("NoNewPrivileges=no", "RunInit=no", "User=1000",
                                      service="[Service]\nSystemCallFilter=~@sync:EXDEV"),
    "missing.container": container("SeccompProfile=/etc/missing.json"),
    "bad.container": container("SeccompProfile=/etc/bad.json"),
    "restricted.service": service(f"ExecStart={CALLS} " + " ".join(RESTRICTED_TRIES), RESTRICTED),
    "free.service": service(f"ExecStart={CALLS} unshare-files sync inet write-exec clock"),
    "implied.service": service(f"ExecStart={CALLS} clock host-name kernel-log sync",
                               "ProtectClock=yes\nProtectHostname=yes\nProtectKernelLogs=yes"),
    # With full rights: no filter. As root, and no more: all of it.
    "user.service": service(f"ExecStart=!{CALLS} inet", RESTRICTED, "User=1000"),
    "plus.service": service(f"ExecStart=+{CALLS} inet", RESTRICTED),
    "nobody.service": service(f"ExecStart={CALLS} inet unix", RESTRICTED, "User=1000"),
    "dies.service": service("ExecStart=/bin/busybox sync", "SystemCallFilter=~sync"),
}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    box = PivotBox(tmp_path_factory.mktemp("box"), UNITS)
    for folder in "srv/root/bin", "bin":
        shutil.copy(initbox.BUILD / "tests/helpers/calls", box.root / folder / "calls")
    (box.root / "etc/profile.json").write_text(json.dumps(PROFILE))
    (box.root / "etc/bad.json").write_text('{ "defaultAction": "SCMP_ACT_NOTIFY" }')
    with box:
        box.ready()
        box.at_rest(["plain.container", "open.container", "own.container", "both.container",
                     "privileges.container"])
        yield box


def tries(box, unit, *names):
    code, out, err = box.supctl("exec", unit, CALLS, *names)
    assert code == 0, err
    return {name: int(no) for name, no in (line.split() for line in out.splitlines())}


def mode(box, unit):
    code, out, err = box.supctl("exec", unit, "/bin/busybox", "grep", "Seccomp", "/proc/1/status", "/proc/self/status")
    assert code == 0, err
    return [line.split() for line in out.splitlines()]


DEFAULT_TRIES = {
    "getpid": 0, "unshare-user": E.EPERM, "unshare-files": 0, "clone-user": E.EPERM, "clone3": E.ENOSYS,
    "setns": E.EPERM, "keyctl": E.EPERM, "add-key": E.EPERM, "bpf": E.EPERM, "io-uring": E.EPERM,
    "userfaultfd": E.EPERM, "personality": E.EPERM, "personality-query": 0, "tiocsti": E.EPERM,
    "tiocsti-64": E.EPERM, "tioclinux-64": E.EPERM, "tiocgwinsz": E.EBADF, "vsock": E.EPERM,
    "vsock-64": E.EPERM, "inet": 0, "unix": 0, "write-exec": 0, "set-user-id": E.EBADF, "sync": 0,
    "new": E.ENOSYS, "other-machine": -signal.SIGSYS,
}


def test_default_profile(box):
    assert tries(box, "plain", *DEFAULT_TRIES) == DEFAULT_TRIES


def test_unconfined_is_unconfined(box):
    got = tries(box, "open", "clone3", "keyctl", "tiocsti", "vsock")
    assert E.EPERM not in got.values() and got["clone3"] == E.EINVAL and got["tiocsti"] == E.EBADF


def test_every_process_inside_has_it(box):
    rows = mode(box, "plain")
    assert [r[1] for r in rows] == ["2", "1", "2", "1"]  # one filter: that of PID 1, and of exec


def test_profile_of_the_engines(box):
    assert tries(box, "own", "chown", "inet", "unix", "plain-mode", "clone3", "sync") == {
        "chown": E.EXDEV, "inet": E.EDOM, "unix": 0, "plain-mode": E.ESRCH, "clone3": E.EINVAL, "sync": 0}


def test_keys_come_on_top_of_the_profile(box):
    assert tries(box, "both", "sync", "realtime", "unshare-user", "inet") == {
        "sync": E.EXDEV, "realtime": E.EPERM, "unshare-user": E.EPERM, "inet": 0}
    rows = mode(box, "both")
    assert [r[1] for r in rows] == ["2", "1", "2", "2"]  # the container's init has the profile alone


def test_the_containers_init_lives_by_what_its_program_may_not(box):
    code, _, err = box.supctl("start", "narrow")
    assert code == 0, err
    eventually(lambda: "getpid 0" in box.supctl("logs", "narrow")[1], box.said())


def test_a_killed_program_is_told(box):
    box.supctl("start", "killed")
    eventually(lambda: box.unit("killed.container")["state"] == "failed", box.said())
    assert "SYS" in json.dumps(box.unit("killed.container"))


def test_without_no_new_privileges(box):
    """The right to load a filter without it is gone after exec."""
    assert tries(box, "privileges", "sync", "unshare-user") == {"sync": E.EXDEV, "unshare-user": E.EPERM}
    code, out, _ = box.supctl("exec", "privileges", "/bin/busybox", "grep", "-E", "^(Cap(Prm|Eff|Inh|Amb)|NoNew)",
                              "/proc/1/status")
    assert code == 0
    assert all(int(line.split()[1], 16) == 0 for line in out.splitlines()), out


@pytest.mark.parametrize("unit, said", [
    ("missing", "SeccompProfile=/etc/missing.json: No such file"),
    ("bad", "SeccompProfile=/etc/bad.json: its defaultAction is none that is done here")])
def test_profile_that_cannot_be_had(box, unit, said):
    eventually(lambda: box.unit(f"{unit}.container")["state"] == "failed", box.said())
    assert said in box.supctl("status", unit)[1]


@pytest.mark.parametrize("unit, expected", [
    ("restricted", RESTRICTED_TRIES),
    ("free", {"unshare-files": 0, "sync": 0, "inet": 0, "write-exec": 0, "clock": E.EINVAL}),
    ("implied", {"clock": E.EPERM, "host-name": E.EPERM, "kernel-log": E.EPERM, "sync": 0}),
    ("plus", {"inet": 0}),
    ("user", {"inet": E.EAFNOSUPPORT}),
    ("nobody", {"inet": E.EAFNOSUPPORT, "unix": 0})])
def test_services(box, unit, expected):
    code, _, err = box.supctl("start", unit)
    assert code == 0, err

    def words():
        return [line.split()[-2:] for line in box.supctl("logs", unit)[1].splitlines()]

    eventually(lambda: len([w for w in words() if w[0] in expected]) >= len(expected), box.said())
    assert {w[0]: int(w[1]) for w in words() if w[0] in expected} == expected


def test_a_killed_service_is_told(box):
    assert box.supctl("start", "dies")[0] != 0
    assert "SYS" in json.dumps(box.unit("dies.service"))


def test_plan_says_it(box):
    code, out, _ = box.supctl("plan", "both")
    lines = [line for line in out.splitlines() if line.startswith("seccomp")]
    assert code == 0
    assert lines[0].split()[:2] == ["seccomp", "default"] and "instructions)" in lines[0]
    assert lines[1].split()[1] == "SystemCallFilter=~@sync"
    assert "unconfined" in box.supctl("plan", "open")[1]
