"""Limits that the process that reads a file puts on itself before it opens the file: what a flaw in a parser cannot do.

Nothing here needs a privilege. `isolate` returns what the system does not offer, and the runner logs it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from contextlib import suppress
from pathlib import Path

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 900
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _SECCOMP_FILTER = 38, 22, 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32_BIT = 0x40000000
# By the machine: the architecture's number in seccomp, and the numbers of the system calls that are refused: socket,
# socketpair, connect, clone, fork, vfork, execve, kill, ptrace, unshare. An empty place is one that it does not have.
_MACHINES: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, (41, 53, 42, 56, 57, 58, 59, 62, 101, 272)),
    "aarch64": (0xC00000B7, (198, 199, 203, 220, 221, 129, 117, 97)),
}
# The same on both: pidfd_send_signal, io_uring_setup, pidfd_open, clone3, pidfd_getfd, open_by_handle_at and
# process_vm_* have numbers of their own.
_NEWER_CALLS = (424, 425, 434, 435, 438)
_MEMORY_CALLS = {"x86_64": (304, 310, 311, 322), "aarch64": (265, 270, 271, 281)}
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
# The rights of Landlock's first version: all of them are refused, and reading is given for some folders.
_FILE_RIGHTS, _READ_FILE, _READ_FOLDER = (1 << 13) - 1, 1 << 2, 1 << 3
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/dev/null")


def isolate(path: Path) -> list[str]:
    """Limit memory, time and what this process may reach; `path` stays readable. Return what could not be limited.

    `network`: sockets, other programs and other processes. `files`: files other than `path` and the libraries, and the
    memory and environment of other processes.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would contain the file
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with suppress(OSError):  # where the container's memory ends first, this process ends and not its worker
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    missing = []
    for name, limited in (("files", _limit_files(path)), ("network", _limit_calls())):
        if not limited:
            missing.append(name)
    return missing


def _library() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    return library if library.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 else None


def _limit_calls() -> bool:
    """Refuse system calls by a seccomp filter; return whether the system took it."""
    library, machine = _library(), platform.machine()
    if library is None or machine not in _MACHINES:
        return False
    architecture, calls = _MACHINES[machine]
    refused = (*calls, *_NEWER_CALLS, *_MEMORY_CALLS[machine])
    program = _Program(architecture, refused).encode()
    buffer = ctypes.create_string_buffer(program)
    # struct sock_fprog: the number of instructions, and a pointer to them.
    head = ctypes.create_string_buffer(
        struct.pack("@HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer)), 16
    )
    return bool(library.prctl(_SET_SECCOMP, _SECCOMP_FILTER, ctypes.byref(head), 0, 0) == 0)


class _Program:
    """Program of a seccomp filter: it refuses the calls, allows the others, and kills another architecture."""

    def __init__(self, architecture: int, refused: tuple[int, ...]) -> None:
        self._architecture = architecture
        self._refused = refused

    def encode(self) -> bytes:
        count = len(self._refused)
        lines = [
            (_LOAD, 0, 0, 4),
            (_EQUAL, 1, 0, self._architecture),
            (_RETURN, 0, 0, _KILL),
            (_LOAD, 0, 0, 0),
            (_AT_LEAST, count + 1, 0, _X32_BIT),
            *((_EQUAL, count - place, 0, call) for place, call in enumerate(self._refused)),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE),
        ]
        return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _limit_files(path: Path) -> bool:
    """Leave only `path`, the libraries and this code to be read, by Landlock; return whether the system has it."""
    library = _library()
    if library is None:
        return False
    attributes = ctypes.create_string_buffer(struct.pack("=Q", _FILE_RIGHTS), 8)
    ruleset = library.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(8), 0)
    if ruleset < 0:
        return False
    try:
        allowed = [_allow_reading(library, ruleset, readable) for readable in _readable(path)]
        return all(allowed) and library.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _readable(path: Path) -> list[Path]:
    """Return what may be read. The folder of the project is not in it, because of the secrets beside the code."""
    project = Path(__file__).parents[3]
    code = [project / "services", project / "shared"]
    return [path, *code, Path(sys.prefix), Path(sys.base_prefix), *(Path(name) for name in _LIBRARIES)]


def _allow_reading(library: ctypes.CDLL, ruleset: int, readable: Path) -> bool:
    try:
        descriptor = os.open(readable, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        rights = _READ_FILE | (_READ_FOLDER if readable.is_dir() else 0)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, descriptor), 12)
        return bool(library.syscall(_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0) == 0)
    finally:
        os.close(descriptor)
