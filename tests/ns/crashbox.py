"""Services that can be accounted for to the last line, under a supervisor that is killed."""

import json
import re
import shutil
import subprocess
from collections import Counter

import initbox
from initbox import eventually
from test_supervisor import Appliance

# The same programs, as those that can be told where to die: make kill-programs.
KILL_BUILD = initbox.BUILD.parent / "kill" / initbox.BUILD.name
HELPERS = initbox.BUILD / "tests/helpers"
APPLETS = "cat cmp cp diff grep head kill mkdir mv rm sed sh sleep sort tail touch tr true wc".split()
PROGRAMS = "counter", "tally", "killer", "inventory", "listener", "notify"


def counting(name, every=10, least=200, most=2000, ends="any", more="", unit=""):
    """A service that writes a line each so many milliseconds and ends after so many, or never (0)."""
    return (f"[Unit]\nStartLimitIntervalSec=0\n{unit}\n[Service]\nLimitNOFILE=1024\nRestart=always\nRestartSec=20ms\nRestartStableSec=1d\n"
            f"{more}\nExecStart=/bin/counter /var/count {name} {every} {least} {most} 1 {ends}\n"
            "[Install]\nWantedBy=multi-user.target\n")


class CrashBox(Appliance):
    """with CrashBox(folder, units) as box: ... The programs are those of `build`, a folder."""

    def __init__(self, folder, units, build=initbox.BUILD):
        super().__init__(folder)
        for file in self.units.iterdir():
            file.unlink()
        for name, text in units.items():
            (self.units / name).write_text(text)
        for name in PROGRAMS:
            shutil.copy(HELPERS / name, self.root / "bin" / name)
        for name in APPLETS:
            (self.root / "bin" / name).symlink_to("busybox")
        if build != initbox.BUILD:
            shutil.copy(build / "init", self.root / "init")
            shutil.copy(build / "supervisor", self.root / "usr/lib/sup/supervisor")
            shutil.copy(build / "supctl", self.root / "bin/supctl")
        self.count = self.root / "var/count"
        self.count.mkdir(parents=True)
        self.kept = self.root / "var/kept"
        self.kept.mkdir()
        self.calm(True)

    def __enter__(self):
        super().__enter__()
        self.ready()  # before that, what runs "inside" might still see the host's root
        return self

    def calm(self, on):
        """No counter ends by itself while it is."""
        file = self.count / "calm"
        if on:
            file.touch()
        else:
            file.unlink()

    def tool(self, *words, seconds=initbox.DEADLINE):
        """Exit status and output of a program in the box."""
        with self.inside(*words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True) as p:
            try:
                return p.wait(seconds), p.stdout.read()
            except subprocess.TimeoutExpired:
                p.kill()
                raise

    def states(self):
        """Unit -> what supctl says of it; {} from a supervisor that just died."""
        status, out, _ = self.supctl("--json", "status")
        return {u["name"]: u for u in json.loads(out)["units"]} if status == 0 else {}

    def all_run(self, units):
        def look():
            states = self.states()
            return states and all(states[u]["state"] == "running" for u in units)
        return eventually(look, f"all of {units} run", 60)

    def inventory(self):
        status, out = self.tool("/bin/inventory")
        assert status == 0, out
        return Counter(out.splitlines())

    def inventory_at_rest(self):
        """What it is three times in a row: nobody is just hanging up."""
        seen = []

        def look():
            seen.append(self.inventory())
            return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]
        eventually(look, "rest")
        return seen[-1]

    def inventory_is(self, before):
        """It becomes what it was, apart from what comes and goes by itself; else the difference."""
        try:
            eventually(lambda: self.inventory() == before, "inventory", 15)
        except AssertionError:
            now = self.inventory()
            return sorted([f"+{n} {k}" for k, n in (now - before).items()] +
                          [f"-{n} {k}" for k, n in (before - now).items()])
        return []

    def kill_many(self, times, seed, most=500, whom="supervisor"):
        """The killer's figures. Meanwhile all that is in the logs is kept."""
        return self.tool("/bin/killer", str(times), str(most), str(seed), whom, "/var/log/sup", "/var/kept",
                         seconds=times * 10 + 60)

    def tally(self, name, unit, *options):
        """Figures of one counter, which has been stopped."""
        self.kill_many(0, 0)
        logs = [f"/var/kept/{f.name}" for f in self.kept.glob(f"{unit}.log.*")]
        status, out = self.tool("/bin/tally", *options, f"/var/count/{name}.lives", *logs)
        return status, out

    def lives(self, name):
        """Starts, ends by itself."""
        text = (self.count / f"{name}.lives").read_text()
        return len(re.findall("^start", text, re.M)), len(re.findall("^end (?!.* stop$)", text, re.M))


def figures(text):
    """'a 1 b 2' of the last line, as numbers."""
    words = text.strip().splitlines()[-1].split()
    return {k: int(v) for k, v in zip(words[::2], words[1::2])}


