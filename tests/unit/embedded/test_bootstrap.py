"""Unit tests of the installer: old Pythons can parse it, and failures of pip become one sentence."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from deploy.embedded import bootstrap


def test_an_old_python_can_parse_it() -> None:
    ast.parse(Path(bootstrap.__file__).read_text(), feature_version=(3, 8))


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            "ERROR: No matching distribution found for uvloop==0.23.0 (from -r x)",
            "there is no ready-made uvloop for",
        ),
        ("WARNING: Retrying\n... Max retries exceeded with url", "index cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM ...", "not the one that the lock names"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: something new\nmore", "the installation failed (ERROR: something new)"),
        ("", "no reason given"),
    ],
)
def test_a_failed_installation_is_one_sentence(output: str, sentence: str) -> None:
    explanation = bootstrap.explain_failure(output)
    assert sentence in explanation
    assert explanation.endswith(".")
    assert "\n" not in explanation


def test_an_unknown_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["--help-me"]) == 1
    assert "unknown option --help-me" in capsys.readouterr().err


def test_a_python_that_is_too_old_searches_for_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "MIN_PYTHON", (4, 0))
    monkeypatch.setattr(bootstrap, "MAX_PYTHON_MINOR", -1)
    with pytest.raises(bootstrap.CannotInstall, match=r"needs Python 3\.11 or newer"):
        bootstrap.ensure_supported_python([])


def test_a_lock_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    with pytest.raises(bootstrap.CannotInstall, match=r"requirements\.lock is missing"):
        bootstrap.install(["requirements.lock"])
