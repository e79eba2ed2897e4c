"""Writes a root folder as an image file (or folder) that is the same for the same content."""

import os

import verity
from tool import Fail, remove, run

# One identity for all images: the content is what tells them apart, and the same content must give
# the same bytes.
UUID = "73757000-0000-4000-8000-000000000000"


def erofs(root, out, owners):
    """EROFS with lz4: half the memory of an uncompressed one on a RAM disk. Clusters of 16 KiB make
    it a tenth smaller than the default and need a kernel of 5.13 or newer."""
    run(["mkfs.erofs", "--quiet", "-zlz4hc", "-C16384", "-T0", f"-U{UUID}", *owners["erofs"],
         out, root])


def squashfs(root, out, owners):
    """SquashFS with zstd, smaller than EROFS and slower to read."""
    run(["mksquashfs", root, out, "-noappend", "-no-progress", "-quiet", "-comp", "zstd",
         "-all-time", "0", "-mkfs-time", "0", *owners["squashfs"]])


def folder(root, out, owners):
    """A plain folder; its owners are those of the root."""
    del owners
    run(["cp", "-a", root, out])


FORMATS = {"erofs": erofs, "squashfs": squashfs, "dir": folder}


def pack(root, out, form, all_root, sealed=None):
    """Packs the root; OUT appears whole or not at all. sealed: it gets a hash tree, of which that is told."""
    owners = {"erofs": ["--all-root"] if all_root else [],
              "squashfs": ["-all-root"] if all_root else []}
    if form not in FORMATS:
        raise Fail(f"--format {form}: want {', '.join(FORMATS)}")
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    part = out.rstrip("/") + ".part"
    remove(part)
    if sealed and form == "dir":
        raise Fail("--verity: a folder has no hash tree; want --format erofs or squashfs")
    FORMATS[form](root, part, owners)
    if sealed:
        sealed(verity.seal(part))
    if os.path.isdir(out):
        remove(out)
    os.replace(part, out.rstrip("/"))
