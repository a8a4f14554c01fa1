"""Choice of the operating system's user for PostgreSQL, which refuses to run as root.

On machines and in containers where root is the only user, PostgreSQL runs in a user namespace or as `nobody`.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.embedded.errors import CannotRun

_CLONE_NEWUSER = 0x10000000
_NAMESPACE_UID = 1000
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

ChangeUser = Callable[[], None]


def choose_user(cluster: Path, program: Path) -> tuple[ChangeUser | None, int]:
    """Return a function that changes the user in a child before exec, and the uid that owns the cluster's files.

    The function is None for an ordinary user, who needs no change. For root, the owner of an existing `cluster`
    decides. A new cluster runs in a user namespace, where root's files appear to belong to an ordinary user, or else
    as `nobody`. `program` is any executable with a `--version` option, with which each choice is tried. Raises
    CannotRun if neither is allowed.
    """
    if os.geteuid() != 0:
        return None, os.geteuid()
    if cluster.exists() and (owner := cluster.stat().st_uid) != 0:
        return _user_changer(owner), owner
    if _works(enter_namespace, program):
        return enter_namespace, 0
    if cluster.exists():
        raise CannotRun(
            f"PostgreSQL does not run as root, and this machine no longer allows the user namespace in which {cluster} "
            "was made: give the data directory to an ordinary user and start as that user."
        )
    nobody = pwd.getpwnam("nobody").pw_uid
    if _works(_user_changer(nobody), program):
        return _user_changer(nobody), nobody
    raise CannotRun(
        "PostgreSQL does not run as root, and this machine allows neither user namespaces nor the user nobody to "
        "reach Kinvite's files: start as an ordinary user."
    )


def enter_namespace() -> None:
    """Enter a new user namespace. To be called in a child before exec.

    The process is user 1000 inside the namespace and root outside. Raises OSError if the kernel refuses.
    """
    assert _LIBC is not None
    if _LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{_NAMESPACE_UID} 0 1"),
        ("gid_map", f"{_NAMESPACE_UID} 0 1"),
    ):
        file = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(file, line.encode())
        os.close(file)


def _user_changer(uid: int) -> ChangeUser:
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:
        gid = uid

    def change() -> None:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)

    return change


def _works(change_user: ChangeUser, program: Path) -> bool:
    if change_user is enter_namespace and _LIBC is None:
        return False
    try:
        trial = subprocess.run(
            [program, "--version"], preexec_fn=change_user, capture_output=True, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return trial.returncode == 0
