"""PostgreSQL refuses to run as root. Two ways round it, for machines (and containers) where root is all there is."""

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.embedded.failure import CannotRun

_CLONE_NEWUSER = 0x10000000
_INSIDE_UID = 1000
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

ChangeUser = Callable[[], None]


def way_for(cluster: Path, probe: Path) -> tuple[ChangeUser | None, int]:
    """How to start PostgreSQL's programs here, and the uid that owns its files.

    None for an ordinary user. For root: a cluster that exists decides by its owner; a new one is made in a user
    namespace, where root's files seem to belong to an ordinary user, or else by `nobody`. `probe` is any program.
    Raises CannotRun when neither is allowed.
    """
    if os.geteuid() != 0:
        return None, os.geteuid()
    if cluster.exists() and (owner := cluster.stat().st_uid) != 0:
        return _become(owner), owner
    if _works(enter_namespace, probe):
        return enter_namespace, 0
    if cluster.exists():
        raise CannotRun(
            f"PostgreSQL does not run as root, and this machine no longer allows the user namespace in which {cluster} "
            "was made: give the data directory to an ordinary user and start as that user."
        )
    nobody = pwd.getpwnam("nobody").pw_uid
    if _works(_become(nobody), probe):
        return _become(nobody), nobody
    raise CannotRun(
        "PostgreSQL does not run as root, and this machine allows neither user namespaces nor the user nobody to "
        "reach Kinvite's files: start as an ordinary user."
    )


def enter_namespace() -> None:
    """Run in a child before exec: from here on it is user 1000 of a namespace of its own, and root outside."""
    assert _LIBC is not None
    if _LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{_INSIDE_UID} 0 1"),
        ("gid_map", f"{_INSIDE_UID} 0 1"),
    ):
        file = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(file, line.encode())
        os.close(file)


def _become(uid: int) -> ChangeUser:
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:
        gid = uid

    def change() -> None:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)

    return change


def _works(change: ChangeUser, probe: Path) -> bool:
    if change is enter_namespace and _LIBC is None:
        return False
    try:
        tried = subprocess.run([probe, "--version"], preexec_fn=change, capture_output=True, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return tried.returncode == 0
