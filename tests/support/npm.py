"""npm packages of a test, installed from the lock file beside it into the shared cache."""

import filecmp
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.locks import CACHE, locked

_INSTALL_SECONDS = 240


def npm_parts(name: str, folder: Path) -> Path:
    """Return a folder with `node_modules` as the lock in `folder` has them; skip the test with the reason without
    npm.

    `name` is the folder's name in the cache and part of the reason.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip(f"{name}: npm is not installed")
    home = CACHE / name
    with locked(home):
        lock = home / "package-lock.json"
        if not (home / "installed").exists() or not filecmp.cmp(lock, folder / lock.name, shallow=False):
            _install(name, npm, folder, home)
    return home


def _install(name: str, npm: str, folder: Path, home: Path) -> None:
    if os.environ.get("KINVITE_TESTS_OFFLINE"):
        pytest.skip(f"{name}: not installed here and KINVITE_TESTS_OFFLINE is set")
    for part in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(folder / part, home / part)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=home, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    except subprocess.SubprocessError as error:
        pytest.skip(f"{name}: npm cannot install it ({type(error).__name__})")
    (home / "installed").touch()
