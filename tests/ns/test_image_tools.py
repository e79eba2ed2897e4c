"""rootfs/mkimage and rootfs/mkappliance on small sources made here: no network, no packages."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


def tool(name, *words, cwd=None):
    return subprocess.run([TOP / "rootfs" / name, *map(str, words)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, cwd=cwd, timeout=120, check=False)


def refused(done, *texts):
    assert done.returncode != 0
    for text in texts:
        assert text in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(name="root")
def small_root(tmp_path):
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "bin/tool").write_text("#!/bin/true\n")
    (root / "etc/passwd").write_text("own:x:7:7::/:/bin/tool\n")
    os.chown(root / "etc/passwd", 5, 6)
    return root


def unpacked(tmp_path, *words):
    """The content of an image made in the format `dir`."""
    out = tmp_path / "out"
    done = tool("mkimage", *words, "--format", "dir", "-o", out)
    assert done.returncode == 0, done.stderr
    return out


def test_every_image_has_the_places_a_container_needs(tmp_path, root):
    out = unpacked(tmp_path, "--dir", root)
    for folder in "proc sys dev run tmp var/tmp etc".split():
        assert (out / folder).is_dir()
    for file in "hosts resolv.conf hostname".split():
        assert (out / "etc" / file).read_text() == ""
    assert (out / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (out / "etc/passwd").stat().st_uid == 5


def test_links_of_an_image_lead_nowhere_else(tmp_path, root):
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(root / "etc")
    (root / "etc").symlink_to(outside)
    (root / "var").symlink_to("../outside")
    (root / "srv").symlink_to("../../../../../.." + str(outside))
    extra = tmp_path / "extra"
    extra.write_text("x")
    out = unpacked(tmp_path, "--dir", root, "--add", f"{extra}:/srv/extra", "--mkdir",
                   "/var/made:700:1:2", "--account", "me:9", "--link", "/etc/x:y")
    assert list(outside.iterdir()) == []
    assert os.readlink(out / "etc") == str(outside)


def test_nodes_under_dev_are_dropped(tmp_path, root):
    (root / "dev").mkdir()
    os.mkfifo(root / "dev/console")
    assert list((unpacked(tmp_path, "--dir", root) / "dev").iterdir()) == []


def test_a_tar_keeps_its_owners(tmp_path, root):
    tar = tmp_path / "root.tar"
    subprocess.run(["tar", "-C", root, "-cf", tar, "."], check=True)
    info = (unpacked(tmp_path, "--tar", tar) / "etc/passwd").stat()
    assert (info.st_uid, info.st_gid) == (5, 6)


def test_same_content_gives_the_same_bytes(tmp_path, root):
    again = tmp_path / "again"
    subprocess.run(["cp", "-r", root, again], check=True)
    os.chown(again / "etc/passwd", 5, 6)
    images = []
    for source in (root, again):
        image = tmp_path / f"{source.name}.erofs"
        assert tool("mkimage", "--dir", source, "-o", image).returncode == 0
        images.append(image.read_bytes())
    assert images[0] == images[1]


def test_a_hash_tree_is_that_of_the_bytes(tmp_path, root):
    image = tmp_path / "web.erofs"
    (root / "large").write_bytes(os.urandom(700000))  # more blocks than one block has hashes
    assert tool("mkimage", "--dir", root, "--verity", "-o", image).returncode == 0
    said = dict(line.split("=", 1) for line in (tmp_path / "web.ini").read_text().splitlines()[1:])
    size, data = int(said["HashOffset"]), image.read_bytes()
    level = [data[i:i + 4096] for i in range(0, size, 4096)]
    assert size % 4096 == 0 and len(level) > 128
    tree = b""
    while len(level) > 1:
        hashes = b"".join(hashlib.sha256(block).digest() for block in level)
        level = [hashes[i:i + 4096].ljust(4096, b"\0") for i in range(0, len(hashes), 4096)]
        tree = b"".join(level) + tree
    assert data[size:] == tree
    assert hashlib.sha256(level[0]).hexdigest() == said["RootHash"]
    refused(tool("mkimage", "--dir", root, "--verity", "--format", "dir", "-o", tmp_path / "folder"), "a folder has no hash tree")


def test_a_binary_brings_its_libraries_and_runs(tmp_path):
    out = unpacked(tmp_path, "--binary", "/bin/ls:/bin/list")
    shown = subprocess.run(["chroot", out, "/bin/list", "/bin"], capture_output=True, text=True,
                           check=True)
    assert shown.stdout.split() == ["list"]


def test_only_keeps_a_program_and_what_it_needs(tmp_path, root):
    # A whole system to choose from, with a program of its own libraries.
    full = unpacked(tmp_path, "--binary", "/bin/ls", "--add", f"{root}/bin:/opt/more").rename(
        tmp_path / "full")
    out = unpacked(tmp_path, "--dir", full, "--only", "/bin/ls")
    assert not (out / "opt").exists()
    subprocess.run(["chroot", out, "/bin/ls", "/"], capture_output=True, check=True)


def oci_layout(tmp_path, *config):
    layout, bundle = tmp_path / "layout", tmp_path / "bundle"
    for words in (["init", "--layout", layout], ["new", "--image", f"{layout}:7"],
                  ["unpack", "--image", f"{layout}:7", bundle]):
        subprocess.run(["umoci", *words], check=True, capture_output=True)
    (bundle / "rootfs/hello").write_text("hi")
    subprocess.run(["umoci", "repack", "--image", f"{layout}:7", bundle], check=True,
                   capture_output=True)
    subprocess.run(["umoci", "config", "--image", f"{layout}:7", *config], check=True)
    return layout


def test_the_defaults_of_an_oci_image(tmp_path):
    layout = oci_layout(
        tmp_path, "--config.entrypoint", "/bin/sh", "--config.entrypoint", 'a "q" \\ b',
        "--config.cmd", "-c", "--config.cmd", "two\nlines", "--config.env", "A=b",
        "--config.env", "C=d e", "--config.user", "33:33", "--config.workingdir", "/srv",
        "--config.stopsignal", "SIGQUIT")
    out = unpacked(tmp_path, "--oci", f"{layout}:7", "--env", "A=z")
    assert (out / "hello").read_text() == "hi"
    assert (tmp_path / "out.ini").read_text().splitlines() == [
        "[Image]", 'Entrypoint=/bin/sh "a \\"q\\" \\\\ b"', 'Cmd=-c "two\\nlines"',
        'Environment="C=d e"', "Environment=A=z", "User=33:33", "WorkingDir=/srv",
        "StopSignal=SIGQUIT"]
    refused(tool("mkimage", "--oci", f"{layout}:8", "-o", tmp_path / "x"), "no tag 8", "tags: 7")


@pytest.mark.parametrize("words, text", [
    (["--dir", "/no/such"], "no such folder"),
    (["--tar", "/no/such"], "tar failed"),
    (["--binary", "/etc/passwd"], "not an ELF program"),
    (["--dir", ".", "--add", "/no/such:/x"], "no such file"),
    (["--dir", ".", "--only", "/no/such"], "not in the source"),
    (["--dir", ".", "--mkdir", "a"], "want /PATH"),
    (["--dir", ".", "--env", "A"], "want NAME=VALUE"),
    (["--dir", ".", "--cmd", "a\x01b"], "control character"),
    (["--dir", ".", "--format", "zip"], "invalid choice"),
    (["--wat"], "required"),
    ([], "required"),
])
def test_mkimage_refuses(tmp_path, words, text):
    source = tmp_path / "source"
    source.mkdir()
    refused(tool("mkimage", *words, "-o", tmp_path / "x.erofs", cwd=source), text)
    assert not (tmp_path / "x.erofs").exists()
    assert not (tmp_path / "x.ini").exists()


# ---- mkappliance: a kernel, programs and units that are only names --------------------------


@pytest.fixture(name="parts")
def appliance_parts(tmp_path):
    modules = tmp_path / "kernel/lib/modules/1.2"
    files = {
        "kernel/boot/vmlinuz-1.2": "kernel",
        "programs/init": "i", "programs/supervisor": "s", "programs/supctl": "c",
        "units/web.container": "[Container]\nImage=web\n",
        "units/web.container.d/more.conf": "[Unit]\n",
        "units/README": "no unit",
    }
    depends = {"veth": [], "bridge": ["llc", "stp"], "stp": ["llc"], "llc": [], "unwanted": []}
    for name in depends:
        files[f"kernel/lib/modules/1.2/kernel/{name}.ko"] = name
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (modules / "modules.dep").write_text("".join(
        f"kernel/{name}.ko:" + "".join(f" kernel/{n}.ko" for n in needs) + "\n"
        for name, needs in depends.items()))
    return tmp_path


def appliance(parts, *words):
    return tool("mkappliance", "--kernel", parts / "kernel", "--programs", parts / "programs",
                "-o", parts / "out", *words)


def content(parts):
    """The initramfs, unpacked."""
    root = parts / "unpacked"
    root.mkdir()
    with open(parts / "out/initramfs", "rb") as archive:
        subprocess.run(["cpio", "-id", "--quiet", "--no-absolute-filenames"], stdin=archive,
                       cwd=root, check=True)
    return root


def test_what_an_appliance_holds(parts):
    image = parts / "web.erofs"
    assert tool("mkimage", "--dir", parts / "units", "--cmd", "/x", "-o", image).returncode == 0
    done = appliance(parts, "--units", parts / "units", "--image", f"site/web:1={image}",
                     "--add", f"{parts}/units/README:/opt/readme", "--append", "a=b c")
    assert done.returncode == 0, done.stderr
    root = content(parts)
    assert (parts / "out/vmlinuz").read_text() == "kernel"
    assert (parts / "out/cmdline").read_text() == "a=b c\n"
    assert [(root / p).read_text() for p in ("init", "usr/lib/sup/supervisor", "usr/bin/supctl")] \
        == ["i", "s", "c"]
    assert os.access(root / "init", os.X_OK)
    units = root / "usr/lib/sup/units"
    assert sorted(p.name for p in units.iterdir()) == ["web.container", "web.container.d"]
    assert (units / "web.container.d/more.conf").exists()
    images = root / "usr/lib/sup/images"
    assert (images / "site+web:1.erofs").read_bytes() == image.read_bytes()
    assert (images / "site+web:1.ini").read_text() == "[Image]\nCmd=/x\n"
    assert (root / "opt/readme").read_text() == "no unit"
    assert "\nsup:x:" in (root / "etc/group").read_text()


def test_only_the_needed_modules_come_along(parts):
    assert appliance(parts).returncode == 0
    root = content(parts)
    top = root / "lib/modules/1.2"
    assert sorted(p.stem for p in (top / "kernel").iterdir()) == ["bridge", "llc", "stp", "veth"]
    assert "kernel/bridge.ko: kernel/llc.ko kernel/stp.ko" in (top / "modules.dep").read_text()
    assert (root / "etc/modules-load.d/sup.conf").read_text().split() == ["veth", "bridge"]


def test_an_appliance_is_the_same_twice(parts):
    assert appliance(parts, "--units", parts / "units").returncode == 0
    first = (parts / "out/initramfs").read_bytes()
    assert appliance(parts, "--units", parts / "units").returncode == 0
    assert (parts / "out/initramfs").read_bytes() == first


@pytest.mark.parametrize("words, text", [
    (["--units", "/no/such"], "no such folder"),
    (["--units", "{}/kernel"], "holds no unit file"),
    (["--units", "{}/units", "--units", "{}/units"], "given twice"),
    (["--image", "web"], "want NAME=PATH"),
    (["--image", "web=/no/such"], "no such file"),
    (["--image", "web={}/units/README"], "neither EROFS nor SquashFS"),
    (["--image", "web={}/units", "--image", "web={}/units"], "given twice"),
    (["--image", "a/b={}/units", "--image", "a+b={}/programs"], "given twice"),
    (["--add", "/no/such:/x"], "no such file"),
    (["--add", "{}/programs/init:/init"], "given twice"),
    (["--arch", "pdp11", "--busybox"], "unknown architecture"),
    (["--kernel", "/no/such"], "No such file"),
    (["--programs", "/no/such"], "run make"),
    (["--wat"], "unrecognized"),
])
def test_mkappliance_refuses(parts, words, text):
    refused(appliance(parts, *(w.format(parts) for w in words)), text)
    assert not (parts / "out").exists()
