"""The library closure of a program inside a root folder, read from its ELF headers.

No program is run, so a foreign architecture works as well as the own one. The search follows
ld.so(8): DT_RPATH or DT_RUNPATH with $ORIGIN, /etc/ld.so.conf, the default folders. Paths and links
are always resolved inside the root."""

import glob
import os
import struct

from tool import Fail

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 1, 5, 15, 29
# e_machine to the triplet folders of Debian (elf.h).
TRIPLETS = {62: "x86_64-linux-gnu", 183: "aarch64-linux-gnu", 243: "riscv64-linux-gnu",
            40: "arm-linux-gnueabihf"}


class Elf:
    """What the loader wants to know of one file: machine, interpreter, needed names, run path."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:4] != b"\x7fELF":
            raise Fail(f"{path}: not an ELF program")
        self.wide = self.data[4] == 2
        self.machine = struct.unpack_from("<H", self.data, 18)[0]
        self.interp, self.needed, self.runpath = None, [], []
        self._read_segments()

    def _segments(self):
        at = (32, 54) if self.wide else (28, 42)
        offset = struct.unpack_from("<Q" if self.wide else "<I", self.data, at[0])[0]
        size, count = struct.unpack_from("<HH", self.data, at[1])
        for index in range(count):
            base = offset + index * size
            if self.wide:
                kind, _, start, virtual, _, length = struct.unpack_from("<IIQQQQ", self.data, base)
            else:
                kind, start, virtual, _, length = struct.unpack_from("<IIIII", self.data, base)
            yield kind, start, virtual, length

    def _read_segments(self):
        segments = list(self._segments())
        loads = [s for s in segments if s[0] == PT_LOAD]
        for kind, start, _, length in segments:
            if kind == PT_INTERP:
                self.interp = self._text(start)
            elif kind == PT_DYNAMIC:
                self._read_dynamic(start, length, loads)

    def _read_dynamic(self, start, length, loads):
        form, step = ("<qQ", 16) if self.wide else ("<iI", 8)
        entries = [struct.unpack_from(form, self.data, start + at)
                   for at in range(0, length - step + 1, step)]
        tables = [value for tag, value in entries if tag == DT_STRTAB]
        if not tables:
            return
        strings = next(tables[0] - virtual + begin for _, begin, virtual, size in loads
                       if virtual <= tables[0] < virtual + size)
        for tag, value in entries:
            if tag == DT_NEEDED:
                self.needed.append(self._text(strings + value))
            elif tag in (DT_RPATH, DT_RUNPATH):
                self.runpath += self._text(strings + value).split(":")

    def _text(self, start):
        return self.data[start:self.data.index(b"\0", start)].decode()


def is_elf(path):
    """True for a regular file that starts with the ELF magic."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def resolve(root, path, links=None):
    """The real path of a name as seen inside the root; lists the links passed on the way."""
    links = [] if links is None else links
    done, todo = "/", [p for p in path.split("/") if p]
    while todo:
        part = todo.pop(0)
        if part in (".", ".."):
            done = os.path.dirname(done) if part == ".." else done
            continue
        here = os.path.join(done, part)
        if os.path.islink(root + here):
            if len(links) > 200:
                raise Fail(f"{path}: too many links")
            links.append(here)
            target = os.readlink(root + here)
            done = "/" if target.startswith("/") else done
            todo = [p for p in target.split("/") if p] + todo
        else:
            done = here
    return done


def library_folders(root, machine):
    """The folders ld.so searches in this root, in its order."""
    folders = []
    for conf in sorted(glob.glob(root + "/etc/ld.so.conf.d/*.conf")) + [root + "/etc/ld.so.conf"]:
        if os.path.isfile(conf):
            lines = open(conf, encoding="utf-8").read().splitlines()
            folders += [x.strip() for x in lines if x.strip().startswith("/")]
    triplet = TRIPLETS.get(machine, "none")
    return folders + [f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib64", "/usr/lib64", "/lib",
                      "/usr/lib"]


def find_library(root, name, elf, program):
    """The path inside the root of a needed name."""
    if "/" in name:
        return name
    origin = os.path.dirname(program)
    own = [p.replace("$ORIGIN", origin).replace("${ORIGIN}", origin) for p in elf.runpath]
    for folder in own + library_folders(root, elf.machine):
        path = os.path.join(folder, name)
        real = root + resolve(root, path)
        if is_elf(real) and Elf(real).machine == elf.machine:
            return path
    raise Fail(f"{program}: needs {name}, which is not in {root or '/'}")


def closure(root, programs):
    """Every path (links included) that the programs need to run, programs themselves among them."""
    wanted, seen, todo = set(), set(), list(programs)
    while todo:
        path = todo.pop()
        links = []
        real = resolve(root, path, links)
        wanted.update(links)
        if real in seen:
            continue
        seen.add(real)
        wanted.add(real)
        if not os.path.lexists(root + real):
            raise Fail(f"{path}: no such file in {root or '/'}")
        if is_elf(root + real):
            elf = Elf(root + real)
            todo += [find_library(root, name, elf, real) for name in elf.needed]
            todo += [elf.interp] if elf.interp else []
    return wanted
