"""Faults of a program that is left as it was built: by ptrace(2), on x86-64."""

import ctypes
import os
import platform

import pytest

POKEUSER, ATTACH, DETACH = 6, 16, 17
PC = 16 * 8  # of rip in struct user
WALL = 0x40000000

needs_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the registers of x86-64")

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, pid, at=0, value=0):
    ctypes.set_errno(0)
    libc.ptrace(request, pid, at, value)
    if ctypes.get_errno():
        raise OSError(ctypes.get_errno(), "ptrace")


def jump_nowhere(pid, pc=0x10, meanwhile=lambda: None):
    """The process goes on where nothing is mapped: SIGSEGV. Until then it stands."""
    ptrace(ATTACH, pid)
    os.waitpid(pid, WALL)
    meanwhile()
    ptrace(POKEUSER, pid, PC, pc)
    ptrace(DETACH, pid)


def break_system_calls(pid):
    """What comes after each system call that may wait becomes an instruction that is none: SIGILL, in a handler, too."""
    ptrace(ATTACH, pid)
    os.waitpid(pid, WALL)
    with open(f"/proc/{pid}/syscall") as file:
        at = int(file.read().split()[-1], 16)
    with open(f"/proc/{pid}/mem", "r+b", 0) as memory:
        memory.seek(at)
        memory.write(b"\x0f\x0b")
    ptrace(DETACH, pid)
