"""The soak: at random whatever the other tests do one by one, for a minute here and for days with `make soak HOURS=72`. In the end
init and the supervisor have what they had in the beginning: descriptors, memory, processes."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

import initbox
from initbox import DEADLINE, eventually
from test_peers import Peer

SECONDS = int(os.environ.get("SUP_SOAK_SECONDS", "60"))
SEED = int(os.environ.get("SUP_SOAK_SEED", "1"))
# Every second one without a death of the supervisor: its memory is compared, too.
ROUNDS = 6
# A health check, or the hour of a timer, may just be there; a leak by any of thousands of acts is more than that.
GROWTH_FDS = 8
GROWTH_KB = 128
SERVICES, CONTAINERS = 6, 3

FREE = "[Unit]\nStartLimitIntervalSec=0\n"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
SLEEP = "/bin/busybox sleep 100000"
LOOP = "while :; do echo a line $$$$; /bin/busybox sleep 0.1; done"
OFTEN = "[Service]\nRestart=always\nRestartSec=10ms\nRestartSteps=2\nRestartMaxDelaySec=100ms\nTimeoutStopSec=1\n"

UNITS = {"steady.service": f"[Service]\nExecStart={SLEEP}\n" + FREE + INSTALL,
         "lan.network": "[Network]\nSubnet=10.30.0.0/24\n" + FREE,
         "once.service": "[Service]\nType=oneshot\nExecStart=/bin/busybox true\n" + FREE,
         "tick.service": "[Service]\nType=oneshot\nExecStart=/bin/busybox true\n" + FREE,
         "tick.timer": "[Timer]\nOnUnitActiveSec=1s\nOnActiveSec=1s\n[Install]\nWantedBy=timers.target\n"}
UNITS |= {f"s{i}.service": OFTEN + f"LimitNOFILE=1024\nNotifyAccess=all\nExecStart=/bin/busybox sh -c '{LOOP}'\n" + FREE + INSTALL for i in range(SERVICES)}
UNITS |= {f"c{i}.container": f"[Container]\nRootfs=/srv/root:O\nNetwork={'lan.network' if i == 0 else 'none'}\nExec={SLEEP}\n"
          "HealthCmd=/bin/busybox true\nHealthInterval=1s\n" + OFTEN + FREE + INSTALL for i in range(CONTAINERS)}
STRONG = [u.partition(".")[0] for u, text in UNITS.items() if "Restart=always" in text]


class Soak(Peer):
    """What may happen to it is a method each."""

    def __init__(self, folder, units, dice):
        super().__init__(folder, units)
        self.dice = dice
        self.counted = {}

    # ---- what happens; deaths are those after which there is another supervisor or init

    def restart(self):
        self.supctl("restart", self.dice.choice(STRONG))

    def stop_and_start(self):
        names = self.dice.sample(STRONG, 3)
        self.supctl("stop", *names)
        self.supctl("start", *names)

    def crash_one(self):
        pid = self.unit(self.dice.choice(STRONG)).get("pid")
        pid = self.host_pid(pid) if pid else None
        if pid:
            os.kill(pid, signal.SIGKILL)

    def edit_and_reload(self):
        file = self.units / f"s{self.dice.randrange(SERVICES)}.service"
        file.write_text(UNITS[file.name] + f"[Service]\nEnvironment=X={self.dice.random()}\n")
        extra = self.units / "extra.service"
        if extra.exists():
            extra.unlink()
        else:
            extra.write_text(f"[Service]\nExecStart={SLEEP}\n" + FREE)
        self.supctl("reload")

    def execute(self):
        self.supctl("exec", f"c{self.dice.randrange(CONTAINERS)}", "/bin/busybox", "true")

    def once(self):
        self.supctl("start", "once")

    def look(self):
        self.supctl(*self.dice.choice((["status"], ["list"], ["logs", "-n", "50", "s0"], ["--json", "status", "c0"], ["status", "none"])))

    def impatient(self):
        with self.inside("/bin/supctl", "restart", self.dice.choice(STRONG), stderr=subprocess.DEVNULL) as p:
            p.kill()

    def rubbish(self):
        with self.client() as s:
            s.sendall(self.dice.randbytes(self.dice.choice((1, 100, 5000))) + self.dice.choice((b"", b"\0")))

    def silent(self):
        with self.client(), self.client(), self.client():
            self.supctl("list")

    def follow(self):
        with self.inside("/bin/supctl", "logs", "-f", "s1", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
            self.supctl("restart", "s1")
            p.kill()

    def notify(self):
        path = f"/proc/{self.init_pid()}/root/run/sup/notify/s0.service"
        # There is none while s0 is not.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s, open("/dev/null", "rb") as null, contextlib.suppress(OSError):
            s.connect(path)
            s.settimeout(DEADLINE)
            socket.send_fds(s, [self.dice.choice((b"", b"STATUS=well", b"X" * 4000))], [null.fileno()] * 3)

    def orphans(self):
        self.shell("for i in 1 2 3 4 5 6 7 8 9 10; do (/bin/busybox true &) & done; wait")

    def asleep(self):
        pid = self.supervisor_pid()
        os.kill(pid, signal.SIGSTOP)
        self.shell("/bin/busybox true")
        os.kill(pid, signal.SIGCONT)

    def death_of_the_supervisor(self):
        self.reborn()

    def death_amid_a_command(self):
        with self.inside("/bin/supctl", "restart", self.dice.choice(STRONG), stderr=subprocess.DEVNULL) as p:
            self.reborn()
            p.wait(DEADLINE)

    def fault_of_init(self):
        os.kill(self.init_pid(), self.dice.choice((signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE)))
        self.ready()

    def replaced(self):
        self.supctl("reexec", *self.dice.choice(([], ["--init"])))

    GENTLE = (restart, stop_and_start, crash_one, edit_and_reload, execute, once, look, impatient, rubbish, silent, follow, notify,
              orphans, asleep)
    DEATHS = (death_of_the_supervisor, death_amid_a_command, fault_of_init, replaced)

    def round(self, seconds, what):
        """So long, whatever the dice say."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            act = self.dice.choice(what)
            act(self)
            self.counted[act.__name__] = self.counted.get(act.__name__, 0) + 1

    # ---- what it has then

    def rest(self):
        """All run, nothing of what the dice did is left, and the supervisor is young."""
        for name in STRONG:
            if f"{name}.service" in UNITS:
                (self.units / f"{name}.service").write_text(UNITS[f"{name}.service"])
        (self.units / "extra.service").unlink(missing_ok=True)
        assert self.supctl("reload")[0] == 0
        assert self.supctl("start", *STRONG)[0] == 0
        self.at_rest(["steady", *STRONG])

    def zombies(self):
        def state(pid):
            try:
                return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except FileNotFoundError:
                return ""
        return [pid for pid in self.children() if state(pid) == "Z"]

    def figures(self):
        """Descriptors and memory of both, as soon as nobody is just calling."""
        found = []

        def look():
            sizes = {}
            for name, pid in ("init", self.init_pid()), ("supervisor", self.supervisor_pid()):
                sizes[f"{name} fds"] = len(os.listdir(f"/proc/{pid}/fd"))
            found.append(sizes)
            return len(found) > 4 and all(f == found[-1] for f in found[-5:])
        eventually(look, "rest")
        for name, pid in ("init", self.init_pid()), ("supervisor", self.supervisor_pid()):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            found[-1][f"{name} kB"] = sum(int(x) for x in re.findall(r"^Private_\w+: +(\d+)", rollup, re.M))
        return found[-1]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The figures at the end of each round, the first being the state before."""
    with Soak(tmp_path_factory.mktemp("soak"), UNITS, random.Random(SEED)) as box:
        box.ready()
        box.at_rest(["steady", *STRONG])
        steady = box.unit("steady")["pid"]
        box.round(SECONDS / ROUNDS, Soak.GENTLE)
        found = []
        for i in range(1, ROUNDS):
            box.rest()
            eventually(lambda: not box.zombies(), "no zombie is left")
            found.append(box.figures())
            print(found[-1], flush=True)
            box.round(SECONDS / ROUNDS, Soak.GENTLE + (Soak.DEATHS if i % 2 else ()))
        box.rest()
        eventually(lambda: not box.zombies(), "no zombie is left")
        found.append(box.figures())
        print(found[-1], box.counted, flush=True)
        assert box.unit("steady")["pid"] == steady
        assert not re.search(r"/supervisor was killed by signal (?!9 )", box.said())
        os.kill(box.init_pid(), signal.SIGTERM)
        assert box.outer.wait(DEADLINE) == 0
    return found


@pytest.mark.parametrize("what", ["init fds", "supervisor fds"])
def test_as_many_descriptors_as_before(told, what):
    counts = [f[what] for f in told]
    assert counts[-1] <= counts[0] + GROWTH_FDS, counts


@pytest.mark.parametrize("what", ["init kB", "supervisor kB"])
def test_as_much_memory_as_before(told, what):
    sizes = [f[what] for f in told]
    assert sizes[-1] <= sizes[0] + GROWTH_KB, sizes
