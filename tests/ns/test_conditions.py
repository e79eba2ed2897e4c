"""Conditions and asserts, asked of this machine: each kind once where it holds and once where it does not."""
import os
import pathlib
import platform
import socket
import subprocess

import pytest

PROGRAM = pathlib.Path(os.environ["SUP_BUILD"]) / "tests/ns/helpers/condition"
CPUINFO = pathlib.Path("/proc/cpuinfo").read_text()
FLAGS = next(line for line in CPUINFO.splitlines() if line.startswith(("flags", "Features")))
PAGES = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
OS_RELEASE = dict(line.strip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
FIRST_WORD = pathlib.Path("/proc/cmdline").read_text().split()[0]


def holds(name, argument, **environment):
    done = subprocess.run([PROGRAM, name, argument], stdout=subprocess.PIPE, text=True, timeout=20,
                          check=True, env={**os.environ, **environment})
    return {"yes\n": True, "no\n": False}[done.stdout]


@pytest.mark.parametrize("name,yes,no", [
    ("PathExists", "/proc/self", "/proc/none"),
    ("PathExistsGlob", "/proc/s*f/stat", "/proc/self/nothing*"),
    ("PathExistsGlob", "/proc/[1]/../self/status", "/pr?c/self/x*/y"),
    ("PathIsDirectory", "/proc", "/proc/version"),
    ("PathIsSymbolicLink", "/proc/self", "/proc/1"),
    ("PathIsMountPoint", "/proc", "/proc/self"),
    ("PathIsReadWrite", "/tmp", "/none"),
    ("DirectoryNotEmpty", "/proc", "/proc/none"),
    ("FileNotEmpty", "/etc/passwd", "/proc"),
    ("FileIsExecutable", "/bin/sh", "/etc/passwd"),
    ("KernelCommandLine", FIRST_WORD, "no-such-word-here"),
    ("KernelVersion", ">=4.0 <100", "<4.0"),
    ("KernelVersion", "> 4", "0.*"),
    ("KernelVersion", platform.release().split(".")[0] + ".*", "=1.0"),
    ("Architecture", "native", "s390x" if platform.machine() != "s390x" else "arm"),
    ("Host", socket.gethostname()[:1] + "*", "no-such-host"),
    ("OSRelease", "ID=" + OS_RELEASE["ID"].strip('"'), "ID=plan9"),
    ("User", "root" if os.getuid() == 0 else str(os.getuid()), "nobody"),
    ("User", "@system", "65533"),
    ("Group", str(os.getgid()), "65533"),
    ("Memory", ">=1M", "<1M"),
    ("Memory", f">={PAGES}", f">{PAGES}"),
    ("CPUs", "1", ">=100000"),
    ("CPUs", f"={os.cpu_count()}", "=0"),
    ("CPUFeature", FLAGS.split(":")[1].split()[0], "no_such_feature"),
    ("Capability", "CAP_CHOWN", None),
    ("Environment", "SUP_TEST=a b", "SUP_TEST=c"),
    ("Environment", "SUP_TEST", "SUP_OTHER"),
    ("ControlGroupController", "v2" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "v1",
     "no-such-controller"),
    ("Security", None, "no-such-module"),
    ("FirstBoot", "no" if not os.path.exists("/run/sup/first-boot") else "yes", None),
])
def test_condition(name, yes, no):
    if yes is not None:
        assert holds(name, yes, SUP_TEST="a b")
    if no is not None:
        assert not holds(name, no, SUP_TEST="a b")


@pytest.mark.parametrize("name,a,b", [
    ("Virtualization", "yes", "no"),
    ("ACPower", "yes", "no"),
    ("FirstBoot", "yes", "no"),
])
def test_one_of_two_holds(name, a, b):
    assert holds(name, a) != holds(name, b)


@pytest.mark.parametrize("name,resource", [
    ("MemoryPressure", "memory"), ("CPUPressure", "cpu"), ("IOPressure", "io")])
def test_pressure_is_below_all_of_it(name, resource):
    assert holds(name, "100%")
    assert holds(name, "100%/10s")


def test_read_only_is_seen(tmp_path):
    script = f"mount -t tmpfs -o ro none {tmp_path} && {PROGRAM} PathIsReadWrite {tmp_path} && " \
             f"{PROGRAM} PathIsMountPoint {tmp_path} && {PROGRAM} DirectoryNotEmpty {tmp_path}"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE,
                          text=True, timeout=20, check=True)
    assert done.stdout.split() == ["no", "yes", "no"]


def test_mount_point_with_a_blank_in_its_name(tmp_path):
    odd = tmp_path / "a b"
    odd.mkdir()
    script = f"mount -t tmpfs none '{odd}' && {PROGRAM} PathIsMountPoint '{odd}'"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE,
                          text=True, timeout=20, check=True)
    assert done.stdout == "yes\n"
