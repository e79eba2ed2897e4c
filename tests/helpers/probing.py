"""What the probe says, for the rings that run it: names of its checks from its source, verdicts from its output."""

import os
import re
import shutil
import stat
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "probe"
ROW = re.compile(r'^\t(?:([A-Z][A-Z0-9_]*)\(|\{ )"([a-z0-9-]+)"', re.M)
VERDICT = re.compile(r"\b(pass|fail|skip) ([a-z0-9-]+)(?:: (.*))?$", re.M)


FILES = "self", "calls", "files", "devices", "others", "mounts"


def names_of(file):
    """Those of one table."""
    source = (SOURCES / f"{file}.c").read_text()
    table = source[source.index("static const struct check rows[]"):]
    prefixes = {}
    for line in re.split(r"(?=^#define )", source, flags=re.M):
        prefix = re.match(r'#define (\w+)\([^)]*\)[\s\\]*(?:\{[\s\\]*|CALL\()"([a-z0-9-]+-)" name', line)
        if prefix:
            prefixes[prefix[1]] = prefix[2]
    return [prefixes.get(macro, "") + name for macro, name in ROW.findall(table)]


def names():
    """In the order of the tables."""
    found = [name for file in FILES for name in names_of(file)]
    assert len(found) == len(set(found)), [n for n in found if found.count(n) > 1]
    return found


def verdicts(text):
    """Name -> (word, what it said)."""
    return {name: (word, said) for word, name, said in VERDICT.findall(text)}


# What the image of hostile_files() has; words for the probe.
FACTS = ["inside=/inside", "setuid=/setuid", "setgid=/setgid", "capable=/capable", "node-memory=/node-memory",
         "node-disk=/node-disk"]


def hostile_files(root):
    """What an image can bring, whose maker was root elsewhere: programs that make root of who calls them, nodes."""
    for name, mode in ("setuid", 0o4755), ("setgid", 0o2755), ("capable", 0o755):
        shutil.copy(root / "probe", root / name)
        os.chown(root / name, 0, 0)
        os.chmod(root / name, mode)
    # struct vfs_cap_data, version 2, effective: all capabilities
    os.setxattr(root / "capable", "security.capability", bytes.fromhex("01000002" + "ffffffff00000000" * 2))
    os.mknod(root / "node-memory", stat.S_IFCHR | 0o666, os.makedev(1, 1))
    os.mknod(root / "node-disk", stat.S_IFBLK | 0o666, os.makedev(254, 0))
    (root / "inside").touch()
