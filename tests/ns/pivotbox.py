"""An appliance whose containers run, too: its root is a mount that can be left by pivot_root(2), and the devices
that a container is given are there."""

import os
import shutil
import subprocess
from pathlib import Path

import initbox
from initbox import eventually
from test_supervisor import BUSYBOX, Appliance

DEVICES = "null", "zero", "full", "random", "urandom", "tty"

# A user name space may mount proc(5) and sysfs(5) only while it sees one of each, so these stand before the host's go.
ENTER = """
read -r go
mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount -t sysfs sysfs "$1/sys" || exit 1
for device in $2; do mount --bind "/dev/$device" "$1/dev/$device" || exit 1; done
[ "$3" = rw ] || mount -o "remount,bind,$3" "$1" || exit 1
cd "$1" && pivot_root . . && exec /bin/busybox sh -c '/bin/busybox umount -l . && exec /init'
"""


class PivotBox(Appliance):
    """units: name -> text, in place of Appliance's own."""

    before_exec = None  # what its first process does before anything else
    root_is = "rw"

    def __init__(self, folder, units):
        super().__init__(folder)
        for file in self.units.iterdir():
            file.unlink()
        for name, text in units.items():
            (self.units / name).write_text(text)
        image = self.root / "srv/root"
        for name in "bin", "proc", "sys", "dev", "etc", "tmp", "run":
            (image / name).mkdir(parents=True)
        shutil.copy(BUSYBOX, image / "bin/busybox")
        (image / "bin/sh").symlink_to("busybox")
        for name in "notify", "listener":
            shutil.copy(initbox.BUILD / "tests/helpers" / name, self.root / "bin" / name)

    def __enter__(self):
        for device in DEVICES:
            (self.root / "dev" / device).touch()
        with open(self.console, "wb") as out:
            self.outer = subprocess.Popen(
                [w for w in initbox.UNSHARE if w != "--map-root-user"] +
                ["sh", "-c", ENTER, "sh", self.root, " ".join(DEVICES), self.root_is],
                env={"PATH": os.environ["PATH"]}, stdin=subprocess.PIPE, stdout=out, stderr=out,
                preexec_fn=self.before_exec)
        for file in "uid_map", "gid_map":
            Path(f"/proc/{self.init_pid()}/{file}").write_text("0 0 65536")
        self.enter()
        return self

    def enter(self):
        """It becomes init."""
        self.outer.stdin.write(b"go\n")
        self.outer.stdin.close()

    def children(self):
        """Pids of init's children, as the host knows them."""
        pid = self.init_pid()
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def host_pid(self, pid):
        """The host's number of a process that is known by that of the box."""
        for child in self.children():
            try:
                status = Path(f"/proc/{child}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            numbers = next(x for x in status.splitlines() if x.startswith("NSpid:")).split()
            if int(numbers[2]) == pid:
                return child
        return None

    def at_rest(self, names):
        """These run, each with its program."""
        for name in names:
            eventually(lambda n=name: self.unit(n)["state"] == "running", f"{name}; {self.said()}")
