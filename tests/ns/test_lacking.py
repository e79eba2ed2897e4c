"""A kernel that lacks a system call, or a filter around it that forbids one: the machine boots, the supervisor answers, and what a unit
cannot have without it is said at the unit by the name of the call."""

import ctypes
import errno
import struct

import pytest

from initbox import eventually
from injection import call_names
from pivotbox import PivotBox

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
UNITS = {
    "plain.service": "[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sleep 1000\n" + INSTALL,
    "web.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nExec=/bin/busybox sleep 1000\n" + INSTALL,
}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000


def forbid(number, no):
    """From here on, for this process and all that it starts, the call gives that error."""
    rows = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | no), (RETURN, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", *row) for row in rows)
    memory = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rows), ctypes.addressof(memory)))
    libc = ctypes.CDLL(None, use_errno=True)

    def now(_alive=memory):
        if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(program), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")
    return now


class Lacking(PivotBox):
    def __init__(self, folder, call, units=None, no=errno.ENOSYS):
        super().__init__(folder, units or UNITS)
        numbers = {name: number for number, name in call_names().items()}
        self.before_exec = forbid(numbers[call], no)


RUNS = None
# The call -> why each of the units does not run.
CALLS = {
    "clone3": ("start a process: there is no clone3", "start a process: there is no clone3"),
    "close_range": ("stdio: close_range: Function not implemented", "stdio: close_range: Function not implemented"),
    "pidfd_open": (RUNS, RUNS),
    "pidfd_send_signal": ("there is no pidfd_send_signal", "there is no pidfd_send_signal"),
    "openat2": (RUNS, "mount-api: /proc: Function not implemented"),
    "open_tree": (RUNS, "mount-root: /srv/root: Function not implemented"),
}


@pytest.mark.parametrize("call", CALLS)
def test_row31_a_system_call_that_the_kernel_lacks(tmp_path, call):
    with Lacking(tmp_path, call) as box:
        box.ready()
        for name, why in zip(("plain", "web"), CALLS[call]):
            eventually(lambda n=name: box.unit(n)["state"] in ("running", "failed"), name)
            unit = box.unit(name)
            if why is RUNS:
                assert unit["state"] == "running", unit
                assert box.supctl("stop", name)[0] == 0 and box.supctl("start", name)[0] == 0
            else:
                assert unit["state"] == "failed" and unit["why"].startswith(f"failed: {why}"), unit


def test_row31_no_memfd_means_no_supervisor_and_init_says_so(tmp_path):
    """It could go on after no crash. init lives, and tries again."""
    with Lacking(tmp_path, "memfd_create") as box:
        eventually(lambda: box.said().count("init: start /usr/lib/sup/supervisor: Function not implemented") > 2, box.said())
        assert box.outer.poll() is None


FILTERED = {
    "web.container": UNITS["web.container"],
    "open.container": UNITS["web.container"].replace("Exec=", "SeccompProfile=unconfined\nExec="),
    "profile.container": UNITS["web.container"].replace("Exec=", "SeccompProfile=/etc/profile.json\nExec="),
    "asked.container": UNITS["web.container"].replace(INSTALL, "[Service]\nSystemCallFilter=~@clock\n" + INSTALL),
    "plain.service": UNITS["plain.service"],
    "clock.service": UNITS["plain.service"].replace("Exec", "ProtectClock=yes\nExec"),
    "asked.service": UNITS["plain.service"].replace("Exec", "RestrictRealtime=yes\nExec"),
}
WARNING = "the kernel has no seccomp filters: it may use all system calls"


@pytest.mark.parametrize("no", ["ENOSYS", "EINVAL"])
def test_a_kernel_without_filters_of_system_calls(tmp_path, no):
    """What a unit asks for is an error that names the key; the default profile and what ProtectClock= adds are left out with a
    warning, and are missed by audit."""
    box = Lacking(tmp_path, "seccomp", FILTERED, getattr(errno, no))
    (box.root / "etc/profile.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    with box:
        box.ready()
        for name in FILTERED:
            eventually(lambda n=name: box.unit(n)["state"] in ("running", "failed"), name)
        for name, key in (("asked.container", "SystemCallFilter= and its kin"), ("asked.service", "SystemCallFilter= and its kin"),
                          ("profile.container", "SeccompProfile=")):
            unit = box.unit(name)
            assert unit["state"] == "failed", unit
            assert unit["why"].startswith(f"failed: {key}: the kernel has no seccomp filters"), unit
        for name in "web.container", "open.container", "plain.service", "clock.service":
            assert box.unit(name)["state"] == "running", box.unit(name)
            assert (WARNING in box.supctl("logs", name)[1]) == (name in ("web.container", "clock.service")), name
        audits = {}
        for name in "web.container", "open.container", "clock.service":
            eventually(lambda n=name: box.supctl("audit", n)[0] == 0, name)
            audits[name] = {r["what"]: r for r in box.data("audit", name)["rows"]}["seccomp"]
        assert audits["web.container"]["differs"] and audits["web.container"]["has"] == "0 of 1 filters"
        assert audits["clock.service"]["differs"] and not audits["open.container"]["differs"]
        assert "left out: the kernel has no filters" in box.supctl("plan", "web")[1]
