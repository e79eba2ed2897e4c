"""The kernel of an appliance: one of Debian's, unpacked once into build/kernel, and the few
modules that containers, their networks and QEMU's devices need."""

import lzma
import os
import shutil

from apt import Apt
from tool import Fail, build_dir, debian_arch, run

# Modules to load at boot; one that this kernel has built in, or does not have, is left out.
# The kernel cannot ask for any later: there is no modprobe on the device.
# First is what libcrc32c asks for as it is loaded, which modules.dep does not know.
WANTED = """
crc32c_generic
virtio_pci virtio_mmio virtio_net virtio_blk virtio_console virtio_rng
loop erofs squashfs overlay dm_verity
veth bridge tun 8021q macvlan ipvlan
nf_tables nf_conntrack nf_nat nft_chain_nat nft_nat nft_masq nft_ct nft_redir nft_reject_inet
nft_meta_bridge nf_conntrack_netlink
nft_fib_inet nft_limit nft_connlimit nft_log
""".split()


class Kernel:
    """An unpacked kernel: its image, its version, its modules."""

    def __init__(self, image, modules):
        self.image = image
        self.modules = modules
        self.version = os.path.basename(modules.rstrip("/"))

    def chosen(self, wanted=None):
        """(names to load, module paths with all they depend on, in modules.dep's form)."""
        depends = self._depends()
        by_name = {module_name(path): path for path in depends}
        names = [n for n in wanted or WANTED if n.replace("-", "_") in by_name]
        paths = set()
        for name in names:
            path = by_name[name.replace("-", "_")]
            paths |= {path, *depends[path]}
        return names, {path: depends[path] for path in sorted(paths)}

    def module(self, path):
        """The bytes of a module, decompressed: init loads plain files only."""
        with open(os.path.join(self.modules, path), "rb") as file:
            data = file.read()
        if path.endswith(".xz"):
            return lzma.decompress(data)
        if path.endswith(".zst"):
            return run(["zstd", "-dcq", os.path.join(self.modules, path)], text=False)
        return data

    def _depends(self):
        depends = {}
        with open(os.path.join(self.modules, "modules.dep"), encoding="utf-8") as file:
            for line in file:
                path, _, rest = line.partition(":")
                depends[path] = rest.split()
        return depends


def module_name(path):
    """kernel/drivers/net/virtio-rng.ko.xz -> virtio_rng"""
    return plain(os.path.basename(path))[:-len(".ko")].replace("-", "_")


def plain(path):
    """The path of a module without the suffix of its compression."""
    for suffix in (".xz", ".zst", ".gz"):
        if path.endswith(suffix):
            return path[:-len(suffix)]
    return path


def debian_kernel(arch, suite=None, full=False):
    """Debian's cloud kernel for the architecture, of the host's suite or another; full: that with all drivers."""
    packages = Apt(arch, suite)
    names = packages.kernel(f"linux-image-{'' if full else 'cloud-'}{debian_arch(arch)}")
    folder = os.path.join(build_dir("kernel", arch), names[0])
    if not os.path.isdir(folder):
        part = folder + ".part"
        shutil.rmtree(part, ignore_errors=True)
        os.makedirs(part)
        packages.unpack(names, part, closure=False)
        if not os.path.isdir(part + "/lib/modules"):
            old_places(part)
        for version in os.listdir(part + "/lib/modules"):
            run(["depmod", "-b", part, version])
        os.rename(part, folder)
    return open_folder(folder)


def old_places(folder):
    """Debian's kernels since Linux 7 have all below /usr/lib/modules, the image too."""
    os.symlink("usr/lib", folder + "/lib")
    os.makedirs(folder + "/boot", exist_ok=True)
    for version in os.listdir(folder + "/lib/modules"):
        os.symlink(f"../lib/modules/{version}/vmlinuz", f"{folder}/boot/vmlinuz-{version}")


def open_folder(folder):
    """A kernel from a folder with boot/vmlinuz-VERSION and lib/modules/VERSION."""
    boot = os.path.join(folder, "boot")
    images = [n for n in os.listdir(boot) if n.startswith("vmlinuz-")]
    if len(images) != 1:
        raise Fail(f"{boot}: want exactly one vmlinuz-VERSION, found {len(images)}")
    modules = os.path.join(folder, "lib/modules", images[0][len("vmlinuz-"):])
    if not os.path.exists(os.path.join(modules, "modules.dep")):
        raise Fail(f"{modules}: no modules.dep (run depmod)")
    return Kernel(os.path.join(boot, images[0]), modules)
