"""init with a command, by its own name and by those of tini, dumb-init and catatonit: PID 1 in anyone's container.

Where those programs are at hand (on PATH, or in the folder SUP_PEERS), what is said of them is checked on them, too: the
expectations are theirs. What only ours keeps is in tests without peers."""

import contextlib
import os
import pty
import resource
import shutil
import signal
import subprocess
import time

import pytest

import faults
from initbox import INIT, eventually

PID1 = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
PLACES = {"pid1": PID1, "plain": []}
NAMES = ["init", "tini", "dumb-init", "catatonit"]
PYTHON = "/usr/bin/python3"
# SIGKILL, SIGSTOP, and what libc keeps; SIGCHLD is for init itself.
CATCHABLE = [n for n in range(1, 65) if n not in (9, 17, 18, 19, 32, 33)]
STOPS = [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU]
FAULTS = [signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV, signal.SIGSYS]


def peer(name):
    """Its path; what carries the name but is a copy of ours is none, nor is the init of this machine one of ours."""
    if name == "init":
        return None
    path = shutil.which(name, path=os.environ.get("SUP_PEERS", os.environ.get("PATH")))
    return None if path is None or os.path.samefile(path, INIT) else path


class Tool:
    def __init__(self, name, path, ours):
        self.name, self.path, self.ours = name, str(path), ours

    def line(self, *command, options=(), place=()):
        return [*place, self.path, *options, "--", *command]

    def run(self, *command, options=(), place=(), **more):
        more = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 30, **more}
        return subprocess.run(self.line(*command, options=options, place=place), check=False, **more)


def tools(*names, peers=True):
    """A parameter `tool`: ours by each name and, where it is at hand, the program of that name."""
    cases = []
    for name in names:
        cases.append(pytest.param((name, None), id=name))
        if peers and peer(name):
            cases.append(pytest.param((name, peer(name)), id=f"{name}-peer"))
    return pytest.mark.parametrize("tool", cases, indirect=True)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("names")
    for name in [*NAMES, "tini-static", "docker-init", "podman-init"]:
        (made / name).symlink_to(INIT)
    return made


@pytest.fixture
def tool(request, folder):
    name, path = request.param
    return Tool(name, path or folder / name, path is None)


@pytest.fixture(params=PLACES)
def place(request):
    return PLACES[request.param]


@contextlib.contextmanager
def started(line, **more):
    child = subprocess.Popen(line, text=True, **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **more})
    try:
        yield child
    finally:
        child.kill()
        child.wait(30)


def children(pid):
    return [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]


def pid_of(child, place):
    """The tool's pid: unshare(1) is its parent."""
    return eventually(lambda: children(child.pid), "a child of unshare")[0] if place else child.pid


def field(pid, name):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(name + ":"):
            return line.split(":")[1].strip()
    raise AssertionError(name)


def stopped(pid):
    return field(pid, "State")[0] in "Tt"


# ---- statuses ----------------------------------------------------------------------------

@tools(*NAMES)
def test_every_exit_code(tool):
    got = [tool.run("sh", "-c", f"exit {code}", options=["-s"] if tool.name == "tini" else ()).returncode
           for code in range(256)]
    assert got == list(range(256))


@tools(*NAMES)
@pytest.mark.parametrize("signo", [1, 2, 3, 6, 9, 11, 13, 15, 34, 64])
def test_ended_by_a_signal(tool, place, signo):
    assert tool.run("sh", "-c", f"kill -{signo} $$", place=place).returncode == 128 + signo


@tools("init", "tini")
def test_codes_taken_as_zero(tool):
    for code, given, want in [(3, ["-e", "3"], 0), (3, ["-e", "4"], 3), (4, ["-e", "3", "-e4"], 0), (255, ["-e255"], 0)]:
        assert tool.run("sh", "-c", f"exit {code}", options=given).returncode == want
    assert tool.run("sh", "-c", "kill -15 $$", options=["-e", "143"]).returncode == 0


EXEC_FAULTS = {
    # the codes for a missing program, one without the right to execute, a folder
    "init": (127, 126, 126, "init: {}: {}\n"),
    "tini": (127, 126, 126, "[FATAL tini ({pid})] exec {} failed: {}\n"),
    "dumb-init": (2, 2, 2, "[dumb-init] {}: {}\n"),
    "catatonit": (1, 1, 1, "ERROR (catatonit:{pid}): failed to exec pid1: {1}\n"),
}


@tools(*NAMES)
def test_exec_failures(tool, place, tmp_path):
    *codes, form = EXEC_FAULTS[tool.name]
    text = tmp_path / "text"
    text.write_text("no program\n")
    causes = ["No such file or directory", "Permission denied", "Permission denied"]
    for name, code, cause in zip(["no-such-program", str(text), str(tmp_path)], codes, causes):
        done = tool.run(name, place=place, options=["-s"] if tool.name == "tini" else ())
        assert done.returncode == code
        said = form.format(name, cause, pid="#")
        assert "".join(c for c in done.stderr if not c.isdigit()) == \
            "".join(c for c in said if not c.isdigit()).replace("#", "")


@tools("tini", "dumb-init", "catatonit")
def test_script_without_interpreter(tool, tmp_path):
    """As execvp(3) has it; by a path, and by PATH."""
    script = tmp_path / "script-of-mine"
    script.write_text("echo $0 $1\nexit 31\n")
    script.chmod(0o755)
    env = {"PATH": f"/nonexistent:{tmp_path}:/bin:/usr/bin", "TINI_SUBREAPER": ""}
    for name in str(script), script.name:
        done = tool.run(name, "word", env=env)
        assert done.returncode == 31 and done.stdout == f"{script} word\n"


# ---- signals -----------------------------------------------------------------------------

COUNTS = ("import os, signal\n"
          "every = {every}\n"
          "signal.pthread_sigmask(signal.SIG_BLOCK, every)\n"
          "print('ready', flush=True)\n"
          "got = set()\n"
          "while 64 not in got: got.add(int(signal.sigwait(every)))\n"
          "print(sorted(got), flush=True)\n")


def forwarded(tool, place=(), options=(), leave=()):
    """What the command gets of all signals but those; 64 is its order to end."""
    send = [n for n in CATCHABLE if n not in leave]
    line = tool.line(PYTHON, "-c", COUNTS.format(every=CATCHABLE), options=options, place=place)
    with started(line, stderr=subprocess.DEVNULL) as child:
        assert child.stdout.readline() == "ready\n"
        pid = pid_of(child, place)
        for signo in send:
            os.kill(pid, signo)
        got = child.stdout.readline()
        assert child.wait(30) == 0
    return got, f"{send}\n"


@tools("init", "tini", "catatonit", peers=False)
@pytest.mark.parametrize("options", [(), ("-g",)], ids=["command", "group"])
def test_every_signal_is_forwarded(tool, place, options):
    got, want = forwarded(tool, place, options)
    assert got == want


@tools("tini", "catatonit")
def test_signals_that_the_peers_forward_too(tool):
    """They end by a fault signal, and keep the terminal's stops for themselves."""
    got, want = forwarded(tool, leave=[*FAULTS, *STOPS])
    assert got == want


@tools("dumb-init")
def test_dumb_init_forwards_every_signal(tool, place):
    """Without a session of its own. A stop signal, even one that comes so, stops dumb-init itself: one of them suffices
    to show that, in another test."""
    got, want = forwarded(tool, place, ["-c"], leave=STOPS if tool.ours else [*STOPS, *FAULTS])
    assert got == want


GROUP = ("import os, signal, sys\n"
         "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])\n"
         "child = os.fork()\n"
         "if child != 0: print('ready', flush=True)\n"
         "got = signal.sigwait([signal.SIGUSR1, signal.SIGTERM])\n"
         "if child == 0: os._exit(3 if got == signal.SIGUSR1 else 4)\n"
         "if len(sys.argv) == 1: os.kill(child, signal.SIGTERM)\n"
         "os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n")


@tools(*NAMES)
@pytest.mark.parametrize("how", ["group", "command"])
def test_signals_for_the_group(tool, place, how):
    """The command's child gets SIGUSR1 by the group, or else a SIGTERM from the command."""
    dumb = tool.name == "dumb-init"
    options = ["-c"] if dumb and how == "command" else ["-g"] if not dumb and how == "group" else []
    more = ["wait"] if how == "group" else []
    with started(tool.line(PYTHON, "-c", GROUP, *more, options=options, place=place),
                 stderr=subprocess.DEVNULL) as child:
        assert child.stdout.readline() == "ready\n"
        os.kill(pid_of(child, place), signal.SIGUSR1)
        assert child.wait(30) == (3 if how == "group" else 4)


def test_group_that_is_gone(folder):
    """A command that has left its group gets the signal itself."""
    tool = Tool("init", folder / "init", True)
    leave = ("import os, signal, sys\n"
             "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
             "os.setpgid(0, os.getpgid(os.getppid()))\n"
             "print('ready', flush=True)\n"
             "signal.sigwait([signal.SIGUSR1])\n"
             "os._exit(9)\n")
    with started(tool.line(PYTHON, "-c", leave, options=["-g"])) as child:
        assert child.stdout.readline() == "ready\n"
        os.kill(child.pid, signal.SIGUSR1)
        assert child.wait(30) == 9


@tools("dumb-init")
@pytest.mark.parametrize("signo", STOPS)
def test_job_control_is_rewritten(tool, signo):
    """With a session: SIGSTOP for the group, and dumb-init stops, until SIGCONT."""
    with started(tool.line("sh", "-c", "echo ready; read line; exit 5"), stdin=subprocess.PIPE) as child:
        assert child.stdout.readline() == "ready\n"
        command = children(child.pid)[0]
        os.kill(child.pid, signo)
        eventually(lambda: stopped(command) and stopped(child.pid), "both to stop")
        os.kill(child.pid, signal.SIGCONT)
        eventually(lambda: not stopped(command) and not stopped(child.pid), "both to go on")
        child.stdin.close()
        assert child.wait(30) == 5


@tools("dumb-init")
def test_stops_as_they_are(tool):
    """Rewritten to itself: the command, which has a handler, gets it as it came."""
    program = COUNTS.replace("64", "20").format(every=[20])
    with started(tool.line(PYTHON, "-c", program, options=["--rewrite", "20:20"])) as child:
        assert child.stdout.readline() == "ready\n"
        os.kill(child.pid, signal.SIGTSTP)
        assert child.stdout.readline() == "[20]\n"
        eventually(lambda: stopped(child.pid), "it to stop")
        os.kill(child.pid, signal.SIGCONT)
        assert child.wait(30) == 0


@tools("init", "dumb-init")
@pytest.mark.parametrize("rewrite, want", [(["-r", "15:10"], "[10, 12]"), (["-r15:0"], "[12]"), (["--rewrite=15:2"], "[2, 12]"),
                                           (["-r", "15:3", "-r", "15:1"], "[1, 12]")])
def test_rewritten_signals(tool, place, rewrite, want):
    # Which of two that wait comes first, the kernel says.
    program = COUNTS.replace("64 not in got", f"not got >= set({want})").format(every=CATCHABLE)
    with started(tool.line(PYTHON, "-c", program, options=rewrite, place=place), stderr=subprocess.DEVNULL) as child:
        assert child.stdout.readline() == "ready\n"
        pid = pid_of(child, place)
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGUSR2)
        assert child.stdout.readline() == want + "\n"
        assert child.wait(30) == 0


@pytest.mark.parametrize("rewrite", ["TERM:QUIT", "SIGTERM:SIGQUIT", "15:QUIT", "SIGTERM:3"])
def test_signals_by_name(folder, rewrite):
    tool = Tool("init", folder / "init", True)
    with started(tool.line("sh", "-c", "trap 'exit 41' QUIT; echo ready; while :; do sleep 0.02; done",
                           options=["-r", rewrite])) as child:
        assert child.stdout.readline() == "ready\n"
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(30) == 41


def test_drain(folder):
    """SIGTERM waits, others do not: they overtake it. A second one changes nothing."""
    tool = Tool("init", folder / "init", True)
    program = COUNTS.replace("while 64 not in got: got.add(int(signal.sigwait(every)))",
                             "got = [int(signal.sigwait(every)), int(signal.sigwait(every))]") \
                    .replace("sorted(got)", "got").format(every=[10, 15])
    with started(tool.line(PYTHON, "-c", program, options=["--drain", "1"])) as child:
        assert child.stdout.readline() == "ready\n"
        os.kill(child.pid, signal.SIGTERM)
        os.kill(child.pid, signal.SIGTERM)
        os.kill(child.pid, signal.SIGUSR1)
        assert child.stdout.readline() == "[10, 15]\n"
        assert child.wait(30) == 0


@tools(*NAMES, peers=False)
def test_no_signal_from_inside_ends_it(tool):
    """PID 1 gets each one, 32 and 33, SIGKILL and SIGSTOP too, from its command, which blocks what comes back."""
    program = ("import ctypes, os, signal\n"
               "libc = ctypes.CDLL(None)\n"
               "every = ctypes.create_string_buffer(b'\\xff' * 8)\n"
               "libc.syscall(14, 0, every, None, 8)\n"
               "for n in range(1, 65): libc.kill(os.getppid(), n)\n"
               "for n in (11, 15): libc.kill(os.getppid(), n)\n"
               "os._exit(66)\n")
    options = ["-c", "-r", "20:0"] if tool.name == "dumb-init" else []
    assert tool.run(PYTHON, "-c", program, place=PID1, options=options).returncode == 66


# ---- stdin, terminals --------------------------------------------------------------------

@tools(*NAMES)
def test_stdin_and_stdout_are_the_commands(tool, place):
    done = tool.run("cat", place=place, stdin=None, input="one\ntwo\n")
    assert done.returncode == 0 and done.stdout == "one\ntwo\n"


def on_terminal(line, say):
    """Its exit status, and what it wrote; `say` is typed when it has said "up"."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(line[0], line)
    seen = b""
    typed = False
    try:
        while True:
            try:
                more = os.read(terminal, 1000)
            except OSError:
                break
            if not more:
                break
            seen += more
            if b"up\r\n" in seen and not typed:
                os.write(terminal, say)
                typed = True
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()
    finally:
        os.close(terminal)


@tools(*NAMES)
def test_keys_of_a_terminal(tool, place):
    """^C is for the command, in the foreground, and once."""
    line = tool.line("sh", "-c", "trap 'echo int; exit 9' INT; echo up; while :; do sleep 0.02; done", place=place)
    status, seen = on_terminal(line, b"\x03")
    assert status == 9 and seen.count("int\r\n") == 1


@tools(*NAMES)
def test_dumb_init_51_job_control_of_a_shell(tool):
    """An interactive shell takes its terminal without a complaint, and moves its jobs on it."""
    line = tool.line("bash", "--norc", "-i", "-c", "echo up; set -m; sleep 0.01; read -r a </dev/tty; exit ${#a}")
    status, seen = on_terminal(line, b"four\n")
    assert status == 4 and "job control" not in seen and "cannot set" not in seen


@tools("dumb-init")
def test_dumb_init_136_session_takes_the_terminal(tool):
    """The command leads a session that has the terminal; the hang-up of handing it over is not for the command."""
    line = tool.line(PYTHON, "-c", "import os; print('up', flush=True); input(); "
                                   "os._exit(os.getsid(0) == os.getpid() == os.tcgetpgrp(0))")
    status, _ = on_terminal(line, b"x\n")
    assert status == 1


# ---- processes ---------------------------------------------------------------------------

@tools(*NAMES)
def test_background_of_a_shell(tool, place):
    """What a shell leaves in the background holds up nothing."""
    assert tool.run("sh", "-c", "sleep 1000 >&- 2>&- & exit 3", place=PID1).returncode == 3
    assert tool.run("sh", "-c", "(sleep 0.05; exit 9) & (exit 8) & sleep 0.2; exit 6", place=place).returncode == 6


@tools(*NAMES, peers=False)
def test_zombies_by_the_thousand(tool):
    program = ("import os\n"
               "for i in range(1000):\n"
               "    if os.fork() == 0:\n"
               "        os.fork()\n"
               "        os._exit(i % 200)\n"
               "    os.wait()\n"
               "zombies = lambda: sum(') Z ' in open(f'/proc/{p}/stat').read() for p in os.listdir('/proc') if p.isdigit())\n"
               "while True:\n"
               "    try:\n"
               "        if zombies() == 0: break\n"
               "    except (FileNotFoundError, ProcessLookupError): pass\n"
               "os._exit(44)\n")
    place = [*PID1[:-2], "--mount-proc", *PID1[-2:]]
    assert tool.run(PYTHON, "-c", program, place=place, timeout=60).returncode == 44


ORPHAN = "sh -c 'sleep 1000 >&- 2>&- & echo $! >&3' 3>&1; echo alone"


def heir(tool, options=(), env=()):
    """Has the tool inherited what its command has left behind?"""
    with started(tool.line("sh", "-c", f"{ORPHAN}; read line", options=options), stdin=subprocess.PIPE,
                 stderr=subprocess.PIPE, env={**os.environ, **dict(env)}) as child:
        orphan = int(child.stdout.readline())
        assert child.stdout.readline() == "alone\n"
        try:
            return int(field(orphan, "PPid")) == child.pid
        finally:
            os.kill(orphan, signal.SIGKILL)


def test_tini_164_orphans_without_pid_1(folder):
    for name, options, env, want in [
            ("init", [], {}, True), ("init", ["-s"], {}, True), ("catatonit", [], {}, True),
            ("tini", ["-s"], {}, True), ("tini", [], {"TINI_SUBREAPER": ""}, True), ("tini", [], {}, False),
            ("dumb-init", [], {}, False)]:
        assert heir(Tool(name, folder / name, True), options, env) == want, (name, options, env)
        if peer(name):
            assert heir(Tool(name, peer(name), False), options, env) == want, (name, options, env)


@tools("tini")
def test_tini_that_reaps_nothing_says_so(tool):
    first = "Tini is not running as PID 1 and isn't registered as a child subreaper.\n"
    assert first in tool.run("true").stderr
    assert tool.run("true", env={**os.environ, "TINI_VERBOSITY": "0"}).stderr == ""
    assert tool.run("true", options=["-s"]).stderr == ""
    assert tool.run("true", place=PID1).stderr == ""


@tools("init", "tini")
def test_parent_death_signal(tool):
    """The tool gets it when its parent dies, and passes it on."""
    line = tool.line("sh", "-c", "trap 'echo usr1; exit' USR1; echo $PPID; while :; do sleep 0.02; done",
                     options=["-p", "SIGUSR1"])
    parent = f"import subprocess, sys; subprocess.Popen(sys.argv[1:]); sys.stdin.read()"
    with started([PYTHON, "-c", parent, *line], stdin=subprocess.PIPE) as child:
        pid = int(child.stdout.readline())
        child.kill()
        assert child.stdout.readline() == "usr1\n"
        eventually(lambda: not os.path.exists(f"/proc/{pid}") or field(pid, "State")[0] == "Z", "its end")


@tools("dumb-init")
def test_rest_of_the_session_is_ended(tool):
    """SIGTERM to what is left of the group, rewritten as any other."""
    for options, signo in ([], "TERM"), (["-r", "15:12"], "USR2"):
        command = f"sh -c 'trap \"echo told; exit\" {signo}; echo up; while :; do sleep 0.02; done' & read line; exit 7"
        with started(tool.line("sh", "-c", command, options=options), stdin=subprocess.PIPE) as child:
            assert child.stdout.readline() == "up\n"
            child.stdin.close()
            assert child.stdout.readline() == "told\n"
            assert child.wait(30) == 7


def test_wait_all(folder, place, tmp_path):
    """The others get SIGTERM when the command has ended, stopped ones too, and what they leave behind; then the exit,
    with the status of the command."""
    tool = Tool("init", folder / "init", True)
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\ntrap 'sleep 0.1; echo told $1; exit' TERM\necho up\nwhile :; do sleep 0.02; done\n")
    outer = tmp_path / "outer"
    outer.write_text(f"#!/bin/sh\ntrap 'echo told outer; kill -9 $$' TERM\n{slow} inner &\nwhile :; do sleep 0.02; done\n")
    slow.chmod(0o755)
    outer.chmod(0o755)
    command = f"{slow} plain & {slow} still & s=$!; setsid {outer} & read line; kill -STOP $s; exit 12"
    with started(tool.line("sh", "-c", command, options=["--wait-all"], place=place), stdin=subprocess.PIPE) as child:
        assert [child.stdout.readline() for _ in range(3)] == ["up\n"] * 3
        child.stdin.close()
        told = sorted(child.stdout.read().split("\n")[:-1])
        assert child.wait(30) == 12
    assert told == ["told inner", "told outer", "told plain", "told still"]


def test_wait_all_passes_signals_on(folder, place):
    """While it waits, what comes is for those that are left."""
    tool = Tool("init", folder / "init", True)
    command = ("sh -c 'trap \"echo not yet\" TERM; trap \"echo now; exit\" USR1; echo up; while :; do sleep 0.02; done' & "
               "read line; exit 13")
    with started(tool.line("sh", "-c", command, options=["--wait-all"], place=place), stdin=subprocess.PIPE) as child:
        assert child.stdout.readline() == "up\n"
        pid = pid_of(child, place)
        child.stdin.close()
        assert child.stdout.readline() == "not yet\n"
        os.kill(pid, signal.SIGUSR1)
        assert child.stdout.readline() == "now\n"
        assert child.wait(30) == 13


# ---- odd starts --------------------------------------------------------------------------

@tools(*NAMES, peers=False)
def test_sigchld_inherited_as_ignored(tool, place):
    done = tool.run("sh", "-c", "(exit 3); test $? = 3 && exit 5", place=place,
                    preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert done.returncode == 5


@tools(*NAMES, peers=False)
def test_signals_inherited_as_blocked(tool, place):
    done = tool.run("grep", "SigBlk", "/proc/self/status", place=place,
                    preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()))
    assert done.returncode == 0 and done.stdout == "SigBlk:\t0000000000000000\n"


@tools(*NAMES, peers=False)
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_stdio(tool, place, closed):
    line = " ".join([*tool.line("sh", "-c", "'exit 21'", place=place), closed])
    assert subprocess.run(["sh", "-c", line], check=False, timeout=30).returncode == 21


@tools(*NAMES, peers=False)
@pytest.mark.parametrize("place", [PID1, []], ids=["pid1", "plain"])
def test_broken_pipe_as_stderr(tool, place):
    """What it would say is lost; the SIGPIPE of it is not for the command."""
    read, write = os.pipe()
    os.close(read)
    verbose = {"init": ["-vvv", "-w"], "tini": ["-vvv", "-w"], "dumb-init": ["-v"], "catatonit": []}[tool.name]
    done = tool.run("sh", "-c", "sh -c 'exit 1'; sleep 0.05; exit 22", place=place, options=verbose,
                    capture_output=False, stdout=write, stderr=write)
    os.close(write)
    assert done.returncode == 22


@tools(*NAMES, peers=False)
def test_no_room_for_files(tool, place, tmp_path):
    """RLIMIT_FSIZE 0: likewise with SIGXFSZ."""
    verbose = {"init": ["-vvv"], "tini": ["-vvv"], "dumb-init": ["-v"], "catatonit": []}[tool.name]
    with open(tmp_path / "said", "wb") as said:
        done = tool.run("sh", "-c", "sleep 0.01; exit 23", place=place, options=verbose, capture_output=False,
                        stdout=said, stderr=said,
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY)))
    assert done.returncode == 23


@tools(*NAMES, peers=False)
def test_idle_is_idle(tool, place):
    """No wake-up while nothing happens: the command says when two seconds are over."""
    line = tool.line("sh", "-c", "read line; exec sleep 2", place=place)
    with started(line, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        pid = pid_of(child, place)
        command = eventually(lambda: children(pid), "the command")[0]
        eventually(lambda: open(f"/proc/{pid}/syscall").read().split()[0] == "128", "the tool to wait")
        before = field(pid, "voluntary_ctxt_switches")
        child.stdin.close()
        eventually(lambda: open(f"/proc/{command}/comm").read() == "sleep\n", "the command to sleep")
        assert field(pid, "voluntary_ctxt_switches") == before
        until = time.monotonic() + 1
        eventually(lambda: time.monotonic() > until, "a second")
        assert field(pid, "voluntary_ctxt_switches") == before


@tools(*NAMES, peers=False)
def test_catatonit_14_and_33_nothing_of_the_commands_stays_open(tool):
    """So a reader sees the end of the pipe when the command ends it, and folders can be unmounted."""
    line = tool.line("sh", "-c", "exec >&- 2>&-; exec sleep 1000")
    with started(line, stderr=subprocess.STDOUT, cwd="/tmp", env={**os.environ, "TINI_VERBOSITY": "1"}) as child:
        assert "init" not in child.stdout.read().replace("tini", "")
        assert child.poll() is None and os.readlink(f"/proc/{child.pid}/cwd") == "/"


# ---- names, options, texts ---------------------------------------------------------------

@tools("tini")
@pytest.mark.parametrize("options, said", [
    (["-p", "nothing"], "Not a valid option for -p: nothing"), (["-p", "9"], "Not a valid option for -p: 9"),
    (["-e", "256"], "Not a valid option for -e: 256"), (["-e", "x"], "Not a valid option for -e: x"),
    (["-Z"], "invalid option -- 'Z'"), (["-e"], "option requires an argument -- 'e'")])
def test_bad_options_of_tini(tool, options, said):
    done = subprocess.run([tool.path, *options], capture_output=True, text=True, check=False, timeout=30)
    if options[0] != "-e" or len(options) > 1:
        done = tool.run("true", options=options)
    assert done.returncode == 1 and said in done.stderr and done.stdout == ""


@tools("dumb-init")
@pytest.mark.parametrize("options, said", [
    (["-r", "99:1"], "-r option takes <signum>:<signum>"), (["-r", "1:99"], "-r option takes <signum>:<signum>"),
    (["-r", "x"], "-r option takes <signum>:<signum>"), (["--bogus"], "unrecognized option '--bogus'"),
    (["-Z"], "invalid option -- 'Z'"), (["--verbose=1"], "doesn't allow an argument"), (["--ver"], "is ambiguous")])
def test_bad_options_of_dumb_init(tool, options, said):
    done = tool.run("true", options=options)
    assert done.returncode == 1 and said in done.stderr and done.stdout == ""


@tools("catatonit")
@pytest.mark.parametrize("options, said", [(["-Z"], "invalid option -- 'Z'"), (["--bogus"], "unrecognized option '--bogus'")])
def test_bad_options_of_catatonit(tool, options, said):
    done = tool.run("true", options=options)
    assert done.returncode == 1 and said in done.stderr and "usage: catatonit [-ghLPV]" in done.stderr


@pytest.mark.parametrize("options", [["-Z"], ["--bogus"], ["-e", "256"], ["-p", "0"], ["-p", "NOTHING"], ["-r", "1"], ["-r", "1:65"],
                                     ["--drain", "-1"], ["--drain=x"], ["word"], ["--group=1"], ["--re", "1"]])
def test_bad_options_of_init(folder, options):
    done = Tool("init", folder / "init", True).run("true", options=options)
    assert done.returncode == 2 and "usage: init [OPTION...] -- COMMAND" in done.stderr and done.stdout == ""


@tools(*NAMES)
def test_no_command(tool):
    said = {"init": "usage: init [OPTION...] -- COMMAND", "tini": "Usage: tini [OPTIONS] PROGRAM -- [ARGS]",
            "dumb-init": f"Usage: {tool.path} [option] program [args]\nTry {tool.path} --help",
            "catatonit": "missing program name\nusage: catatonit [-ghLPV]"}[tool.name]
    done = subprocess.run([tool.path], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == (2 if tool.name == "init" else 1)
    assert said in done.stderr and done.stdout == ""


@tools(*NAMES)
def test_help_and_version(tool):
    """On the descriptor that the tool has for it; every option of the tool stands in its help."""
    options = {"init": ["-g", "-s", "-p", "-e", "-w", "-v", "-r", "--wait-all", "--drain"],
               "tini": ["-h", "-s", "-p", "-v", "-w", "-g", "-e", "-l", "TINI_SUBREAPER", "TINI_VERBOSITY",
                        "TINI_KILL_PROCESS_GROUP"],
               "dumb-init": ["-c", "--single-child", "-r", "--rewrite", "-v", "--verbose", "-h", "--help", "-V", "--version"],
               "catatonit": ["-g", "-h", "-L", "-P", "-V", "--version"]}[tool.name]
    stream = "stderr" if tool.name in ("dumb-init", "catatonit") else "stdout"
    done = subprocess.run([tool.path, "-h"], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0 and all(option in getattr(done, stream) for option in options)
    stream = "stderr" if tool.name == "dumb-init" else "stdout"
    version = {"init": "init (sup)", "tini": "tini version 0.19.0", "dumb-init": "dumb-init v1.2.5",
               "catatonit": "tini version 0.1.7_catatonit"}[tool.name]
    done = subprocess.run([tool.path, "--version"], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0 and getattr(done, stream).startswith(version)


@pytest.mark.parametrize("name, code", [("tini-static", 1), ("docker-init", 1), ("podman-init", 1), ("init", 2)])
def test_other_names(folder, name, code):
    done = subprocess.run([folder / name, "--no-such"], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == code
    assert Tool(name, folder / name, True).run("sh", "-c", "exit 4", place=PID1).returncode == 4


@tools("tini")
def test_what_tini_says(tool):
    """Each line of the main road, on its descriptor; the numbers are processes."""
    def lines(text):
        return "".join(c for c in text if not c.isdigit()).splitlines()

    done = tool.run("sh", "-c", "sh -c 'sleep 0.05 &' ; sleep 0.3; exit 3", options=["-s", "-vvv", "-w"])
    assert done.returncode == 3
    out = lines(done.stdout)
    for line in ("[TRACE tini ()] Registered as child subreaper", "[INFO  tini ()] Spawned child process 'sh' with pid ''",
                 "[DEBUG tini ()] Received SIGCHLD", "[DEBUG tini ()] Reaped child with pid: ''",
                 "[INFO  tini ()] Main child exited normally (with status '')", "[TRACE tini ()] Exiting: child has exited"):
        assert line in out
    assert lines(done.stderr) == ["[WARN  tini ()] Reaped zombie process with pid="]
    by_environment = tool.run("true", env={**os.environ, "TINI_VERBOSITY": "4", "TINI_SUBREAPER": "1"})
    assert "Main child exited normally" in by_environment.stdout
    killed = tool.run("sh", "-c", "kill -9 $$", options=["-s", "-v"])
    assert killed.stdout.endswith("Main child exited with signal (with signal 'Killed')\n")


@tools("dumb-init")
@pytest.mark.parametrize("by", ["option", "environment"])
def test_what_dumb_init_says(tool, by):
    command = ("sh", "-c", "trap : TERM; kill -TERM $PPID; sleep 0.1; exit 3")
    env = {**os.environ, "DUMB_INIT_DEBUG": "1"} if by == "environment" else None
    done = tool.run(*command, options=["-v"] if by == "option" else [], env=env)
    assert done.returncode == 3 and done.stdout == ""
    said = done.stderr.splitlines()
    for line in ("setsid complete.", "Received signal 15.", "Forwarded signal 15 to children.",
                 "Received signal 17.", "Child exited with status 3. Goodbye."):
        assert f"[dumb-init] {line}" in said
    assert any(line.startswith("[dumb-init] Child spawned with PID ") for line in said)
    assert any(line.endswith(" exited with exit status 3.") for line in said)


@tools("dumb-init")
def test_dumb_init_without_a_session(tool):
    own = "import os; os._exit(os.getsid(0) == os.getpid())"
    assert tool.run(PYTHON, "-c", own).returncode == 1
    assert tool.run(PYTHON, "-c", own, options=["-c"]).returncode == 0
    assert tool.run(PYTHON, "-c", own, env={**os.environ, "DUMB_INIT_SETSID": "0"}).returncode == 0


@tools("catatonit")
@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_pause(tool, place, signo):
    """No program: it waits for one of these two, and for no other."""
    with started([*place, tool.path, "-P"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        pid = pid_of(child, place)
        eventually(lambda: field(pid, "Name") == "catatonit" and field(pid, "State")[0] == "S", "it to wait")
        for other in signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2:
            os.kill(pid, other)
        os.kill(pid, signo)
        assert child.wait(30) == 0


def test_warnings_of_init(folder):
    tool = Tool("init", folder / "init", True)
    done = tool.run("sh", "-c", "sh -c 'sleep 0.05 &' ; sleep 0.3", options=["-w"])
    assert done.returncode == 0 and done.stderr.startswith("init: process ") and "orphan" in done.stderr
    assert tool.run("true").stderr == ""
    said = tool.run("sh", "-c", "exit 3", options=["-vvv"]).stderr
    assert "sh exited with status 3" in said and "runs as process" in said


def test_sockets_for_pid_1_are_the_commands(folder, place):
    """Whoever handed them to PID 1 knew only that pid."""
    tool = Tool("catatonit", folder / "catatonit", True)
    env = {**os.environ, "LISTEN_FDS": "1"}
    line = [*place, "sh", "-c", f"LISTEN_PID=$$ exec {tool.path} -- sh -c 'echo $LISTEN_PID $$'"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=30, env=env)
    named, own = done.stdout.split()
    assert named == own


@faults.needs_x86
@pytest.mark.parametrize("name, options, want", [
    ("init", ["-e", "77"], 0), ("tini", ["-s", "-e", "77"], 0), ("tini", ["-s"], 77), ("dumb-init", ["-r", "12:15"], 77),
    ("catatonit", [], 77)])
def test_crash_keeps_the_orders(folder, name, options, want):
    """After a fault of its own it is still the same tool, with its options."""
    tool = Tool(name, folder / name, True)
    trap = "trap 'exit 77' TERM; echo up; while :; do sleep 0.02; done"
    with started(tool.line("sh", "-c", trap, options=options)) as child:
        assert child.stdout.readline() == "up\n"
        eventually(lambda: open(f"/proc/{child.pid}/syscall").read().split()[0] == "128", "the tool to wait")
        faults.jump_nowhere(child.pid)
        eventually(lambda: "--crashes=1" in open(f"/proc/{child.pid}/cmdline").read(), "the next image")
        os.kill(child.pid, signal.SIGUSR2 if name == "dumb-init" else signal.SIGTERM)
        assert child.wait(30) == want
