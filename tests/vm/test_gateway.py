"""The sample appliance as `make demo` shows it: real Debian software, step by step."""

import platform
import socket
import subprocess

from conftest import CACHE, TOP, environment, run


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_every_step_of_the_demo():
    folder = CACHE / "gateway"
    run("units/gateway/build", folder, platform.machine())
    done = subprocess.run(["qemu/demo", str(folder)], cwd=TOP, check=False,
                          env={**environment(), "PORT": str(free_port())},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    assert done.returncode == 0, done.stdout
    assert "8 steps as they should be, 0 not" in done.stdout
    assert "The machine powered off by itself." in done.stdout
