"""What every image tool needs: errors that end the tool, running programs, a work folder."""

import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Debian's name of an architecture for each of ours (ours are `uname -m`).
DEBIAN_ARCH = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "armv7l": "armhf"}


class Fail(Exception):
    """A fault that ends the tool; its text is what the operator reads."""


def run(argv, **options):
    """Runs a program; its failure is ours, with what it said."""
    options.setdefault("stdout", subprocess.PIPE)
    try:
        done = subprocess.run(argv, stderr=subprocess.PIPE, text=True, check=False,
                              stdin=subprocess.DEVNULL, **options)
    except FileNotFoundError:
        raise Fail(f"{argv[0]} is not installed (Debian package: {package_of(argv[0])})") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout or "").strip().splitlines()[-6:]
        raise Fail(f"{argv[0]} failed ({done.returncode}): " + "\n  ".join(said))
    return done.stdout


def package_of(program):
    """The Debian package that brings a program we call."""
    names = {"mkfs.erofs": "erofs-utils", "mksquashfs": "squashfs-tools", "depmod": "kmod",
             "apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg",
             "qemu-system-x86_64": "qemu-system-x86", "qemu-system-aarch64": "qemu-system-arm"}
    return names.get(program, program)


def debian_arch(arch):
    """Debian's name for the architecture, or a fault that lists the known ones."""
    if arch not in DEBIAN_ARCH:
        raise Fail(f"unknown architecture {arch} (known: {' '.join(DEBIAN_ARCH)})")
    return DEBIAN_ARCH[arch]


def host_arch():
    """Our name for the machine this runs on."""
    return os.uname().machine


def build_dir(*parts):
    """A folder under build/ (or $BUILD), made when missing."""
    path = os.path.abspath(os.path.join(os.environ.get("BUILD", ROOT + "/build"), *parts))
    os.makedirs(path, exist_ok=True)
    return path


def need_root(what):
    """Unpacking keeps owners, which only root can set."""
    if os.geteuid() != 0:
        raise Fail(f"{what} keeps the owners of files: run it as root (sudo)")


def work_dir():
    """A throwaway folder on the build file system (xattrs, devices and room as there)."""
    return tempfile.TemporaryDirectory(prefix="work-", dir=build_dir("tmp"))


def remove(path):
    """Removes a file or a tree; what is not there is fine."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def split_pair(text, sep, option, shape):
    """Cuts `A<sep>B` at the first separator; both halves must be there."""
    left, found, right = text.partition(sep)
    if not (found and left and right):
        raise Fail(f"{option} {text}: want {shape}")
    return left, right


def main(body, argv=None):
    """Runs a tool: 0, or 1 with one message on standard error."""
    try:
        return body(sys.argv[1:] if argv is None else argv)
    except Fail as fault:
        print(f"{os.path.basename(sys.argv[0])}: {fault}", file=sys.stderr)
    except OSError as fault:
        print(f"{os.path.basename(sys.argv[0])}: {fault.filename}: {fault.strerror}",
              file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{os.path.basename(sys.argv[0])}: interrupted", file=sys.stderr)
    return 1
