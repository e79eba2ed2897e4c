"""An appliance whose PID 1 is the machine's own root: no user namespace is around it, as on a device. What it can do is
bounded by namespaces of its own, by a /dev of its own and by a group of its own."""

import os
import shutil
import subprocess
from pathlib import Path

import initbox
from initbox import eventually
from test_supervisor import BUSYBOX, Appliance

UNSHARE = ["unshare", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--kill-child",
           "--propagation", "private"]
DEVICES = "null", "zero", "full", "random", "urandom", "tty"

# Its group is then all that it sees of the groups.
GROUP = """
echo $$ >"$1/cgroup.procs" || exit 1
shift
exec "$@"
"""
# What is a mount already is left by init as it is. And sysrq is not for a PID 1 that fails in here.
ENTER = """
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
[ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
mount -t sysfs sysfs sys
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=755 none dev
for device in $2; do cp -a "/dev/$device" dev/; done
ip link set lo up
hostname the-host
pivot_root . .
exec /bin/busybox sh -c '/bin/busybox umount -l . && exec /init'
"""


def unified():
    """The tree of cgroup v2."""
    for tree in "/sys/fs/cgroup", "/sys/fs/cgroup/unified":
        if all(os.path.exists(f"{tree}/cgroup.{file}") for file in ("procs", "subtree_control")):
            return Path(tree)
    raise AssertionError("no cgroup v2")


class RootBox(Appliance):
    """units: name -> text, in place of Appliance's own. env: what its init is started with."""

    def __init__(self, folder, units, env=None):
        super().__init__(folder)
        self.host_env = env or {}
        for file in self.units.iterdir():
            file.unlink()
        self.write(units)
        self.group = unified() / f"sup-test-{os.getpid()}-{folder.name}"

    def write(self, units):
        for name, text in units.items():
            (self.units / name).write_text(text)

    def image(self, name):
        """A root folder with a shell and the probe: /srv/NAME."""
        root = self.root / "srv" / name
        for folder in "bin", "proc", "sys", "dev", "etc", "tmp", "run":
            (root / folder).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        shutil.copy(BUSYBOX, root / "bin/busybox")
        (root / "bin/sh").symlink_to("busybox")
        shutil.copy(initbox.BUILD / "tests/helpers/probe", root / "probe")
        return root

    def __enter__(self):
        self.group.mkdir()
        with open(self.console, "wb") as out:
            self.outer = subprocess.Popen(
                ["sh", "-c", GROUP, "sh", self.group, *UNSHARE, "sh", "-c", ENTER, "sh", self.root, " ".join(DEVICES)],
                env={"PATH": os.environ["PATH"], **self.host_env}, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            eventually(lambda: os.path.exists(f"/proc/{self.init_pid()}/root/run/sup"), "it begins")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        super().__exit__(*exc)
        eventually(lambda: "populated 0" in (self.group / "cgroup.events").read_text(), "nothing is left of it")
        for folder, _, _ in os.walk(self.group, topdown=False):
            os.rmdir(folder)

    def inside(self, *words, **more):
        """A program in the box's name spaces and root."""
        return subprocess.Popen(["nsenter", "-m", "-p", "-u", "-i", "-n", "-C", "-t", str(self.init_pid()),
                                 f"--root=/proc/{self.init_pid()}/root", *words], **more)

    def pid_inside(self, pid):
        """The box's number of a process that the machine knows by this one."""
        status = Path(f"/proc/{pid}/status").read_text()
        return next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[2]

    def log(self, name, lines=10000):
        status, out, err = self.supctl("logs", "-n", str(lines), name)
        assert status == 0, err
        return out
