"""init -- COMMAND: the status it ends with, what it reports, what the command inherits."""

import os
import pty
import signal
import struct
import subprocess

import pytest

import faults
import initbox
from initbox import INIT, eventually

FAULT, STARTED, EXITED = 1, 2, 3
STEP_EXEC = 0xFFFF
PID1 = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
PLACES = {"pid1": PID1, "plain": []}


@pytest.fixture(params=PLACES)
def place(request):
    return PLACES[request.param]


def init_of(child, place):
    """The init itself: it, or what unshare(1) has started."""
    if not place:
        return child.pid
    children = f"/proc/{child.pid}/task/{child.pid}/children"
    return int(eventually(lambda: open(children).read().split(), "a child of unshare")[0])


def run(place, *command, options=(), **more):
    return subprocess.run([*place, INIT, *options, "--", *command], timeout=20,
                          capture_output=True, text=True, **more)


def records(data):
    assert len(data) % 124 == 0
    for at in range(0, len(data), 124):
        kind, step, value, name = struct.unpack("=HHi116s", data[at:at + 124])
        yield kind, step, value, name.rstrip(b"\0").decode()


def reported(*command):
    read, write = os.pipe()
    os.set_inheritable(write, True)
    done = subprocess.run([INIT, f"--report={write}", "--", *command], timeout=20,
                          capture_output=True, pass_fds=[write])
    os.close(write)
    with open(read, "rb") as f:
        return done.returncode, list(records(f.read()))


@pytest.mark.parametrize("status", [0, 1, 2, 77, 125, 126, 127, 128, 255])
def test_status(place, status):
    assert run(place, "sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("signo", [1, 2, 6, 9, 11, 15])
def test_killed_by(place, signo):
    assert run(place, "sh", "-c", f"kill -{signo} $$").returncode == 128 + signo


def test_orphans(place):
    done = run(place, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.1 & exit 3) & done; "
               "sleep 0.5; exit 6")
    assert done.returncode == 6


def test_not_found(place):
    done = run(place, "no-such-program")
    assert done.returncode == 127
    assert done.stderr == "init: no-such-program: No such file or directory\n"


def test_not_executable(place, tmp_path):
    text = tmp_path / "text"
    text.write_text("no program")
    assert run(place, str(text)).returncode == 126
    text.chmod(0o755)
    assert run(place, str(text)).returncode == 126
    assert run(place, str(tmp_path)).returncode == 126
    assert run(place, str(text / "below")).returncode == 127


def test_path_of_the_environment(tmp_path):
    tool = tmp_path / "tool-of-mine"
    tool.write_text("#!/bin/sh\nexit 33\n")
    tool.chmod(0o755)
    assert run([], "tool-of-mine", env={"PATH": str(tmp_path)}).returncode == 33


def test_sockets_are_for_the_command(place):
    env = {**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": "0000000000"}
    for options in (), ("--listen",):
        done = run(place, "sh", "-c", "echo $LISTEN_FDS $LISTEN_PID $$", options=options, env=env)
        fds, named, own = done.stdout.split()
        assert fds == "1" and named == (own if options else "0000000000")


@pytest.mark.parametrize("arguments", [
    ["--"], ["--no-such-option", "--", "true"], ["--report=x", "--", "true"],
    ["--report=99", "--", "true"], ["word", "--", "true"],
    ["--listen", "--", "true"], ["--listen=x", "--", "true"], []])
def test_usage(arguments):
    done = subprocess.run([INIT, *arguments], timeout=20, capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: init [OPTION...] -- COMMAND" in done.stderr


def test_report_of_an_exit():
    status, said = reported("sh", "-c", "exit 9")
    assert status == 9
    assert [(r[0], r[2]) for r in said if r[0] == EXITED] == [(EXITED, 9 << 8)]
    assert said[0][0] == STARTED and said[0][2] > 0 and len(said) == 2


def test_report_of_a_signal():
    status, said = reported("sh", "-c", "kill -9 $$")
    assert status == 137
    assert said[-1][0] == EXITED and said[-1][2] == 9


def test_report_of_a_fault():
    status, said = reported("/no/such/program")
    assert status == 127
    assert said == [(FAULT, STEP_EXEC, 2, "/no/such/program")]


def test_report_pipe_is_not_inherited():
    status, said = reported("sh", "-c", "ls /proc/self/fd | wc -l | grep -qx 4")
    assert status == 0 and len(said) == 2


def test_sigchld_inherited_as_ignored(place):
    done = run(place, "sh", "-c", "(exit 3); test $? = 3 && grep -q 'SigBlk:.0*$' "
               "/proc/self/status && exit 5",
               preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert done.returncode == 5


def test_signals_inherited_as_blocked(place):
    """All of them: the command has none blocked, SIGTSTP, SIGTTIN and SIGTTOU among them."""
    everything = signal.valid_signals()
    done = run(place, "grep", "SigBlk", "/proc/self/status",
               preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, everything))
    assert done.stdout == "SigBlk:\t0000000000000000\n" and done.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_stdio(place, closed):
    command = " ".join([*place, str(INIT), "--", "sh", "-c", "'exit 21'"])
    assert subprocess.run(["sh", "-c", f"{command} {closed}"], timeout=20).returncode == 21


def test_pipe_ends_with_the_command():
    """init holds none of what the command was given, so a reader sees its end of file."""
    child = subprocess.Popen([INIT, "--", "sh", "-c", "exec >&- 2>&-; exec sleep 60"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert child.stdout.read() == b""
        assert child.poll() is None
        folder = os.readlink(f"/proc/{child.pid}/cwd")
        assert folder == "/"
    finally:
        child.terminate()
        assert child.wait(10) == 128 + 15


# SIGCONT is for test_stopped_command_is_continued: a stop signal after it takes it off the queue.
CATCHABLE = [n for n in range(1, 65) if n not in (9, 17, 18, 19, 32, 33)]


def test_every_signal_is_forwarded(tmp_path):
    """A command that counts what it gets; 64 is its order to end."""
    program = (
        "import os, signal\n"
        f"everything = {CATCHABLE}\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, everything)\n"
        "print('ready', flush=True)\n"
        "got = set()\n"
        "while 64 not in got: got.add(int(signal.sigwait(everything)))\n"
        "print(sorted(got), flush=True)\n")
    child = subprocess.Popen([INIT, "--", "/usr/bin/python3", "-c", program],
                             stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        for signo in CATCHABLE:
            os.kill(child.pid, signo)
        assert child.stdout.readline() == f"{CATCHABLE}\n"
        assert child.wait(20) == 0
    finally:
        child.kill()
        child.wait(10)


def test_stopped_command_is_continued():
    child = subprocess.Popen([INIT, "--", "sh", "-c", "kill -STOP $$; exit 8"])
    try:
        children = f"/proc/{child.pid}/task/{child.pid}/children"
        pid = eventually(lambda: open(children).read().split(), "the command")[0]
        eventually(lambda: ") T " in open(f"/proc/{pid}/stat").read(), "the command to stop")
        os.kill(child.pid, signal.SIGCONT)
        assert child.wait(20) == 8
    finally:
        child.kill()
        child.wait(10)


def test_terminal_belongs_to_the_command():
    """^C on a terminal ends the command, once, and gives its status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(INIT, [str(INIT), "--", "sh", "-c", "echo up; read line; exit 1"])
    try:
        seen = b""
        while b"up" not in seen:
            seen += os.read(terminal, 100)
        os.write(terminal, b"\x03")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + 2
    finally:
        os.close(terminal)


def test_many_orphans_as_pid1():
    program = ("import os\nfor i in range(2000):\n"
               "    if os.fork() == 0:\n        os.fork()\n        os._exit(0)\n"
               "    os.wait()\n"
               "os._exit(44)\n")
    assert run(PID1, "/usr/bin/python3", "-c", program).returncode == 44


@faults.needs_x86
def test_crash_costs_the_command_nothing(place):
    """init goes on in a new process image: the same process, the same command, its exact status."""
    read, write = os.pipe()
    child = subprocess.Popen([*place, INIT, f"--report={write}", "--", "sh", "-c",
                              "echo up; read line; exit 77"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[write])
    os.close(write)
    try:
        assert child.stdout.readline() == b"up\n"
        pid = init_of(child, place)
        for n in range(1, 4):
            eventually(lambda: open(f"/proc/{pid}/syscall").read().split()[0] == "128", "init to wait")
            faults.jump_nowhere(pid)
            eventually(lambda n=n: f"--crashes={n}" in open(f"/proc/{pid}/cmdline").read(), "the next image")
        child.stdin.write(b"go\n")
        child.stdin.close()
        assert child.wait(20) == 77
        with os.fdopen(read, "rb") as pipe:
            told = list(records(pipe.read()))
        assert [kind for kind, *_ in told] == [STARTED, EXITED] and told[1][2] == 77 << 8
    finally:
        child.kill()
        child.wait(10)


@faults.needs_x86
def test_crashes_without_end_are_the_end(place):
    """The eleventh is plain: init ends by the signal, and with it, as PID 1, the container."""
    child = subprocess.Popen([*place, INIT, "--", "sleep", "1000"])
    try:
        pid = init_of(child, place)
        for n in range(1, 11):
            eventually(lambda: open(f"/proc/{pid}/syscall").read().split()[0] == "128", "init to wait")
            faults.jump_nowhere(pid)
            eventually(lambda n=n: f"--crashes={n}" in open(f"/proc/{pid}/cmdline").read(), "the next image")
        faults.jump_nowhere(pid)
        assert child.wait(20) in (-11, 128 + 11)
    finally:
        child.kill()
        child.wait(10)


def test_initbox_programs_exist():
    assert INIT.exists() and initbox.FAKE.exists()
