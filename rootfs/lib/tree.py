"""Changes to an unpacked root before it becomes an image: what is added, what alone is kept, and
the places that every container needs."""

import os
import shutil
import stat

import elf
from tool import Fail, remove, run

# A read-only image must have every mount point already.
FOLDERS = (("proc", 0o555), ("sys", 0o555), ("dev", 0o755), ("run", 0o755), ("tmp", 0o1777),
           ("var", 0o755), ("var/tmp", 0o1777), ("etc", 0o755))
FILES = ("etc/hosts", "etc/hostname", "etc/resolv.conf")
# Folders of /usr/share that no service reads.
PAPERS = ("bug", "doc", "info", "lintian", "locale", "man")

# What packages' own scripts would have made. Without nsswitch.conf glibc asks DNS before
# /etc/hosts.
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"


def inside(root, path):
    """Where a name of the root is on the build machine: its folder resolved inside the root, so
    that no link of an image leads out of it; the name itself may be a link."""
    folder, name = os.path.split("/" + path.strip("/"))
    return root + elf.resolve(root, folder).rstrip("/") + "/" + name


def final(root, path):
    """As inside(), with the name itself resolved too."""
    return root + elf.resolve(root, path)


def make_parents(root, path):
    """Makes the missing folders above a name inside the root."""
    os.makedirs(os.path.dirname(inside(root, path)), mode=0o755, exist_ok=True)


def add(root, source, path):
    """Copies a file or folder of the build machine into the root."""
    if not os.path.lexists(source):
        raise Fail(f"--add {source}: no such file")
    make_parents(root, path)
    if os.path.isdir(source) and not os.path.islink(source):
        os.makedirs(final(root, path), mode=0o755, exist_ok=True)
        for name in sorted(os.listdir(source)):
            add(root, os.path.join(source, name), path.rstrip("/") + "/" + name)
        return
    remove(inside(root, path))
    shutil.copy2(source, inside(root, path), follow_symlinks=False)


def add_link(root, path, target):
    """Makes a symbolic link; what stood there goes."""
    make_parents(root, path)
    remove(inside(root, path))
    os.symlink(target, inside(root, path))


def add_program(root, source, path):
    """Copies a program of the build machine and its libraries, which keep their paths."""
    make_parents(root, path)
    shutil.copyfile(source, inside(root, path))
    os.chmod(inside(root, path), 0o755)
    real = os.path.realpath(source)
    for name in sorted(elf.closure("", [real]) - {real}):
        copy_path("", root, name)


def copy_path(source_root, root, path):
    """Copies one name from root to root: a link as a link, a folder with all that is in it."""
    make_folders_like(source_root, root, os.path.dirname(path))
    if not os.path.lexists(inside(root, path)):
        run(["cp", "-a", "--no-dereference", inside(source_root, path), inside(root, path)])


def make_folders_like(source_root, root, folder):
    """Makes the folders of a path; one that is a link in the source is that link here too."""
    if folder == "/" or os.path.lexists(inside(root, folder)):
        return
    make_folders_like(source_root, root, os.path.dirname(folder))
    source = inside(source_root, folder)
    if os.path.islink(source):
        os.symlink(os.readlink(source), inside(root, folder))
        make_folders_like(source_root, root, elf.resolve(source_root, folder))
    else:
        os.makedirs(inside(root, folder), mode=0o755, exist_ok=True)


def keep_only(full, root, paths):
    """Fills an empty root with the named paths of a full one, and the libraries they need."""
    programs = []
    for path in paths:
        real = elf.resolve(full, path)
        if not os.path.lexists(full + real):
            raise Fail(f"--only {path}: not in the source")
        copy_path(full, root, path)
        programs += elf_files(full, real) + [path]
    for name in sorted(elf.closure(full, programs)):
        copy_path(full, root, name)


def elf_files(root, path):
    """The ELF files at or below a path inside the root."""
    found = []
    for folder, _, names in os.walk(root + path):
        found += [os.path.join(folder, n)[len(root):] for n in names]
    return [f for f in found if not os.path.islink(root + f) and elf.is_elf(root + f)]


def complete(root):
    """Adds the places a container needs; a link of the image stays as it is."""
    for name, mode in FOLDERS:
        path = inside(root, name)
        if not os.path.lexists(path):
            os.makedirs(path)
            os.chmod(path, mode)
    for name in FILES:
        path = inside(root, name)
        if os.path.isdir(os.path.dirname(path)) and not os.path.lexists(path):
            with open(path, "w", encoding="utf-8"):
                pass
    empty_dev(root)


def drop_papers(root):
    """Takes away what packages bring for people to read."""
    for name in PAPERS:
        remove(inside(root, "/usr/share/" + name))


def empty_dev(root):
    """Nodes under /dev never come from an image."""
    dev = root + "/dev"
    if os.path.isdir(dev) and not os.path.islink(dev):
        for name in os.listdir(dev):
            remove(os.path.join(dev, name))


def add_accounts(root, masters, accounts):
    """Gives a root made from packages its users: Debian's own when base-passwd is there, ours."""
    os.makedirs(final(root, "/etc"), mode=0o755, exist_ok=True)
    for name, text in (("passwd", PASSWD), ("group", GROUP), ("nsswitch.conf", NSSWITCH)):
        path = inside(root, "/etc/" + name)
        if os.path.lexists(path):
            continue
        master = final(masters, f"/usr/share/base-passwd/{name}.master")
        if os.path.exists(master):
            with open(master, encoding="utf-8") as file:
                text = file.read()
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    for text in accounts:
        name, found, uid = text.partition(":")
        if not (found and uid.isdigit() and name.replace("-", "").replace("_", "").isalnum()):
            raise Fail(f"--account {text}: want NAME:UID")
        append(root, "/etc/passwd", f"{name}:x:{uid}:{uid}:{name}:/:/bin/false\n")
        append(root, "/etc/group", f"{name}:x:{uid}:\n")


def append(root, path, text):
    """Adds a line to a file inside the root."""
    with open(final(root, path), "a", encoding="utf-8") as out:
        out.write(text)


def make_folder(root, text):
    """--mkdir PATH[:MODE[:UID[:GID]]]"""
    path, *rest = text.split(":")
    if not path.startswith("/") or len(rest) > 3:
        raise Fail(f"--mkdir {text}: want /PATH[:MODE[:UID[:GID]]]")
    try:
        mode = int(rest[0], 8) if rest else 0o755
        uid = int(rest[1]) if len(rest) > 1 else 0
        gid = int(rest[2]) if len(rest) > 2 else uid
    except ValueError:
        raise Fail(f"--mkdir {text}: mode is octal, uid and gid are numbers") from None
    make_parents(root, path)
    target = final(root, path)
    os.makedirs(target, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(target, uid, gid)
    os.chmod(target, stat.S_IMODE(mode))
