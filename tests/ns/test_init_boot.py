"""init as PID 1 of a container: what it gives its supervisor, how it keeps it alive, how it ends."""

import os
import signal
import time

import pytest

import initbox
from initbox import Box, eventually


@pytest.fixture
def box(tmp_path):
    with Box(tmp_path) as b:
        yield b


def test_supervisor_starts_clean(box):
    assert box.order("given") == "fds=5 blocked=0 path=1 term=linux container=-"


def test_hostname_is_set(tmp_path):
    made = Box(tmp_path)
    (made.root / "etc/hostname").write_text("gateway\n")
    with made as box:
        box.order("pid")
        name = eventually(
            lambda: open(f"/proc/{box.init_pid()}/root/proc/sys/kernel/hostname").read(), "/proc")
        # The file of procfs shows the reader's own name space; ask inside.
        assert name
        out = initbox.subprocess.run(
            ["nsenter", "-U", "-u", "--preserve-credentials", "-t", str(box.init_pid()),
             "hostname"], capture_output=True, text=True, timeout=10, check=True).stdout
        assert out == "gateway\n"


def test_early_mounts(box):
    box.order("pid")
    mounts = open(f"/proc/{box.init_pid()}/mounts").read()
    seen = {(line.split()[1], line.split()[2]) for line in mounts.splitlines()}
    assert {("/proc", "proc"), ("/sys", "sysfs"), ("/dev/shm", "tmpfs"), ("/run", "tmpfs"),
            ("/tmp", "tmpfs"), ("/dev/pts", "devpts")} <= seen
    assert "mount" not in box.said()


def test_restart_after_kill(box):
    for _ in range(5):
        life = box.life()
        box.order("well")
        box.kill_supervisor()
        start = time.monotonic()
        assert box.next_life(life) == life + 1
        assert time.monotonic() - start < 2
    assert box.said().count("was killed by signal 9") == 5


def test_back_off_doubles(box):
    times = []
    for life in range(1, 6):
        eventually(lambda: box.life() == life, f"life {life}")
        start = time.monotonic()
        box.order("quit", 3)
        box.next_life(life)
        times.append(time.monotonic() - start)
    # 0, 100, 200, 400, 800 ms
    assert times[0] < 0.5 and times[1] >= 0.1 and times[3] >= 0.4 and times[4] >= 0.8
    assert "exited with status 3, next start in 800 ms" in box.said()


def test_never_starts_exits(tmp_path):
    made = Box(tmp_path)
    (made.root / "usr/lib/sup/supervisor").unlink()
    with made as box:
        eventually(lambda: "cannot be started (10 times); exit in" in box.said(), "giving up", 60)
        assert "start /usr/lib/sup/supervisor: No such file or directory" in box.said()
        # A request does not wait for a supervisor that does not run.
        os.kill(box.init_pid(), signal.SIGTERM)
        assert box.status() == 0


def test_closed_line_is_a_dead_supervisor(box):
    life = box.life()
    box.order("close-wire")
    box.next_life(life)


@pytest.mark.parametrize("status", [0, 7, 255])
def test_end_exits_with_status(box, status):
    box.order("background", "polite")
    box.order("end", initbox.EXIT, status)
    assert box.status() == status


def test_end_kills_the_deaf(box):
    box.order("background", "deaf")
    start = time.monotonic()
    box.order("end", initbox.EXIT, 4)
    assert box.status() == 4
    assert time.monotonic() - start >= 5


def test_closed_stdio(tmp_path):
    made = Box(tmp_path)
    shell = "exec <&- >&- 2>&-; exec " + " ".join(
        initbox.UNSHARE + [f"--root={made.root}", "/init"])
    made.outer = initbox.subprocess.Popen(["sh", "-c", shell], env=made.env)
    made.console.touch()
    try:
        assert made.order("given").startswith("fds=5 ")
        made.order("quit", 1)
        made.next_life(1)
        made.order("end", initbox.EXIT, 9)
        assert made.status() == 9
    finally:
        made.outer.kill()
        made.outer.wait(10)


def terminal_box(made):
    """init with a terminal as its descriptors 0 to 2; its other end."""
    ours, theirs = os.openpty()
    made.console.touch()
    made.outer = initbox.subprocess.Popen(
        initbox.UNSHARE + [f"--root={made.root}", "/init"], env=made.env, stdin=theirs,
        stdout=theirs, stderr=theirs)
    os.close(theirs)
    return ours


def test_console_is_hung_up(tmp_path):
    """What it cannot say it does not say; dinit died of it."""
    made = Box(tmp_path)
    terminal = terminal_box(made)
    try:
        life = made.life()
        os.close(terminal)
        for _ in range(3):
            os.kill(made.init_pid(), signal.SIGSEGV)
            made.kill_supervisor()
            life = made.next_life(life)
        assert made.order("orphans", 10) == "1 0"
        made.order("end", initbox.EXIT, 9)
        assert made.status() == 9
    finally:
        made.outer.kill()
        made.outer.wait(10)


def test_console_that_takes_nothing(tmp_path):
    """As behind a serial line whose flow control is stuck: it fills, and nobody waits for it."""
    made = Box(tmp_path)
    terminal = terminal_box(made)
    try:
        life = made.life()
        for _ in range(200):
            made.order("well")
            made.kill_supervisor()
            life = made.next_life(life)
        assert made.order("orphans", 10) == "1 0"
        made.order("end", initbox.EXIT, 9)
        assert made.status() == 9
    finally:
        made.outer.kill()
        made.outer.wait(10)
        os.close(terminal)


def test_bad_inheritance(tmp_path):
    """SIGCHLD ignored, everything blocked, no file may grow, garbage descriptors open."""
    made = Box(tmp_path)
    program = (
        "import os,resource,signal,sys\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        "for n in range(20, 30): os.dup2(2, n, inheritable=True)\n"
        "os.chroot(sys.argv[1]); os.chdir('/')\n"
        "os.execv('/init', ['/init'])\n")
    with open(made.console, "wb") as out:
        made.outer = initbox.subprocess.Popen(
            initbox.UNSHARE + ["/usr/bin/python3", "-c", program, str(made.root)],
            env={"PATH": "/usr/bin:/bin"}, stdin=initbox.subprocess.DEVNULL, stdout=out,
            stderr=out)
    try:
        assert made.order("given").startswith("fds=5 blocked=0")
        made.order("service", 0, "exit", 12)
        assert made.order("await", 0) == f"3 {12 << 8} 1"
        assert made.order("orphans", 50) == "1 0"
    finally:
        made.outer.kill()
        made.outer.wait(10)
