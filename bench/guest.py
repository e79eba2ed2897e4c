"""Appliances for the bench: made by the project's own tools, booted in QEMU, asked by a shell script."""

import os
import re
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("SUP_BUILD", TOP / "build" / os.uname().machine)).resolve()

# await SECONDS COMMAND: asks again until the command succeeds. section NAME: what follows belongs to it.
# main NAME: the process of that name whose parent is not of a container.
PRELUDE = r"""
exec 2>&1
now() { cut -d. -f1 /proc/uptime; }
await() {
	limit=$(($(now) + $1))
	until eval "$2" >/dev/null 2>&1; do
		if [ "$(now)" -gt "$limit" ]; then
			echo "@late $2"
			supctl status
			exit 1
		fi
		sleep 0.1
	done
}
section() { printf '\n@@ %s\n' "$1"; }
supervisor() {
	for p in $(cat /proc/1/task/1/children); do
		[ "$(cat /proc/$p/comm)" = supervisor ] && echo "$p" && return
	done
	return 1
}
"""


def run(*argv):
    """A tool that must succeed."""
    done = subprocess.run([str(a) for a in argv], cwd=TOP, check=False, stdin=subprocess.DEVNULL,
                          env={"BUILD": str(BUILD.parent), **os.environ}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        raise SystemExit(f"{argv[0]}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def image(work, program):
    """An image that is one of bench's programs, as mkappliance takes it."""
    path = work / f"{program}.erofs"
    run("rootfs/mkimage", "--binary", f"{BUILD}/bench/{program}:/{program}", "--entrypoint",
        f"/{program}", "-o", path)
    return f"{program}={path}"


def programs(*names):
    """Programs of the bench on the host's side: words for mkappliance."""
    return [w for n in names for w in ("--add", f"{BUILD}/bench/{n}:/usr/bin/{n}")]


def appliance(work, name, units, images, *more):
    """A folder that boots. units: file name -> text."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "units").mkdir(parents=True)
    for path, text in units.items():
        (folder / "units" / path).write_text(text)
    run("rootfs/mkappliance", "--units", folder / "units", "--busybox", "--programs",
        BUILD / "stripped", *[w for i in images for w in ("--image", i)], *more, "-o", folder / "out")
    return folder / "out"


def boot(folder, script, *options, seconds=900):
    """Runs the script in the guest; the sections that it printed."""
    done = subprocess.run(["qemu/boot", str(folder), "--timeout", str(seconds), *options, "--exec",
                           PRELUDE + script], cwd=TOP, stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={"BUILD": str(BUILD.parent), **os.environ})
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0 or "@late" in text:
        raise SystemExit(f"the guest ended with {done.returncode}: {done.stderr.decode(errors='replace')}"
                         f"\n{text[-3000:]}")
    parts = re.split(r"^@@ ", text, flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}
