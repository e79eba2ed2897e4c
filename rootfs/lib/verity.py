"""The hash tree of dm-verity (format 1, SHA-256, blocks of 4096 bytes, no salt, no superblock) behind an image's data.

The kernel reads the same: Documentation/admin-guide/device-mapper/verity.rst. The levels stand from the root's down;
a block of 128 hashes is filled up with zeros."""

import hashlib
import os

BLOCK = 4096
PIECE = 256 * BLOCK


def digest(block):
    """The hash of one block."""
    return hashlib.sha256(block).digest()


def hashes_of(file, size):
    """The hashes of the data's blocks."""
    found = []
    file.seek(0)
    for at in range(0, size, PIECE):
        data = file.read(min(PIECE, size - at))
        found += [digest(data[i:i + BLOCK]) for i in range(0, len(data), BLOCK)]
    return found


def levels_of(hashes):
    """The tree above the hashes, bottom first, and its root."""
    levels = []
    while len(hashes) > 1:
        text = b"".join(hashes)
        text += bytes(-len(text) % BLOCK)
        levels.append(text)
        hashes = [digest(text[i:i + BLOCK]) for i in range(0, len(text), BLOCK)]
    return levels, hashes[0]


def seal(path):
    """Appends the tree to the file: what its sidecar has to say of it."""
    with open(path, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        whole = size + -size % BLOCK
        file.truncate(whole)
        levels, root = levels_of(hashes_of(file, whole))
        file.seek(whole)
        for level in reversed(levels):
            file.write(level)
    return {"RootHash": root.hex(), "HashOffset": str(whole)}
