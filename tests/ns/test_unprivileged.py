"""/init with units as PID 1 of another engine's container that has only what engines give by default: no CAP_SYS_ADMIN nor
CAP_NET_ADMIN, a read-only root, a /run without exec, and no cgroup to write in."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

import initbox
from initbox import eventually
from test_supervisor import Appliance

DEVICES = "null", "zero", "full", "random", "urandom"
# What container engines leave to root inside.
CAPS = ("chown", "dac_override", "fsetid", "fowner", "mknod", "net_raw", "setgid", "setuid", "setfcap", "setpcap",
        "net_bind_service", "sys_chroot", "kill", "audit_write")

ENTER = """
read -r go
mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount -t tmpfs -o noexec,nosuid,nodev run "$1/run" || exit 1
for folder in tmp var srv/state; do mount -t tmpfs -o mode=1777 none "$1/$folder" || exit 1; done
for device in $2; do mount --bind "/dev/$device" "$1/dev/$device" || exit 1; done
mount -o remount,bind,ro "$1" || exit 1
cd "$1" && exec setpriv --bounding-set "$3" --inh-caps=-all chroot "$1" /init
"""

WEB = ("[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sh -c 'trap \"echo stops >>/srv/state/order; exit 7\" TERM; "
       "echo web >>/srv/state/order; while :; do /bin/busybox sleep 0.02; done'\n"
       "[Unit]\nAfter=base.service\nRequires=base.service\n[Install]\nWantedBy=multi-user.target\n")
BASE = ("[Service]\nLimitNOFILE=1024\nUser=1000\nGroup=1000\nExecStart=/bin/busybox sh -c 'trap \"exit 0\" TERM; "
        "while :; do /bin/busybox sleep 0.02; done'\nExecStopPost=/bin/busybox cp /srv/state/order /srv/state/before-base\n")
BOX = "[Container]\nRootfs=/srv/root\nNetwork=none\nExec=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


class Unprivileged(Appliance):
    def __init__(self, folder, units, conf=None):
        super().__init__(folder)
        for file in self.units.iterdir():
            file.unlink()
        for name, text in units.items():
            (self.units / name).write_text(text)
        if conf is not None:
            (self.root / "etc/sup/sup.conf").write_text("[Manager]\n" + conf)
        for name in "srv/root", "srv/state":
            (self.root / name).mkdir(parents=True)
        for device in DEVICES:
            (self.root / "dev" / device).touch()

    def __enter__(self):
        caps = "-all," + ",".join("+" + cap for cap in CAPS)
        with open(self.console, "wb") as out:
            self.outer = subprocess.Popen(
                [w for w in initbox.UNSHARE if w != "--map-root-user"] +
                ["sh", "-c", ENTER, "sh", self.root, " ".join(DEVICES), caps],
                env={"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}, stdin=subprocess.PIPE, stdout=out, stderr=out)
        for file in "uid_map", "gid_map":
            Path(f"/proc/{self.init_pid()}/{file}").write_text("0 0 65536")
        self.outer.stdin.write(b"go\n")
        self.outer.stdin.close()
        return self

    def order(self):
        try:
            return Path(f"/proc/{self.init_pid()}/root/srv/state/order").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return []

    def end(self, signo=signal.SIGTERM):
        os.kill(self.init_pid(), signo)
        return self.outer.wait(60)


def test_services_run_and_stop_in_order(tmp_path):
    with Unprivileged(tmp_path, {"web.service": WEB, "base.service": BASE}) as box:
        eventually(lambda: "web" in box.order(), "web.service")
        assert box.unit("base.service")["state"] == "running"
        state = os.open(Path(f"/proc/{box.init_pid()}/root/srv/state"), os.O_PATH)
        assert box.end() == 0
        assert Path(f"/proc/self/fd/{state}/before-base").read_text() == "web\nstops\n"
        os.close(state)


def test_container_says_what_it_lacks(tmp_path):
    with Unprivileged(tmp_path, {"box.container": BOX, "web.service": WEB, "base.service": BASE}) as box:
        box.ready()
        eventually(lambda: box.unit("box.container")["failed"], "its failure")
        assert "CAP_SYS_ADMIN" in box.unit("box.container")["cause"]
        eventually(lambda: "web" in box.order(), "web.service")


EXITS = {
    "code": ("exit 9", "", "", 9),
    "signal": ("kill -9 $$", "", "", 1),
    "well": ("exit 0", "", "", 0),
    "given": ("exit 9", "FailureActionExitStatus=33\n", "", 33),
    "given-well": ("exit 0", "SuccessActionExitStatus=34\n", "", 34),
    "another": ("exit 9", "", "ExitFrom=web.service\n", 7),
    "itself": ("kill -9 $$", "", "ExitFrom=job.service\n", 128 + 9),
    "unknown": ("exit 9", "", "ExitFrom=no-such.service\n", 9),
    "given-before": ("exit 9", "FailureActionExitStatus=33\n", "ExitFrom=web.service\n", 33),
}


@pytest.mark.parametrize("case", EXITS)
def test_exit_status(tmp_path, case):
    """The unit that ends all says the status, unless ExitFrom= names another one."""
    command, action, conf, want = EXITS[case]
    job = (f"[Unit]\nAfter=web.service\nFailureAction=exit\nSuccessAction=exit\n{action}"
           f"[Service]\nLimitNOFILE=1024\nExecStart=/bin/busybox sh -c 'until [ -e /srv/state/go ]; do /bin/busybox sleep 0.02; done; {command}'\n"
           "[Install]\nWantedBy=multi-user.target\n").replace("$$", "$$$$")
    with Unprivileged(tmp_path, {"job.service": job, "web.service": WEB, "base.service": BASE}, conf) as box:
        eventually(lambda: "web" in box.order(), "web.service")
        pipe = Path(f"/proc/{box.init_pid()}/root/srv/state/go")
        eventually(lambda: box.unit("job.service")["state"] != "inactive", "job.service")
        pipe.touch()
        assert box.outer.wait(60) == want, box.said()


@pytest.mark.parametrize("conf, want", [("", 0), ("ExitFrom=web.service\n", 7)])
def test_exit_status_of_a_signal(tmp_path, conf, want):
    with Unprivileged(tmp_path, {"web.service": WEB, "base.service": BASE}, conf) as box:
        eventually(lambda: "web" in box.order(), "web.service")
        assert box.end() == want
