"""Images whose maker is the enemy, for the rings that start them: what is done to a root folder that was harmless, what the unit
has beside it, and what the refusal says."""

import os
import shutil
import stat

import probing

HOST = "/srv/host"  # a folder of the host, with the canaries
UP = "../" * 30
MANY_FILES = int(os.environ.get("MANY_FILES", "20000"))


def link(path, to):
    """Something of the image is a link instead."""
    def make(root):
        place = root / path
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        elif place.exists() or place.is_symlink():
            place.unlink()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(to)
    return make


def node(path, kind, device=0):
    def make(root):
        place = root / path
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(place, kind | 0o777, device)
    return make


def fifo(path):
    return node(path, stat.S_IFIFO)


def sparse(path):
    def make(root):
        with open(root / path, "wb") as file:
            file.truncate(20 << 30)
    return make


def text(path, words, mode=0o644):
    def make(root):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(words)
        (root / path).chmod(mode)
    return make


def folder(path):
    def make(root):
        place = root / path
        place.unlink(missing_ok=True)
        place.mkdir(parents=True)
    return make


def many_files(root):
    for i in range(MANY_FILES):
        (root / f"etc/{i}\n").touch()


def names(root):
    """Of all bytes that a name may have."""
    for name in "a\nb", "\n", " ", "-rf", "\x1b[31m", "\\", '"', "%s%n", "é" * 100, "x" * 255:
        (root / "etc" / name).mkdir()
        (root / name).touch()
    os.mkdir(os.fsencode(root) + b"/\xff\xfe")


def deep(root):
    place = os.open(root, os.O_PATH)
    for _ in range(600):
        os.mkdir("d" * 20, dir_fd=place)
        below = os.open("d" * 20, os.O_PATH, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)


def many(*steps):
    def make(root):
        for step in steps:
            step(root)
    return make


WEB = "User=web"
VOLUME = "Volume=/srv/data:/vol/deep"
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00\x01\x00\x00\x00" + b"\xff" * 40
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nweb:x:33:44:Web:/srv/web:/bin/sh\n"
MAGIC = ": leads through links without end, or one of procfs"
SAME = object()  # it runs, and can do as much as any other

# Name -> what is done to the image, what the unit has beside its root, and either what the refusal says, or SAME.
IMAGES = {
    # where the kernel's file systems go
    **{f"{place}-link-{kind}": (link(place, to), [], f"/{place}: is a symbolic link in the image")
       for place in ("proc", "sys", "dev")
       for kind, to in (("host", HOST), ("up", f"{UP}srv/host"), ("root", "/"), ("inside", "/elsewhere"),
                        ("self", "/proc/self/root"), ("pid1", "/proc/1/root/srv/host"), ("fd", "/proc/self/fd/3"),
                        ("loop", place))},
    **{f"{place}-fifo": (fifo(place), [], f"/{place}: Not a directory") for place in ("proc", "sys", "dev")},
    "dev-null-own": (many(text("dev/null", b"mine"), link("dev/pts", HOST), link("dev/shm", f"{UP}{HOST}")), [], SAME),
    "proc-full": (many(text("proc/sys/kernel/core_pattern", b"x"), link("proc/self", HOST)), [], SAME),
    # where files and mounts of ours go
    **{f"etc-link-{kind}": (link("etc", to), [], said)
       for kind, to, said in (("host", HOST, "/etc: is a dangling symbolic link in the image"),
                              ("up", f"{UP}srv/host", "/etc: is a dangling symbolic link in the image"),
                              ("inside", "/elsewhere", SAME), ("proc", "/proc/1", "mount-files"),
                              ("self", "/proc/self/root/etc", MAGIC), ("fd", "/proc/self/fd/3", MAGIC))},
    **{f"{place}-link-host": (link(place, HOST), ["ReadOnly=yes"], f"/{place}: is a dangling symbolic link in the image")
       for place in ("tmp", "run", "var")},
    **{f"{place}-link-self": (link(place, f"/proc/self/cwd/{HOST}"), ["ReadOnly=yes"], MAGIC)
       for place in ("tmp", "run", "var")},
    **{f"{file}-link": (link(f"etc/{file}", f"{HOST}/{file}"), [], f"/etc/{file}: is a dangling symbolic link in the image")
       for file in ("hosts", "resolv.conf", "hostname")},
    **{f"{file}-magic": (link(f"etc/{file}", "/proc/1/root/srv/host/hosts"), [], MAGIC)
       for file in ("hosts", "resolv.conf", "hostname")},
    **{f"{file}-fifo": (fifo(f"etc/{file}"), [], SAME) for file in ("hosts", "resolv.conf", "hostname")},
    **{f"{file}-device": (node(f"etc/{file}", stat.S_IFCHR, os.makedev(1, 1)), [], SAME) for file in ("hosts", "resolv.conf")},
    **{f"{file}-sparse": (sparse(f"etc/{file}"), [], SAME) for file in ("hosts", "resolv.conf", "hostname")},
    **{f"{file}-folder": (folder(f"etc/{file}"), [], f"/etc/{file}: is a folder in the image")
       for file in ("hosts", "resolv.conf")},
    **{f"volume-{kind}": (link("vol", to), [VOLUME], said)
       for kind, to, said in (("host", HOST, "/vol: is a dangling symbolic link in the image"),
                              ("up", f"{UP}srv/host", "/vol: is a dangling symbolic link in the image"),
                              ("inside", "/elsewhere", SAME), ("proc", "/proc/1/root", MAGIC),
                              ("cwd", "/proc/self/cwd", MAGIC), ("loop", "/vol", MAGIC))},
    "volume-over-proc": (None, ["Volume=/srv/data:/proc/self"], "/proc"),
    "volume-fifo": (fifo("vol"), [VOLUME], "/vol/deep: Not a directory"),
    # the working folder
    **{f"workdir-{kind}": (link("work", to), ["WorkingDir=/work"], said)
       for kind, to, said in (("host", HOST, "/work: No such file or directory"),
                              ("up", f"{UP}srv/host", "/work: No such file or directory"), ("inside", "/elsewhere", SAME),
                              ("fd", "/proc/self/fd/3", "/work"), ("fd4", "/proc/self/fd/4", "/work"),
                              ("fd9", "/proc/self/fd/9", "/work"),
                              ("cwd", "/proc/self/cwd", SAME), ("root", "/proc/1/root", SAME))},
    "workdir-fifo": (fifo("work"), ["WorkingDir=/work"], "/work: Not a directory"),
    # users
    **{f"{file}-{kind}": (make(f"etc/{file}"), [WEB], f"/etc/{file}")
       for file in ("passwd", "group")
       for kind, make in (("fifo", fifo), ("sparse", sparse), ("folder", folder),
                          ("link", lambda p: link(p, "/proc/1/environ")), ("host", lambda p: link(p, f"{HOST}/passwd")),
                          ("terminal", lambda p: node(p, stat.S_IFCHR, os.makedev(5, 0))),
                          ("zero", lambda p: node(p, stat.S_IFCHR, os.makedev(1, 5))))},
    "passwd-two-roots": (text("etc/passwd", PASSWD + b"toor:x:0:0::/:/bin/sh\nroot:x:0:0::/:/x\n"), ["User=toor"], SAME),
    "passwd-huge-id": (text("etc/passwd", PASSWD + b"big:x:4294967296:0::/:\n"), ["User=big"], "big"),
    "passwd-no-id": (text("etc/passwd", PASSWD + b"big:x:-1:0::/:\n"), ["User=big"], "big"),
    "passwd-last-id": (text("etc/passwd", PASSWD + b"big:x:4294967295:0::/:\n"), ["User=big"], "big"),
    "passwd-long-line": (text("etc/passwd", b"x" * 60000 + b"\n" + PASSWD), [WEB, "Exec=/bin/busybox id"], "uid=33"),
    "passwd-no-newline": (text("etc/passwd", PASSWD.rstrip()), [WEB, "Exec=/bin/busybox id"], "uid=33"),
    "passwd-zeroes": (text("etc/passwd", b"\0" * 4096 + b"\n" + PASSWD), [WEB, "Exec=/bin/busybox id"], "uid=33"),
    "passwd-long-home": (text("etc/passwd", b"web:x:33:44::/" + b"h" * 5000 + b":\n"), [WEB, "Exec=/bin/busybox id"], "uid=33"),
    # the program
    **{f"program-{kind}": (make, ["Exec=/program"], said)
       for kind, make, said in (
           ("folder", folder("program"), "Permission denied"), ("fifo", fifo("program"), "Permission denied"),
           ("device", node("program", stat.S_IFCHR, os.makedev(1, 5)), "Permission denied"),
           ("socket", node("program", stat.S_IFSOCK), "Permission denied"),
           ("empty", text("program", b"", 0o755), "Exec format error"),
           ("elf", text("program", ELF, 0o755), "Exec format error"),
           ("interpreter-missing", text("program", b"#!/none\n", 0o755), "No such file"),
           ("interpreter-itself", text("program", b"#!/program\n", 0o755), "loop"),
           ("interpreter-fifo", many(fifo("pipe"), text("program", b"#!/pipe\n", 0o755)), "Permission denied"),
           ("interpreter-exe", text("program", b"#!/proc/self/exe\n", 0o755), ""),
           ("link-exe", link("program", "/proc/self/exe"), ""), ("link-exe-1", link("program", "/proc/1/exe"), ""),
           ("link-fd", link("program", "/proc/self/fd/4"), ""), ("link-host", link("program", f"{HOST}/program"), "No such file"),
           ("link-loop", link("program", "program"), "loop"))},
    # the tree
    "files": (many_files, [], SAME),
    "names": (names, [], SAME),
    "deep": (deep, [], SAME),
    "nodes": (probing.hostile_files, [], SAME),
}


def make_hostile(root, change):
    """The root folder has a probe, and folders for what is mounted."""
    (root / "elsewhere").mkdir()
    (root / "etc/passwd").write_bytes(PASSWD)
    (root / "etc/group").write_text("root:x:0:\nweb:x:44:\n")
    if change is not None:
        change(root)
