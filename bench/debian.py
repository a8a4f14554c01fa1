"""Programs from Debian packages, unpacked into the project's cache; nothing is installed or started."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.unavailable import Unavailable
from tests.support.equipment import OFFLINE
from tests.support.locks import CACHE, locked

_SECONDS = 240
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")


@dataclass(frozen=True, slots=True)
class Program:
    """Path of a program, and the environment variables with which it finds the libraries unpacked beside it."""

    path: Path
    environment: dict[str, str]


def program(name: str, packages: Sequence[str], libraries: Sequence[str] = ()) -> Program:
    """Return this machine's program, or else the one in Debian's `packages`, fetched once into `.cache/bench`.

    `libraries` are folders in the packages, in addition to the usual one, that hold shared objects of the program.
    Raises Unavailable if it cannot be fetched.
    """
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM_FOLDERS]))
    if path:
        return Program(Path(path), {})
    home = CACHE / "bench" / name
    with locked(home):
        if not (home / "unpacked").exists():
            _get(name, packages, home)
    root = home / "root"
    paths = [path for path in root.glob(f"usr/*bin/{name}") if os.access(path, os.X_OK)]
    if not paths:
        raise Unavailable(f"{name} is not in Debian's {' and '.join(packages)}")
    folders = [*root.glob("usr/lib/*-linux-gnu*"), *(root / folder for folder in libraries)]
    ready = Program(paths[0], {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))})
    _check_libraries(ready)
    return ready


def _get(name: str, packages: Sequence[str], home: Path) -> None:
    missing = [tool for tool in ("apt-get", "dpkg-deb", "dpkg-query") if not shutil.which(tool)]
    if missing:
        raise Unavailable(f"{name} is not on PATH, and there is no {missing[0]} to get it from Debian with")
    if os.environ.get(OFFLINE):
        raise Unavailable(f"{name} is neither on PATH nor fetched yet, and {OFFLINE} is set")
    for folder in ("root", "packages"):
        shutil.rmtree(home / folder, ignore_errors=True)
        (home / folder).mkdir()
    wanted, got = list(packages), set[str]()
    while wanted:
        package = wanted.pop()
        if package not in got:
            got.add(package)
            archive = _download(package, home / "packages")
            _run(["dpkg-deb", "-x", str(archive), str(home / "root")])
            wanted += _missing_libraries(archive)
    (home / "unpacked").touch()


def _download(package: str, folder: Path) -> Path:
    """Download a package by the machine's own lists, which are updated once where they are missing or outdated, if
    allowed.
    """
    try:
        _run(["apt-get", "download", "-qq", package], folder)
    except Unavailable:
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "download", "-qq", package], folder)
    return next(folder.glob(f"{package}_*.deb"))


def _missing_libraries(archive: Path) -> list[str]:
    depends = _run(["dpkg-deb", "-f", str(archive), "Depends"])
    names = re.findall(r"(?:^|,)\s*(lib[a-z0-9.+-]+)", depends)
    return [name for name in names if not _installed(name)]


def _installed(package: str) -> bool:
    command = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout == "installed"


def _check_libraries(ready: Program) -> None:
    linked = subprocess.run(
        ["ldd", str(ready.path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ready.environment},
    )
    absent = re.findall(r"(\S+) => not found", linked.stdout)
    if absent or linked.returncode != 0:
        raise Unavailable(f"{ready.path.name} lacks {', '.join(absent) or linked.stderr.strip()}")


def _run(command: Sequence[str], folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or "").strip().splitlines()
        raise Unavailable(f"{' '.join(command[:2])} did not work: {lines[-1] if lines else error}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{' '.join(command[:2])} did not work: {error}") from None
    return done.stdout
