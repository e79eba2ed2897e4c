"""What is between clone and exec: real containers in throwaway roots, started by launch() itself.

launch_driver plays init and supervisor. It and all it starts live in a PID and mount namespace of
their own; where a cgroup is needed, in a cgroup of their own too.
"""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("SUP_BUILD", "build/x86_64")).resolve()
DRIVER = BUILD / "tests/ns/helpers/launch_driver"
INIT = BUILD / "init"
BUSYBOX = shutil.which("busybox")
APPLETS = "sh ps ls cat id hostname env mount umount readlink stat sleep tty touch mkdir kill grep wc nice " \
          "ulimit sort mknod chroot ip true".split()
DEADLINE = 30
UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
PODMAN_CAPS = 0x800405FB  # what Podman gives by default

CAP_SYS_ADMIN = 1 << 21
CAP_NET_BIND = 1 << 10
CAP_SETPCAP = 1 << 8


class Result:
    def __init__(self, out, err):
        self.out = out
        self.lines = out.splitlines()
        self.events = err.splitlines()

    def faults(self):
        return [e for e in self.events if e.split()[0] in ("fault", "refused")]

    def status(self):
        """wait(2) status of the first process."""
        exits = [e for e in self.events if e.startswith("exit ")]
        return int(exits[-1].split()[1])


def run(options, argv, second=(), before="mount -t tmpfs none /sys/fs/cgroup", **more):
    """Starts argv in a container; `second` is run in it then. `before` prepares the box."""
    command = [*options, "--env=PATH=/bin", "--", *argv]
    if second:
        command += ["--exec", *second]
    done = subprocess.run(
        [*UNSHARE, "sh", "-ec", before + '\nexec "$@"', "sh", DRIVER, *command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE, check=False,
        **more)
    result = Result(done.stdout, done.stderr)
    assert "left 0" in result.events, done.stderr  # no descriptor stays in the supervisor
    return result


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    for name in "bin", "proc", "sys", "dev", "etc", "tmp", "run":
        (folder / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, folder / "bin/busybox")
    for name in APPLETS:
        (folder / "bin" / name).symlink_to("busybox")
    (folder / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\n"
        "garbage line\n"
        "web:x:33:44:Web:/srv/web:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\nweb:x:44:\nextra:x:55:web,other\n")
    return folder


def container(folder, *more):
    return [f"--root={folder}", "--api", *more]


def shell(folder, script, *more, **keywords):
    result = run(container(folder, *more), ["/bin/sh", "-c", script], **keywords)
    assert result.faults() == []
    return result


def fault(result, step, no=None):
    """The one fault there is, which must name the step; its object."""
    faults = [e for e in result.events if e.startswith("fault ")]
    assert len(faults) == 1, result.events
    _, at, number, *rest = faults[0].split(" ", 3)
    assert at == step, result.events
    if no is not None:
        assert int(number) == no, result.events
    assert result.status() == 125 << 8
    return rest[0] if rest else ""


ENOENT, ENXIO, ENOEXEC, EACCES, EEXIST, ENOTDIR, EINVAL, EFBIG, ENAMETOOLONG, EROFS, ENODEV = \
    2, 6, 8, 13, 17, 20, 22, 27, 36, 30, 19


# ---- what a container is ----

def test_only_its_own_processes(root):
    lines = shell(root, "ps -o pid,args; true").lines
    assert [line.split()[0] for line in lines] == ["PID", "1", "2"]


def test_pid_one_is_the_command_itself(root):
    assert shell(root, "echo $$").out == "1\n"


def test_every_namespace_is_new(root):
    kinds = ["mnt", "pid", "uts", "ipc", "net", "cgroup"]
    script = "; ".join(f"readlink /proc/self/ns/{k}" for k in kinds)
    inside = shell(root, script, "--flags=net").lines
    outside = [os.readlink(f"/proc/self/ns/{k}") for k in kinds]
    assert len(inside) == len(kinds)
    assert not set(inside) & set(outside)


def test_only_its_own_root(root):
    (root / "marker").touch()
    result = shell(root, "ls /; cat /proc/self/mountinfo")
    assert "marker" in result.lines
    mounts = [line.split() for line in result.lines if " - " in line]
    assert mounts[0][4] == "/"
    assert all(not m[4].startswith("/work") for m in mounts)
    assert "overmounted" not in result.out
    # the first mount's parent is not among them: nothing of the host is left above or below
    ids = {m[0] for m in mounts}
    assert mounts[0][1] not in ids


def test_chroot_escape_ends_in_the_root(root):
    script = "mkdir -p /tmp/x; cd /; chroot /tmp/x /bin/true 2>/dev/null; cd ../../../..; ls; readlink /proc/1/root"
    assert "proc" in shell(root, script).lines


def test_hostname(root):
    before = os.uname().nodename
    assert shell(root, "hostname", "--hostname=web-7").out == "web-7\n"
    assert os.uname().nodename == before


def test_environment_is_exact(root):
    result = run(container(root, "--env=container=sup", "--env=A=b c"), ["/bin/env"])
    assert sorted(result.lines) == ["A=b c", "PATH=/bin", "container=sup"]


def test_descriptors_are_exactly_three(root):
    result = run(container(root, "--flags=scan-fds"), ["/bin/ls", "/proc/self/fd"])
    assert result.lines == ["0", "1", "2", "3"]  # 3: the folder that ls looks at


def test_standard_streams_null(root):
    result = shell(root, "ls -l /proc/self/fd >/tmp/out", "--flags=stdio-null")
    assert result.out == ""
    assert (root / "tmp/out").read_text().count("-> /dev/null") == 2


def test_devices(root):
    names = shell(root, "cd /dev; ls; echo x >null; stat -c '%t:%T %a' null zero full random urandom").lines
    assert names[:-5] == ["fd", "full", "null", "ptmx", "pts", "random", "shm", "urandom", "zero"]
    assert names[-5:] == ["1:3 666", "1:5 666", "1:7 666", "1:8 666", "1:9 666"]


def test_device_of_the_host(root):
    result = shell(root, "stat -c '%t:%T %a %F' /dev/x/tun", "--device=/dev/full:/dev/x/tun")
    assert result.out == "1:7 600 character special file\n"


def test_pseudo_terminals_are_its_own(root):
    assert shell(root, "ls /dev/pts").lines == ["ptmx"]


def test_sys_and_proc_sys_are_read_only(root):
    result = shell(root, "exec 2>&1; touch /sys/x; echo 1 >/proc/sys/kernel/panic; echo 1 >/proc/irq/x")
    assert len(result.lines) == 3
    assert all("Read-only" in line or "nonexistent" in line for line in result.lines)


def test_masked_paths_are_empty(root):
    (root / "srv").mkdir()
    (root / "srv/secret").write_text("secret")
    (root / "key").write_text("secret")
    result = shell(root, "cat /key /proc/timer_list; ls /srv /sys/firmware; touch /srv/x 2>&1",
                   "--mask=/key", "--mask=/srv", "--mask=/missing")
    assert "secret" not in result.out
    assert "Read-only" in result.lines[-1]
    assert (root / "key").read_text() == "secret"


def test_read_only_root(root):
    result = shell(root, "touch /x 2>&1; echo y >/tmp/y && cat /tmp/y", "--fs=tmpfs:/tmp:mode=1777", "--seal")
    assert "Read-only" in result.lines[0]
    assert result.lines[1] == "y"
    assert not (root / "x").exists()


def test_overlay_keeps_the_image(root):
    image = root.parent / "library:redis:7"  # a reference has colons, which overlayfs splits at
    root.rename(image)
    result = run([f"--overlay={image}", "--api", "--bind=/usr/share:/new/place:ro"],
                 ["/bin/sh", "-c", "echo y >/y; cat /y; ls /new/place; cat /proc/self/mountinfo"])
    assert result.faults() == []
    assert result.lines[0] == "y"
    assert "doc" in result.lines
    assert not (image / "y").exists()
    assert not (image / "new").exists()
    # one root: neither the tmpfs of the layers nor the old root lies over or under it
    assert [line.split()[4] for line in result.lines if " - " in line].count("/") == 1


# ---- volumes and files ----

def test_volume(root, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/here").write_text("host")
    result = shell(root, "cat /var/lib/app/here; echo new >/var/lib/app/there",
                   f"--bind={tmp_path}/data:/var/lib/app")
    assert result.out == "host\n" or result.out == "host"
    assert (tmp_path / "data/there").read_text() == "new\n"


def test_volume_read_only(root, tmp_path):
    (tmp_path / "data").mkdir()
    result = shell(root, "touch /data/x 2>&1", f"--bind={tmp_path}/data:/data:ro")
    assert "Read-only" in result.out
    assert not list((tmp_path / "data").iterdir())


def test_file_is_bound_over_a_file(root, tmp_path):
    (tmp_path / "hosts").write_text("10.0.0.1 web\n")
    assert shell(root, "cat /etc/hosts", f"--file={tmp_path}/hosts:/etc/hosts").out == "10.0.0.1 web\n"


def test_links_of_the_image_lead_inside(root, tmp_path):
    """/var/run -> /run is a usual image; the same link would be the host's /run outside."""
    (root / "var").mkdir()
    (root / "var/run").symlink_to("/run")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/here").touch()
    assert shell(root, "ls /run/app", f"--bind={tmp_path}/data:/var/run/app").lines == ["here"]
    assert (root / "run/app").is_dir()


def test_mounts_do_not_reach_the_host(root, tmp_path):
    """Even from a shared mount."""
    (tmp_path / "data").mkdir()
    before = f"mount --bind {tmp_path} {tmp_path}; mount --make-rshared /"
    shell(root, "true", f"--bind={tmp_path}/data:/data", before=before)
    assert not os.path.ismount(root)
    assert not os.path.ismount(root / "proc")


def test_missing_volume_is_named(root, tmp_path):
    result = run(container(root, f"--bind={tmp_path}/none:/data"), ["/bin/true"])
    assert fault(result, "mount-volume", ENOENT) == f"{tmp_path}/none"


# ---- hostile images ----

@pytest.mark.parametrize("name, step", [("proc", "mount-api"), ("sys", "mount-api"), ("dev", "mount-dev")])
@pytest.mark.parametrize("to", ["/", "/etc", "..", "/missing"])
def test_api_folder_is_a_link(root, tmp_path, name, step, to):
    """CVE-2026-47766, CVE-2026-41579: a link for /dev made nodes on the host."""
    (tmp_path / "host").mkdir()
    (root / name).rmdir()
    (root / name).symlink_to(tmp_path / "host" if to == "/missing" else to)
    result = run(container(root), ["/bin/true"])
    assert fault(result, step) == f"/{name}: is a symbolic link in the image"
    assert not list((tmp_path / "host").iterdir())


@pytest.mark.parametrize("name, step", [("proc", "mount-api"), ("dev", "mount-dev")])
def test_api_folder_is_a_file(root, name, step):
    (root / name).rmdir()
    (root / name).write_text("")
    result = run(container(root), ["/bin/true"])
    assert fault(result, step, ENOTDIR) == f"/{name}"


def test_link_deep_in_dev_of_the_image_does_not_matter(root, tmp_path):
    """/dev is covered by our own, whatever the image has below it."""
    (tmp_path / "host").mkdir()
    (root / "dev/pts").symlink_to(tmp_path / "host")
    (root / "dev/null").symlink_to(tmp_path / "host/null")
    shell(root, "echo x >/dev/null")
    assert not list((tmp_path / "host").iterdir())


def test_etc_is_a_link_to_the_host(root, tmp_path):
    shutil.rmtree(root / "etc")
    (tmp_path / "host").mkdir()
    (root / "etc").symlink_to(tmp_path / "host")
    (tmp_path / "hosts").write_text("")
    result = run(container(root, f"--file={tmp_path}/hosts:/etc/hosts"), ["/bin/true"])
    assert fault(result, "mount-files") == "/etc: is a dangling symbolic link in the image"
    assert not list((tmp_path / "host").iterdir())


@pytest.mark.parametrize("up", ["", "../" * 30])
def test_volume_target_is_a_link_to_the_host(root, tmp_path, up):
    (tmp_path / "host").mkdir()
    (tmp_path / "data").mkdir()
    (root / "srv").symlink_to(f"{up}{tmp_path}/host")
    result = run(container(root, f"--bind={tmp_path}/data:/srv/deep/er"), ["/bin/true"])
    assert fault(result, "mount-volume") == "/srv: is a dangling symbolic link in the image"
    assert not list((tmp_path / "host").iterdir())


def test_dangling_link_for_a_file(root, tmp_path):
    (tmp_path / "hosts").write_text("")
    (root / "etc/hosts").symlink_to(tmp_path / "victim")
    result = run(container(root, f"--file={tmp_path}/hosts:/etc/hosts"), ["/bin/true"])
    assert fault(result, "mount-files") == "/etc/hosts: is a dangling symbolic link in the image"
    assert not (tmp_path / "victim").exists()


def test_null_of_another_kind_masks_nothing(root, tmp_path):
    """CVE-2025-31133: what is bound over a masked file must be the null device."""
    (root / "key").write_text("secret")
    options = [f"--root={root}", "--mask=/key"]
    (root / "dev/null").write_text("mine")
    assert fault(run(options, ["/bin/true"]), "mask-paths") == "/dev/null: is not the null device"


def test_masked_path_is_a_link(root, tmp_path):
    (tmp_path / "host").write_text("host")
    (root / "key").symlink_to(tmp_path / "host")
    result = run(container(root, "--mask=/key"), ["/bin/true"])
    assert fault(result, "mask-paths") == "/key: is a symbolic link in the image"


@pytest.mark.parametrize("name", ["passwd", "group"])
def test_passwd_is_a_fifo(root, name):
    (root / "etc" / name).unlink()
    os.mkfifo(root / "etc" / name)
    result = run(container(root, "--user=web"), ["/bin/true"])
    assert fault(result, "user") == f"/etc/{name}: is not a regular file"


def test_passwd_is_a_link(root):
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").symlink_to("/proc/1/environ")
    result = run(container(root, "--user=web"), ["/bin/true"])
    assert fault(result, "user") == "/etc/passwd: is a symbolic link"


def test_passwd_is_a_device(root):
    (root / "etc/passwd").unlink()
    os.mknod(root / "etc/passwd", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    result = run(container(root, "--user=web"), ["/bin/true"])
    assert fault(result, "user") == "/etc/passwd: is not a regular file"


def test_passwd_is_too_large(root):
    with open(root / "etc/passwd", "a", encoding="ascii") as file:
        file.truncate(1 << 30)
    result = run(container(root, "--user=web"), ["/bin/true"])
    assert fault(result, "user", EFBIG) == "/etc/passwd"


# ---- user, capabilities, limits ----

@pytest.mark.parametrize("user, group, want", [
    (None, None, "uid=0(root) gid=0(root)\n"),
    ("web", None, "uid=33(web) gid=44(web) groups=55(extra)"),
    ("web", "root", "uid=33(web) gid=0(root)"),
    ("1000", None, "uid=1000 gid=0(root)"),
    ("1000:1001", None, "uid=1000 gid=1001"),
])
def test_user(root, user, group, want):
    options = [f"--user={user}"] if user else []
    options += [f"--group={group}"] if group else []
    assert shell(root, "id", *options).out.startswith(want)


def test_no_group_of_the_supervisor_is_kept(root):
    result = shell(root, "grep Groups /proc/self/status", "--user=1000:1000")
    assert result.out.split() in (["Groups:"], ["Groups:", "1000"])


def test_home_is_the_users(root):
    assert shell(root, "echo $HOME", "--user=web", "--home").out == "/srv/web\n"


@pytest.mark.parametrize("user", ["nobody-here", "web:nogroup", "0:none"])
def test_unknown_user_is_named(root, user):
    result = run(container(root, f"--user={user}"), ["/bin/true"])
    missing = user.rsplit(":", maxsplit=1)[-1]
    assert fault(result, "user").startswith(missing + ": no such user or group")


def capability_sets(result):
    return {m[1]: int(m[2], 16) for m in re.finditer(r"Cap(\w+):\s*(\w+)", result.out)}


OURS = {m[1]: int(m[2], 16) for m in
        re.finditer(r"Cap(\w+):\s*(\w+)", Path("/proc/self/status").read_text(encoding="ascii"))}["Prm"]


def test_capabilities_of_root(root):
    sets = capability_sets(shell(root, "cat /proc/self/status", f"--caps={PODMAN_CAPS:x}"))
    want = PODMAN_CAPS & OURS
    assert sets == {"Inh": 0, "Prm": want, "Eff": want, "Bnd": want, "Amb": 0}


def test_capabilities_of_a_user(root):
    sets = capability_sets(shell(root, "cat /proc/self/status", f"--caps={PODMAN_CAPS:x}", "--user=web"))
    assert sets == {"Inh": 0, "Prm": 0, "Eff": 0, "Bnd": PODMAN_CAPS & OURS, "Amb": 0}


def test_ambient_capability_of_a_user(root):
    sets = capability_sets(shell(root, "cat /proc/self/status", f"--caps={PODMAN_CAPS:x}",
                                 f"--ambient={CAP_NET_BIND | CAP_SYS_ADMIN:x}", "--user=web"))
    assert sets == {"Inh": CAP_NET_BIND, "Prm": CAP_NET_BIND, "Eff": CAP_NET_BIND,
                    "Bnd": PODMAN_CAPS & OURS, "Amb": CAP_NET_BIND}


@pytest.mark.parametrize("flags, want", [("nnp", "1"), ("net", "0")])
def test_no_new_privileges(root, flags, want):
    assert shell(root, "grep NoNewPrivs /proc/self/status", f"--flags={flags}").out.split()[1] == want


def test_without_capabilities_the_seal_stays(root):
    result = shell(root, "exec 2>&1; umount /proc/sys; mount -t tmpfs none /tmp; mknod /tmp/sda b 8 0; hostname x",
                   "--caps=0", "--flags=nnp")
    assert len(result.lines) == 4
    assert all("permitted" in line or "denied" in line for line in result.lines)


def test_limits(root):
    limits = "--rlimit=7:64:128", "--rlimit=4:0:18446744073709551615", "--rlimit=1:4096:4096"
    lines = shell(root, "cat /proc/self/limits", *limits).lines
    table = {line[:26].strip(): line[26:].split()[:2] for line in lines}
    assert table["Max open files"] == ["64", "128"]
    assert table["Max core file size"][0] == "0"
    assert table["Max file size"] == ["4096", "4096"]


def test_few_descriptors_do_not_hinder_the_start(root):
    assert shell(root, "id -u", "--user=web", "--rlimit=7:3:3").out == "33\n"


def test_limit_that_cannot_be(root):
    result = run(container(root, "--rlimit=7:20:10"), ["/bin/true"])
    assert fault(result, "limits", EINVAL) == "LimitNOFILE"


def test_nice_and_oom_score(root):
    result = shell(root, "cat /proc/self/oom_score_adj /proc/self/stat", "--oom=500", "--nice=7")
    assert result.lines[0] == "500"
    assert result.lines[1].split()[18] == "7"


def test_oom_score_is_not_inherited(root):
    result = shell(root, "cat /proc/self/oom_score_adj",
                   before="mount -t tmpfs none /sys/fs/cgroup; echo 400 >/proc/self/oom_score_adj")
    assert result.out == "0\n"


def test_signals_are_as_new(root):
    """Blocked and ignored signals of the caller are inherited over exec; SIGPIPE is always ignored there."""
    before = "mount -t tmpfs none /sys/fs/cgroup; trap '' INT QUIT TERM HUP CHLD"
    masks = [line.split()[1] for line in run(container(root), ["/bin/grep", "-E", "Sig(Blk|Ign)",
                                                               "/proc/self/status"], before=before).lines]
    assert masks == ["0" * 16] * 2


def test_own_session(root):
    fields = shell(root, "cat /proc/$$/stat").out.split()
    assert fields[5] == "1"  # session id


def test_sysctl(root):
    result = shell(root, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni",
                   "--flags=net", "--sysctl=net/ipv4/ip_forward:1", "--sysctl=kernel/shmmni:77")
    assert result.lines == ["1", "77"]


def test_network_namespace_is_kept(root, tmp_path):
    """The namespace is joined, so that what is set in it before is there."""
    place = tmp_path / "net"
    place.touch()
    before = ("mount -t tmpfs none /sys/fs/cgroup; "
              f"unshare --net={place} sysctl -qw net.ipv4.ip_default_ttl=77")
    result = shell(root, "cat /proc/sys/net/ipv4/ip_default_ttl", f"--netns={place}", before=before)
    assert result.out == "77\n"


def test_working_folder(root):
    assert shell(root, "pwd", "--workdir=/etc").out == "/etc\n"
    assert shell(root, "pwd", "--workdir=/none", "--flags=dir-optional").out == "/\n"
    result = run(container(root, "--workdir=/none"), ["/bin/true"])
    assert fault(result, "workdir", ENOENT) == "/none"


def test_working_folder_is_a_descriptor(root):
    """CVE-2024-21626: a working folder through /proc/self/fd must not be the host's."""
    for fd in range(3, 20):
        result = run(container(root, f"--workdir=/proc/self/fd/{fd}", "--flags=scan-fds"), ["/bin/true"])
        assert fault(result, "workdir", ENOENT if fd > 3 else ENOTDIR)


# ---- the forced failure of each step ----

@pytest.mark.parametrize("options, step, no, object_", [
    (["--nice=7", "--oom=5000"], "priority", EINVAL, "/proc/self/oom_score_adj"),
    (["--netns=/dev/null"], "network", EINVAL, "test.container"),
    (["--flags=lan"], "network", 0, "test.container: has no network namespace"),
    (["--hostname=" + "x" * 65], "hostname", EINVAL, "x" * 65),
    (["--sysctl=net/none:1"], "sysctl", ENOENT, "net/none"),
    (["--sysctl=kernel/shmmni:x"], "sysctl", EINVAL, "kernel/shmmni"),
    (["--fs=nonsuchfs:/mnt"], "mount-volume", ENODEV, "nonsuchfs"),
    (["--fs=tmpfs:/mnt:size=x"], "mount-volume", EINVAL, "size=x"),
    (["--bind=/etc:relative"], "mount-volume", None, "relative"),
    (["--device=/dev/nonsuch:/dev/x"], "mount-dev", ENOENT, "/dev/nonsuch"),
    (["--attr=/none"], "mask-paths", ENOENT, "/none"),
    (["--flags=stdio-tty", "--tty=/dev/nonsuch"], "terminal", ENOENT, "/dev/nonsuch"),
    (["--flags=stdio-tty", "--tty=/dev/null"], "terminal", 25, "/dev/null"),
])
def test_step_fails(root, options, step, no, object_):
    assert fault(run(container(root, *options), ["/bin/true"]), step, no) == object_


def test_root_is_missing(tmp_path):
    result = run([f"--root={tmp_path}/none"], ["/bin/true"])
    assert fault(result, "mount-root", ENOENT) == f"{tmp_path}/none"


def test_root_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    result = run([f"--root={tmp_path}/file"], ["/bin/true"])
    assert fault(result, "mount-root") == f"{tmp_path}/file"


def test_read_only_image_without_mount_point(root, tmp_path):
    (tmp_path / "data").mkdir()
    before = f"mount -t tmpfs none /sys/fs/cgroup; mount --bind {root} {root}; mount -o remount,bind,ro {root}"
    result = run(container(root, f"--bind={tmp_path}/data:/srv/data"), ["/bin/true"], before=before)
    assert fault(result, "mount-volume", EROFS) == "/srv/data"


def test_no_null_device(root):
    result = run([f"--root={root}", "--flags=stdio-null"], ["/bin/true"])
    assert fault(result, "stdio", ENOENT) == "StandardInput"


@pytest.mark.parametrize("content, mode, no, text", [
    (None, 0, ENOENT, "/bin/prog"),
    ("#!/bin/true\n", 0o644, EACCES, "/bin/prog"),
    ("no magic\n", 0o755, ENOEXEC, "/bin/prog"),
    ("#!/none\n", 0o755, 0, "/bin/prog: its interpreter or dynamic loader is missing"),
])
def test_program_cannot_be_executed(root, content, mode, no, text):
    if content is not None:
        (root / "bin/prog").write_text(content)
        (root / "bin/prog").chmod(mode)
    assert fault(run(container(root), ["/bin/prog"]), "exec", no) == text


def test_program_is_searched_on_its_own_path(root):
    assert run(container(root, "--env=PATH=/none:/etc/passwd::/bin"), ["id", "-u"]).out == "0\n"
    assert fault(run(container(root), ["nonsuch"]), "exec", ENOENT) == "nonsuch"


# ---- init as PID 1 ----

def test_init_is_pid_one_and_tells_the_exact_status(root):
    result = run(container(root, f"--init={INIT}", "--flags=init"),
                 ["sh", "-c", "echo $$; kill -9 $$"])
    assert result.lines == ["2"]
    assert "init-exited 9" in result.events


def test_init_keeps_no_descriptor_for_the_command(root):
    result = run(container(root, f"--init={INIT}", "--flags=init,scan-fds"), ["ls", "/proc/self/fd"])
    assert result.lines == ["0", "1", "2", "3"]  # 3: the folder that ls looks at
    result = run(container(root, f"--init={INIT}", "--flags=init,scan-fds"), ["ls", "-l", "/proc/1/fd"])
    assert "hostname" not in result.out


@pytest.mark.parametrize("flags", ["scan-fds", "init,scan-fds"])
@pytest.mark.parametrize("notify, sockets", [
    (3, 0), (4, 0), (5, 0), (10, 0), (11, 0), (99, 0), (1023, 0),
    (0, 1), (0, 9), (4, 1), (5, 1), (5, 2), (6, 2), (7, 2), (12, 8), (13, 8), (14, 8), (1023, 8)])
def test_notify_fd_beside_sockets(root, flags, notify, sockets):
    """Each at its number, whatever the numbers in use before; nothing else comes along, init keeps none."""
    script = "ls /proc/self/fd; echo \"$LISTEN_PID is $$\""
    given = [*range(3, 3 + sockets), *([notify] if notify else [])]
    for n in given:
        script += f"; readlink /proc/self/fd/{n}"
    if notify:
        script += f"; /bin/sh -c 'echo >&{notify}'"
    result = run(container(root, f"--init={INIT}", f"--flags={flags}", "--rlimit=7:2048:2048",
                           *([f"--notify={notify}"] if notify else []),
                           *([f"--pass={sockets}"] if sockets else [])), ["/bin/sh", "-c", script])
    assert result.faults() == []
    numbers = result.lines[:result.lines.index(next(x for x in result.lines if " is " in x))]
    own = next(n for n in range(3, 99) if n not in given)  # the folder that ls looks at
    assert sorted(map(int, numbers)) == sorted([0, 1, 2, own, *given])
    pid, _, shell_pid = result.lines[len(numbers)].rpartition(" is ")
    assert shell_pid == ("2" if "init" in flags else "1")
    assert pid == (shell_pid if sockets else "")
    kinds = [line.split(":")[0] for line in result.lines[len(numbers) + 1:]]
    assert kinds == ["socket"] * sockets + (["pipe"] if notify else [])
    assert ("notified 1" in result.events) == bool(notify)


@pytest.mark.parametrize("flags", ["scan-fds", "init,scan-fds"])
def test_notify_fd_above_the_limit(root, flags):
    """It is made before the limit is set; LimitNOFILE= is about what the program opens."""
    result = run(container(root, f"--init={INIT}", f"--flags={flags}", "--rlimit=7:20:20", "--notify=99"),
                 ["/bin/readlink", "/proc/self/fd/99"])
    assert result.faults() == [] and result.out.startswith("pipe:")


@pytest.mark.parametrize("notify", [3, 4, 5, 99])
def test_init_lets_go_of_notify_fd(root, notify):
    """Else the end of the service would not be its end. It does so while the command runs already."""
    script = (f"pipe=$(readlink /proc/self/fd/{notify}); "
              "while readlink /proc/1/fd/* | grep -q $pipe; do sleep 0.05; done; echo $pipe")
    result = run(container(root, f"--init={INIT}", "--flags=init", f"--notify={notify}"),
                 ["/bin/sh", "-c", script])
    assert result.out.startswith("pipe:")


def test_init_lets_go_of_sockets(root):
    script = "while readlink /proc/1/fd/* | grep -q socket:; do sleep 0.05; done; echo free"
    result = run(container(root, f"--init={INIT}", "--flags=init", "--pass=12"), ["/bin/sh", "-c", script])
    assert result.out == "free\n"


def test_second_process_gets_no_descriptor_of_a_socket(root):
    result = run(container(root, "--pass=2", "--flags=scan-fds"), ["/bin/sleep", "1000"], ["/bin/ls", "/proc/self/fd"])
    assert result.lines == ["0", "1", "2", "3"]


def test_init_reports_a_missing_program(root):
    result = run(container(root, f"--init={INIT}", "--flags=init"), ["nonsuch"])
    assert "fault exec 2 nonsuch" in result.events


def test_init_of_the_host_is_out_of_reach(root):
    """CVE-2019-5736: neither readable as a file of the host nor writable."""
    result = shell(root, "readlink /proc/1/exe; echo x >/proc/1/exe", f"--init={INIT}", "--flags=init")
    assert result.out.startswith("/memfd:init")
    assert "Text file busy" in "".join(result.events) or "denied" in "".join(result.events) or \
        "not permitted" in "".join(result.events)


# ---- a second process in a running container ----

def test_joined_process_sees_the_same_tree(root):
    result = run(container(root, "--hostname=web", "--flags=net"), ["/bin/sleep", "100"],
                 ["/bin/sh", "-c", "ps -o pid,args; hostname; cd ..; ls; echo $$"])
    assert result.faults() == []
    assert result.lines[1].split() == ["1", "/bin/sleep", "100"]
    assert "web" in result.lines
    assert {"bin", "dev", "etc", "proc"} <= set(result.lines)
    assert result.lines[-1] == "2"


def test_joined_process_has_the_same_namespaces(root):
    script = 'for n in mnt pid uts ipc net cgroup; do ' \
             '[ "$(readlink /proc/self/ns/$n)" = "$(readlink /proc/1/ns/$n)" ] || echo $n; done; echo end'
    result = run(container(root, "--flags=net"), ["/bin/sleep", "100"], ["/bin/sh", "-c", script])
    assert result.lines == ["end"]


def test_joined_process_has_the_same_confinement(root):
    result = run(container(root, f"--caps={PODMAN_CAPS:x}", "--user=web", "--flags=nnp", "--rlimit=7:64:64"),
                 ["/bin/sleep", "100"],
                 ["/bin/sh", "-c", "id -u; ulimit -n; grep NoNew /proc/self/status; cat /proc/self/status"])
    assert result.lines[:3] == ["33", "64", "NoNewPrivs:\t1"]
    assert capability_sets(result)["Bnd"] == PODMAN_CAPS & OURS


def test_joined_process_gets_a_terminal(root):
    result = run(container(root, "--flags=terminal", "--user=web"), ["/bin/sleep", "100"],
                 ["/bin/sh", "-c", "tty; stat -c %u:%a /dev/pts/0; cat /proc/$$/stat"])
    # no terminal for the first command: the option is for the second
    assert result.lines[0] == "/dev/pts/0"
    assert result.lines[1] == "33:620"
    fields = result.lines[2].split()
    assert fields[4] == fields[5] == "2"  # its own process group and session
    assert int(fields[6]) == 136 << 8  # the controlling terminal: pts/0


def test_joined_program_is_missing(root):
    result = run(container(root), ["/bin/sleep", "100"], ["/bin/nonsuch"])
    assert f"fault exec {ENOENT} /bin/nonsuch" in result.events


def test_terminal_of_a_container_without_devpts(root):
    result = run([f"--root={root}", "--flags=terminal"], ["/bin/sleep", "100"], ["/bin/true"])
    assert any(e.startswith(f"fault terminal {ENOENT} /dev/pts/ptmx") for e in result.events)


# ---- the host side ----

def test_process_of_the_host_side(tmp_path):
    result = run(["--flags=host", f"--workdir={tmp_path}"],
                 ["sh", "-c", "pwd; readlink /proc/self/ns/mnt /proc/1/ns/mnt | uniq | wc -l; umask"],
                 before="umask 077; mount -t tmpfs none /sys/fs/cgroup")
    assert result.lines == [str(tmp_path), "1", "0022"]
    assert result.status() == 0


# ---- launch and the cgroup ----

def test_refused_start_leaves_nothing(root):
    """CLONE_NEWNS with CLONE_FS is EINVAL; run() looks at the descriptors."""
    result = run(container(root, "--flags=badclone"), ["/bin/true"])
    assert result.faults() == ["refused start a process: Invalid argument"]


# A cgroup of our own in the unified hierarchy, seen as the whole of it.
OWN_CGROUP = """
mine=$1; shift
for tree in /sys/fs/cgroup /sys/fs/cgroup/unified; do
	[ -e $tree/cgroup.procs ] && [ -e $tree/cgroup.subtree_control ] && break
done
mkdir -p $tree/$mine/box
echo $$ >$tree/$mine/box/cgroup.procs
unshare --cgroup --mount sh -ec 'mount -t cgroup2 none /sys/fs/cgroup; exec "$@"' sh "$@" && status=0 || status=$?
echo 0 >$tree/cgroup.procs
find $tree/$mine -depth -type d -exec rmdir {} ';'
exit $status
"""


def run_in_cgroup(options, argv, second=()):
    command = [*options, "--env=PATH=/bin", "--", *argv, *(["--exec", *second] if second else [])]
    # the name of the box is seen by nobody else
    done = subprocess.run([*UNSHARE, "sh", "-ec", OWN_CGROUP, "sh", f"sup-test-{os.getpid()}", DRIVER, *command],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE,
                          check=False)
    assert "left 0" in done.stderr.splitlines(), done.stderr
    return Result(done.stdout, done.stderr)


def test_cgroup_from_the_first_instruction(root):
    """Its cgroup namespace is rooted in its own cgroup, so that it does not see the way there."""
    result = run_in_cgroup(container(root), ["/bin/sh", "-c", "grep ^0:: /proc/self/cgroup"])
    assert result.faults() == []
    assert result.out == "0::/\n"


def test_joined_process_is_in_the_same_cgroup(root):
    result = run_in_cgroup(container(root), ["/bin/sleep", "100"], ["/bin/grep", "^0::", "/proc/self/cgroup"])
    assert result.out == "0::/\n"


def test_cgroup_is_killed_and_removed(root):
    """One that hides in a session of its own ends too; the driver removes the cgroup, which must be empty."""
    result = run_in_cgroup(["--flags=host"], ["/bin/sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & true"])
    assert not [e for e in result.events if e.startswith("cgroup ")], result.events


def test_missing_limit_is_a_fault_or_a_warning(root):
    result = run_in_cgroup(container(root, "--cgroup=none.max:1"), ["/bin/true"])
    assert result.faults() == ["refused Key=: this kernel has no none.max for it"]
    result = run_in_cgroup(container(root, "--cgroup=none.weight:1:optional"), ["/bin/true"])
    assert "warning going on without: Key=: this kernel has no none.weight for it" in result.events
    assert result.status() == 0


def test_limit_is_written(root):
    result = run_in_cgroup(container(root, "--cgroup=cgroup.max.depth:3", "--bind=/sys/fs/cgroup:/mnt"),
                           ["/bin/sh", "-c", "cat /mnt/sup/test.container/cgroup.max.depth"])
    assert result.out == "3\n"


def test_value_that_the_kernel_refuses_is_shown(root):
    result = run_in_cgroup(container(root, "--cgroup=cgroup.max.depth:x"), ["/bin/true"])
    assert result.faults() == ['refused Key=: write "x" to cgroup.max.depth: Invalid argument']


def test_device_of_io_max_is_named_when_missing(root):
    result = run_in_cgroup(container(root, "--cgroup=io.max:@/dev/none rbps=1"), ["/bin/true"])
    assert result.faults() == ["refused Key=: /dev/none: No such file or directory"]
    result = run_in_cgroup(container(root, "--cgroup=io.max:@/proc/self rbps=1"), ["/bin/true"])
    assert result.faults() == ["refused Key=: /proc/self is not on a disk"]
