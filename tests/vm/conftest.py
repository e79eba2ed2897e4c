"""The vm ring: whole appliances, made by rootfs/mkappliance and booted by qemu/boot.

A boot under emulation takes most of the time, so one module is one boot: its script runs in the
guest and prints a section for each thing that is looked at; each test judges some of them.
"""

import contextlib
import fcntl
import hashlib
import http.server
import os
import platform
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SUP_BUILD", TOP / "build" / platform.machine())).resolve()
CACHE = BUILD / "vm"
BOOT_SECONDS = int(os.environ.get("SUP_BOOT_SECONDS", "300"))
# Debian's suite whose kernel the modules test_newer_* boot; for all the others it is this machine's, or $KERNEL_SUITE.
NEWER = os.environ.get("NEWER_SUITE", "trixie-backports")

# Some proofs have several parts that are alike, and try of them one a day; SUP_TURN=N: that of another, SUP_TURN=all: all (None).
TURN = os.environ.get("SUP_TURN", str(int(time.time() // 86400)))
TURN = None if TURN == "all" else int(TURN)

# What every guest script may call.
#   await SECONDS COMMAND   asks again until the shell command succeeds; being late is printed
#   check NAME COMMAND      a section: what the command prints, and its exit status
#   state UNIT, main UNIT   a unit's state, its main process
PRELUDE = r"""
exec 2>&1
now() { cut -d. -f1 /proc/uptime; }
await() {
	limit=$(($(now) + $1))
	until eval "$2" >/dev/null 2>&1; do
		if [ "$(now)" -gt "$limit" ]; then
			echo "@late $2"
			supctl status
			return 1
		fi
		sleep 0.1
	done
}
check() {
	printf '\n@@ %s\n' "$1"
	eval "$2"
	printf '\n@= %s\n' $?
}
field() { supctl --json status "$1" | sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }
state() { field "$1" state; }
main() { field "$1" pid; }
is() { [ "$(state "$1")" = "$2" ]; }
failed() { [ "$(field "$1" failed)" = true ]; }
# The child of init: one of its own looks the same until it executes its program, and supctl is another name of the file.
supervisor() {
	for p in $(pidof supervisor); do
		grep -qs '^PPid:.1$' /proc/$p/status && [ "$(cat /proc/$p/comm)" = supervisor ] && echo $p
	done
}
# Another one than PID, which answers.
another() { await 60 '[ -n "$(supervisor)" ] && [ "$(supervisor)" != '$1' ] && supctl status'; }
"""

# Applets that tests call by name through `supctl exec`.
APPLETS = """[ awk cat chmod chown cut dd df echo env find getopt grep head hostname id ifconfig ip kill
	ls mkdir mount nc ps readlink rm route sed seq sh sleep sort stat tail tee test touch tr true
	udhcpc ulimit uname wc wget httpd printenv""".split()

UPLINK = """
[Service]
ExecStart=/usr/bin/busybox udhcpc -f -i eth0 -s /usr/lib/sup/udhcpc.script
Restart=always

[Install]
WantedBy=multi-user.target
"""


@contextlib.contextmanager
def alone(what):
    """Modules run side by side, but what they have in common is made by one at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{what}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(*argv):
    """A tool that must succeed."""
    with alone("tools"):
        done = subprocess.run([str(a) for a in argv], cwd=TOP, env=environment(), check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
    assert done.returncode == 0, f"{argv[0]}: status {done.returncode}\n{done.stdout}"
    return done.stdout


def environment():
    return {"BUILD": str(BUILD.parent), **os.environ}


def fingerprint(*words):
    """Changes with the words, and with the tools that turn them into something."""
    known = hashlib.sha256(repr(words).encode())
    for path in sorted((TOP / "rootfs").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            known.update(path.read_bytes())
    return known.hexdigest()[:12]


class Lab:
    """Makes images and appliances, each once, and boots them."""

    def name(self, name):
        """The folder of what one module makes."""
        return name

    def image(self, name, *words):
        """The image of mkimage's words, as mkappliance takes it: NAME=PATH."""
        ours = [p.read_bytes() for p in (Path(str(w).partition(":")[0]) for w in words) if BUILD in p.parents and p.is_file()]
        path = CACHE / "images" / f"{name}-{fingerprint(words, ours)}.erofs"
        with alone("images"):
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                for old in path.parent.glob(f"{name}-*"):
                    old.unlink()
                run("rootfs/mkimage", *words, "-o", path)
        return f"{name}={path}"

    def busybox(self):
        """A shell with its tools, as a container sees it."""
        links = [w for a in APPLETS for w in ("--link", f"/bin/{a}:busybox")]
        script = TOP / "units/gateway/host/udhcpc.script"
        return self.image("busybox", "--debian", "busybox-static", "--only", "/bin/busybox", *links,
                          "--link", "/usr/bin/busybox:../../bin/busybox",
                          "--add", f"{script}:/etc/udhcpc.script",
                          "--account", "worker:501", "--env", "PATH=/bin", "--cmd", "tail -f /dev/null")

    def helper(self, name):
        """An image that is one static program of tests/helpers."""
        program = BUILD / "tests/helpers" / name
        return self.image(name, "--binary", f"{program}:/{name}", "--entrypoint", f"/{name}")

    def helper_on_host(self, name):
        """The same program outside of containers: words for mkappliance."""
        return "--add", f"{BUILD}/tests/helpers/{name}:/usr/bin/{name}"

    def appliance(self, name, units, images=(), files=None, more=()):
        """A bootable folder. units and files: path -> text."""
        work = CACHE / self.name(name)
        shutil.rmtree(work, ignore_errors=True)
        adds = []
        for path, text in {**{f"units/{u}": t for u, t in units.items()},
                           **{f"files{p}": t for p, t in (files or {}).items()}}.items():
            place = work / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        for path in files or ():
            (work / f"files{path}").chmod(0o755)
            adds += ["--add", f"{work}/files{path}:{path}"]
        script = TOP / "units/gateway/host/udhcpc.script"
        run("rootfs/mkappliance", "--units", work / "units", "--busybox", *adds,
            "--add", f"{script}:/usr/lib/sup/udhcpc.script", "--programs", BUILD / "stripped",
            *[w for image in images for w in ("--image", image)], *more, "-o", work / "out")
        return work / "out"

    def boot(self, folder, script, *options):
        """Runs the script in the guest until the end of the machine."""
        console = folder.parent / "console"
        argv = ["qemu/boot", str(folder), "--timeout", str(BOOT_SECONDS), "--console",
                str(console), *options, "--exec", PRELUDE + script]
        done = subprocess.run(argv, cwd=TOP, env=environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        (folder.parent / "stdout").write_bytes(done.stdout)
        return Boot(done.returncode, done.stdout.decode(errors="replace"),
                    done.stderr.decode(errors="replace"),
                    console.read_text(errors="replace").replace("\r", ""))


class NewerLab(Lab):
    """The same with a newer kernel."""

    def name(self, name):
        return f"{name}-newer"

    def appliance(self, name, units, images=(), files=None, more=()):
        return super().appliance(name, units, images, files, [*more, "--kernel-suite", NEWER])

    def boot(self, folder, script, *options):
        return super().boot(folder, script + "\ncheck newer 'uname -r'\n", *options)


class Boot:
    """What a boot has shown."""

    def __init__(self, status, output, said, console):
        self.status, self.output, self.said, self.console = status, output, said, console
        self.found = {}
        for part in re.split(r"^@@ ", output, flags=re.MULTILINE)[1:]:
            name, _, text = part.partition("\n")
            assert name not in self.found, f"the section {name} is there twice"
            self.found[name] = text

    def text(self, name):
        """What a section printed, without blanks around it."""
        assert name in self.found, f"no section {name}; status {self.status}: {self.said}\n{self.output[-3000:]}"
        assert "@late" not in self.found[name], self.found[name]
        return re.split(r"^@= ", self.found[name], flags=re.MULTILINE)[0].strip()

    def code(self, name):
        """The exit status of a section."""
        self.text(name)
        return int(self.found[name].rpartition("\n@= ")[2])

    def lines(self, name):
        return self.text(name).splitlines()

    def ok(self, name):
        """The section, whose command must have ended well."""
        assert self.code(name) == 0, f"{name}: {self.found[name]}"
        return self.text(name)

    def kernel(self):
        """(6, 12), of one of NewerLab."""
        major, minor = self.text("newer").split(".")[:2]
        return int(major), int(minor)

    def ended_well(self):
        """The machine was powered off in order and nothing looked like a crash."""
        assert self.status == 0, f"status {self.status}: {self.said}\n{self.output[-2000:]}"
        for word in "segfault", "Oops", "BUG:", "general protection", "Call Trace":
            assert word not in self.console, self.console[-3000:]


class Outside:
    """A web server on this machine: for the guest it is the world behind its NIC, 10.0.2.2."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"the outside\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.Answer)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="session")
def lab():
    return Lab()


@pytest.fixture(scope="session")
def outside():
    server = Outside()
    yield server
    server.close()


def pytest_collection_modifyitems(items):
    """Tests of one module stay together: they share its boot."""
    items.sort(key=lambda item: item.path)
