"""The AsyncAPI document is valid by the official parser."""

import filecmp
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.locks import CACHE, locked

_ROOT = Path(__file__).parents[2]
_TOOL = Path(__file__).parent / "asyncapi"
_INSTALL_SECONDS = 240


@pytest.fixture(scope="module")
def parser() -> Path:
    """A folder with the parser installed from its lock; skipped where npm is not there or cannot install."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("AsyncAPI parser: npm is not installed")
    home = CACHE / "asyncapi"
    with locked(home):
        lock = home / "package-lock.json"
        if not (home / "installed").exists() or not filecmp.cmp(lock, _TOOL / lock.name, shallow=False):
            _install(npm, home)
    return home


def _install(npm: str, home: Path) -> None:
    if os.environ.get("KINVITE_TESTS_OFFLINE"):
        pytest.skip("AsyncAPI parser: not installed here and KINVITE_TESTS_OFFLINE is set")
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(_TOOL / name, home / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=home, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    except subprocess.SubprocessError as error:
        pytest.skip(f"AsyncAPI parser: npm cannot install it ({type(error).__name__})")
    (home / "installed").touch()


def test_the_asyncapi_document_is_valid(parser: Path) -> None:
    document = next((_ROOT / "shared" / "contracts").glob("asyncapi.*"))
    done = subprocess.run(
        ["node", _TOOL / "validate.cjs", document], cwd=parser, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
