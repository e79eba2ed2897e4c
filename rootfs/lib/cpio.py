"""A newc cpio archive, the form of an initramfs (Documentation/driver-api/early-userspace/
buffer-format.rst of the kernel). Made without root and the same on every run: entries are sorted,
times are 0, everything belongs to root unless told."""

import os
import stat

TRAILER = "TRAILER!!!"


class Cpio:
    """A list of entries by path; written once, sorted, parents first."""

    def __init__(self):
        self.entries = {"/": (stat.S_IFDIR | 0o755, None, 0)}

    def folder(self, path, mode=0o755):
        """A folder and its missing parents."""
        path = self._clean(path)
        if path not in self.entries:
            self.folder(os.path.dirname(path))
        if path not in self.entries or mode != 0o755:
            self.entries[path] = (stat.S_IFDIR | mode, None, 0)

    def text(self, path, content, mode=0o644):
        """A file made from text or bytes."""
        data = content.encode() if isinstance(content, str) else content
        self._put(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        """A symbolic link."""
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def node(self, path, mode, device):
        """A character device."""
        self._put(path, stat.S_IFCHR | mode, None, device)

    def tree(self, source, path, mode=None):
        """A file, link or folder of the build machine, with all that is in it."""
        info = os.lstat(source)
        if stat.S_ISLNK(info.st_mode):
            self.link(path, os.readlink(source))
        elif stat.S_ISDIR(info.st_mode):
            self.folder(path, stat.S_IMODE(info.st_mode))
            for name in sorted(os.listdir(source)):
                self.tree(os.path.join(source, name), os.path.join(path, name))
        elif stat.S_ISREG(info.st_mode):
            self._put(path, stat.S_IFREG | (mode or stat.S_IMODE(info.st_mode)), source)

    def has(self, path):
        """True when something stands at the path."""
        return self._clean(path) in self.entries

    def write(self, out):
        """Writes the archive; content given as a path is read only now."""
        for number, path in enumerate(sorted(self.entries), 1):
            mode, content, device = self.entries[path]
            data = b"" if content is None else content
            if isinstance(content, str):
                with open(content, "rb") as file:
                    data = file.read()
            self._entry(out, number, path.lstrip("/") or ".", mode, data, device)
        self._entry(out, 0, TRAILER, 0, b"", 0)

    def _put(self, path, mode, content, device=0):
        path = self._clean(path)
        self.folder(os.path.dirname(path))
        self.entries[path] = (mode, content, device)

    @staticmethod
    def _clean(path):
        return "/" + "/".join(p for p in path.split("/") if p)

    @staticmethod
    def _entry(out, number, name, mode, data, device):
        raw = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, os.major(device), os.minor(device),
                  len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))
