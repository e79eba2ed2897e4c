"""Bugs that others had and that could have been ours. Each name says whose: the project and the number of its public issue
or commit. What needs cgroups is in tests/vm/test_exhaustion.py."""

import os
import signal
import subprocess

import pytest

import initbox
from initbox import DEADLINE, eventually
from pivotbox import PivotBox

FREE = "[Unit]\nStartLimitIntervalSec=0\n"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"


def service(command, more="", tail=FREE):
    return f"[Service]\nLimitNOFILE=1024\n{more}ExecStart={command}\n{tail}"


SLEEP = "/bin/busybox sleep 1000"
UNITS = {
    "steady.service": service(SLEEP, tail=INSTALL),
    "web.container": "[Container]\nRootfs=/srv/root:O\nNetwork=lan.network\nExec=/bin/busybox sleep 1000\n" + FREE,
    "short.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nExec=/bin/busybox false\n" + FREE,
    "three.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nExec=/bin/busybox sh -c 'exit 3'\n" + FREE,
    "lan.network": "[Network]\nSubnet=10.30.0.0/24\n" + FREE,
    "gone.service": service(SLEEP),
    "crashes.service": service(SLEEP, "Restart=always\nRestartSec=10ms\n"),
    "stays-down.service": service(SLEEP),
    "late.service": service("/bin/busybox false", "Restart=always\nRestartSec=1h\n"),
    "bound.service": service("/bin/busybox false", "Restart=always\nRestartSec=1h\n",
                             "[Unit]\nStartLimitIntervalSec=0\nBindsTo=base.service\nAfter=base.service\n"),
    "base.service": service(SLEEP),
    "task.service": service("/bin/busybox sh -c 'echo x >>/tmp/task'", "Type=oneshot\n", INSTALL),
    "door.socket": "[Socket]\nListenStream=/run/door\n" + FREE,
    "door.service": service("/no/such/program"),
    "nothing.service": "[Service]\nRestart=no\n" + INSTALL,
    "badnet.container": "[Container]\nRootfs=/srv/root:O\nNetwork=taken.network\nExec=/bin/busybox sleep 1000\n" + FREE,
    "rootless.container": "[Container]\nRootfs=/srv/gone\nNetwork=none\nExec=/bin/true\n" + FREE,
    "posing.container": "[Container]\nRootfs=/srv/root:O\nNetwork=none\nVolume=/srv:/proc/self\nExec=/bin/true\n" + FREE,
    "taken.network": "[Network]\nSubnet=10.30.0.128/25\n" + FREE,
}


class Peer(PivotBox):
    def shell(self, words):
        with self.inside("/bin/busybox", "sh", "-c", words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True) as p:
            return p.communicate(timeout=DEADLINE)[0]

    def reborn(self):
        # Looked for twice it may be two: a child of its that is about to execute its program looks the same for a moment.
        before = self.kill_supervisor()
        eventually(lambda: self.supervisor_pid() not in (None, before) and self.supctl("list")[0] == 0,
                   f"the next supervisor; {self.said()}")

    def crash(self, name):
        os.kill(self.host_pid(self.unit(name)["pid"]), signal.SIGKILL)


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Peer(tmp_path_factory.mktemp("peers"), UNITS) as b:
        b.ready()
        b.at_rest(["steady"])
        steady = b.unit("steady")["pid"]
        yield b
        assert b.unit("steady")["pid"] == steady
        assert "Segmentation" not in b.said()


def test_crun_1373_stray_files_among_the_state(box):
    for folder in "run/sup", "run/sup/state", "run/sup/instances", "run/sup/files", "run/sup/images", "var/lib/sup/state":
        box.shell(f"echo rubbish >/{folder}/stray; mkdir /{folder}/folder; ln -s /nowhere /{folder}/link")
    assert box.supctl("list")[0] == 0 and box.supctl("reload")[0] == 0
    box.reborn()
    assert box.supctl("status")[0] == 0


def test_lxc_782_missing_rootfs(box):
    status, _, said = box.supctl("start", "rootless")
    assert status == 1 and "/srv/gone" in said and "No such file or directory" in said


def test_runc_2128_and_crun_110_volume_over_proc(box):
    """Who brings a /proc of his own would decide what is written there on the way in."""
    status, _, said = box.supctl("start", "posing")
    assert status == 1 and "nothing can be mounted at /proc/self: /proc is the kernel's" in said


def test_runc_2183_main_process_that_ends_at_once_blocks_no_start(box):
    for _ in range(10):
        assert box.supctl("start", "short")[0] in (0, 1)
    eventually(lambda: box.unit("short")["state"] == "failed", "it has failed")


def test_catatonit_4_exits_that_come_together_are_all_seen(tmp_path):
    for _ in range(20):
        done = subprocess.run(
            initbox.UNSHARE + ["--mount-proc", initbox.BUILD / "init", "--", "sh", "-c",
                               "for i in $(seq 30); do true & done; exit 7"], timeout=DEADLINE, check=False)
        assert done.returncode == 7


def test_podman_3440_a_container_ends_at_sigterm(box):
    assert box.supctl("start", "web")[0] == 0
    assert box.supctl("stop", "web")[0] == 0
    assert "KILL" not in box.supctl("logs", "-n", "3", "web")[1]


def test_systemd_15356_and_43401_reload_and_death_together(box):
    pid = box.unit("steady")["pid"]
    for i in range(15):
        (box.units / "extra.service").write_text(service(f"{SLEEP}{i}"))
        if i % 3 == 2:
            (box.units / "extra.service").unlink()
        with box.inside("/bin/supctl", "reload", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
            box.reborn()
            p.wait(DEADLINE)
    assert box.unit("steady")["pid"] == pid


def test_systemd_30412_socket_whose_program_cannot_be_executed(box):
    assert box.supctl("start", "door.socket")[0] == 0
    before = box.supervisor_pid()
    box.shell("/bin/busybox timeout 2 /bin/busybox nc local:/run/door </dev/null")
    box.supctl("start", "door.service")
    eventually(lambda: box.unit("door.service")["state"] == "failed", "door.service has failed")
    assert "No such file" in box.unit("door.service")["why"]
    assert box.supervisor_pid() == before
    box.supctl("stop", "door.socket")


def test_finit_236_reload_with_removed_services(box):
    assert box.supctl("start", "gone")[0] == 0
    (box.units / "gone.service").unlink()
    for _ in range(3):
        assert box.supctl("reload")[0] == 0
    assert box.supctl("status", "gone")[0] == 4


def test_finit_226_pid_after_a_crash(box):
    assert box.supctl("start", "crashes")[0] == 0
    first = box.unit("crashes")["pid"]
    box.crash("crashes")
    eventually(lambda: box.unit("crashes").get("pid") not in (None, first), "another process")
    assert box.host_pid(box.unit("crashes")["pid"]) in box.children()
    assert box.supctl("stop", "crashes")[0] == 0


def test_finit_314_base_that_drops_while_a_restart_is_due(box):
    box.supctl("start", "bound")
    eventually(lambda: box.unit("bound")["state"] == "restarting", f"it waits; {box.unit('bound')}")
    assert box.supctl("stop", "base")[0] == 0
    found = box.unit("bound")
    assert found["state"] in ("inactive", "failed") and "pid" not in found


def test_finit_285_restart_of_a_crashed_service(box):
    assert box.supctl("start", "stays-down")[0] == 0
    box.crash("stays-down")
    eventually(lambda: box.unit("stays-down")["state"] == "failed", "it has failed")
    assert box.supctl("restart", "stays-down")[0] == 0
    assert box.unit("stays-down")["state"] == "running"


def test_finit_310_delay_of_a_restart_is_kept(box):
    box.supctl("start", "late")
    eventually(lambda: box.unit("late")["state"] == "restarting", "it waits")
    box.supctl("reload")
    box.reborn()
    assert box.unit("late")["state"] == "restarting" and box.unit("late")["restarts"] <= 1
    assert box.supctl("stop", "late")[0] == 0


def test_finit_351_task_of_the_boot_runs_once(box):
    box.supctl("reload")
    box.reborn()
    assert box.shell("/bin/busybox cat /tmp/task") == "x\n"


def test_finit_417_and_s6_3bf2f9e_reloads_and_logs_leak_nothing(box):
    def held():
        folder = f"/proc/{box.supervisor_pid()}/fd"
        return len(os.listdir(folder)), len(os.listdir(f"/proc/{box.init_pid()}/fd"))
    box.reborn()
    counts = []
    for _ in range(10):
        assert box.supctl("reload")[0] == 0
        assert box.supctl("restart", "stays-down")[0] == 0
        counts.append(held())
    eventually(lambda: held() <= counts[2], f"as many descriptors as before: {counts}")


def test_finit_429_end_with_services_in_every_state(tmp_path):
    with Peer(tmp_path, UNITS) as box:
        box.ready()
        box.at_rest(["steady"])
        for name in "late", "web", "door.socket", "three", "crashes":
            box.supctl("start", name)
        os.kill(box.init_pid(), signal.SIGTERM)
        assert box.outer.wait(DEADLINE) == 0
        assert "Segmentation" not in box.said()


def test_dinit_25_service_without_a_command(box):
    assert box.unit("nothing")["state"] == "failed"
    assert "there is no ExecStart=" in box.unit("nothing")["why"]


def test_dinit_17_socket_hidden_by_a_mount(box):
    box.shell("/bin/busybox mount -t tmpfs tmpfs /run/sup")
    assert box.supctl("list")[0] == 3
    box.reborn()
    assert box.unit("steady")["state"] == "running"
    box.shell("/bin/busybox umount /run/sup")
    box.reborn()


def test_s6_overlay_320_status_of_a_container_that_failed(box):
    box.supctl("start", "three")
    eventually(lambda: box.unit("three")["state"] == "failed", "it has failed")
    assert "exit code 3" in box.unit("three")["why"]


def test_s6_2598c3c_end_amid_a_reload_spares_none_that_it_started(tmp_path):
    """There svscan was told to end and did not wait for the scan that it had begun."""
    script = "trap 'echo %n >>/srv/ended; exit 0' TERM; echo %n >>/srv/begun; while :; do /bin/busybox sleep 1000 & wait; done"
    for begun_before in 0, 1, 5:
        with Peer(tmp_path / str(begun_before), UNITS) as box:
            box.ready()
            box.at_rest(["steady"])
            for i in range(20):
                (box.units / f"new{i}.service").write_text(
                    service(f'/bin/busybox sh -c "{script.replace("%n", str(i))}"', tail=INSTALL))
            begun, ended = box.root / "srv/begun", box.root / "srv/ended"
            begun.touch()
            with box.inside("/bin/supctl", "reload", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
                eventually(lambda: len(begun.read_text().split()) >= begun_before, f"{begun_before} have begun")
                os.kill(box.init_pid(), signal.SIGTERM)
                assert box.outer.wait(DEADLINE) == 0, box.said()
                p.wait(DEADLINE)
            assert set(begun.read_text().split()) <= set(ended.read_text().split() if ended.exists() else ()), box.said()


def test_s6_89b2bc9_who_is_removed_holds_no_descriptor(box):
    """There the one that was told to go kept the pipe of its log open."""
    def held():
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in (box.supervisor_pid(), box.init_pid())]
    box.reborn()
    counts = []
    for _ in range(6):
        (box.units / "leaves.service").write_text(service(SLEEP))
        assert box.supctl("reload")[0] == 0 and box.supctl("start", "leaves")[0] == 0
        (box.units / "leaves.service").unlink()
        assert box.supctl("reload")[0] == 0 and box.supctl("stop", "leaves")[0] in (0, 4)
        eventually(lambda: box.supctl("status", "leaves")[0] == 4, "it is gone")
        counts.append(held())
    eventually(lambda: all(now <= then for now, then in zip(held(), counts[1])), f"as many descriptors as before: {counts}")


def kept_lines(box, unit):
    """What a service has said, from all files of its log, oldest first."""
    folder = box.root / "var/log/sup"
    texts = [(folder / f"{unit}.log{old}").read_text() for old in (".3", ".2", ".1", "")
             if (folder / f"{unit}.log{old}").exists()]
    return [line.split(" ", 2)[2] for text in texts for line in text.splitlines() if line.split(" ", 2)[1] == "out"], len(texts)


@pytest.mark.parametrize("how", ["ends", "is-stopped", "supervisor-dies"])
def test_s6_7530014_last_words_and_a_rotation_that_goes_with_them(box, how):
    """There the logger went before the rotation was done. Here a service fills its files and goes, in three ways."""
    name = f"fills-{how}"
    (box.units / f"{name}.service").write_text(service(
        "/bin/busybox sh -c '/bin/busybox seq 100001 122000; echo done >/tmp/filled; "
        + ("exec /bin/busybox sleep 1000'" if how == "is-stopped" else "exit 0'")))
    box.shell("/bin/busybox rm -f /tmp/filled")
    assert box.supctl("reload")[0] == 0 and box.supctl("start", name)[0] == 0
    if how == "supervisor-dies":
        box.reborn()
    eventually(lambda: "done" in box.shell("/bin/busybox cat /tmp/filled"), "it has said all")
    if how == "supervisor-dies":
        box.reborn()
    if how == "is-stopped":
        assert box.supctl("stop", name)[0] == 0
    eventually(lambda: box.unit(name)["state"] == "inactive", f"{name} is over; {box.unit(name)}")
    lines, files = kept_lines(box, f"{name}.service")
    assert lines == [str(n) for n in range(100001, 122001)] and files == 4


def test_s6_1747a0f_who_waits_is_answered_though_the_supervisor_dies(box):
    with box.inside("/bin/supctl", "restart", "stays-down") as p:
        box.reborn()
        assert p.wait(DEADLINE) == 0
    assert box.unit("stays-down")["state"] == "running"


def test_lxc_3254_bad_network_holds_nobody_up(box):
    assert box.supctl("start", "web")[0] == 0
    for _ in range(3):
        status, _, said = box.supctl("start", "badnet")
        assert status == 1 and "taken.network" in said
    assert box.supctl("restart", "web")[0] == 0 and box.supctl("stop", "badnet", "web")[0] == 0


def test_lxc_2491_death_of_the_supervisor_leaves_the_tree(box):
    assert box.supctl("start", "web")[0] == 0
    pid = box.unit("web")["pid"]
    for _ in range(3):
        box.reborn()
    assert box.unit("web")["pid"] == pid
    assert box.supctl("stop", "web")[0] == 0
