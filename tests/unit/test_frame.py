"""The repository's frame: Makefile targets, locks and their contents."""

import re
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_VERBS = ("up", "demo", "test", "check", "lint", "format", "migrate", "contracts")


def test_make_help_explains_every_verb() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    for verb in _VERBS:
        assert re.search(rf"^  make {verb}\s+\S", shown.stdout, re.MULTILINE), verb


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_have_hashes_and_no_index_address(name: str) -> None:
    lock = (_ROOT / name).read_text()
    assert "://" not in lock
    for entry in re.split(r"\n(?=[a-z])", lock.partition("make lock\n")[2]):
        assert "--hash=sha256:" in entry, entry


def test_the_npm_lock_has_no_registry_address() -> None:
    lock = (_ROOT / "tests" / "contract" / "asyncapi" / "package-lock.json").read_text()
    assert '"resolved"' not in lock


def test_no_test_sleeps() -> None:
    """Tests wait by polling to a deadline, in `tests/support/waiting.py`; `sleep(0)` only yields to other tasks."""
    sleeping = [
        str(path.relative_to(_ROOT))
        for path in (_ROOT / "tests").rglob("*.py")
        if "support" not in path.parts and re.search(r"\bsleep[(](?!0[)])", path.read_text())
    ]
    assert not sleeping
