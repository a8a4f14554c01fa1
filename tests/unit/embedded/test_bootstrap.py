"""The script that makes the environment: old Pythons can read it, and pip's failures become one sentence."""

import ast
from pathlib import Path

import pytest

from deploy.embedded import bootstrap


def test_an_old_python_can_read_it() -> None:
    ast.parse(Path(bootstrap.__file__).read_text(), feature_version=(3, 8))


@pytest.mark.parametrize(
    ("said", "sentence"),
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
def test_a_failed_installation_is_one_sentence(said: str, sentence: str) -> None:
    told = bootstrap.why_not_installed(said)
    assert sentence in told
    assert told.endswith(".")
    assert "\n" not in told


def test_an_unknown_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["--help-me"]) == 1
    assert "unknown option --help-me" in capsys.readouterr().err


def test_a_python_that_is_too_old_looks_for_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "OLDEST_PYTHON", (4, 0))
    monkeypatch.setattr(bootstrap, "NEWEST_MINOR", -1)
    with pytest.raises(bootstrap.CannotInstall, match=r"needs Python 3\.11 or newer"):
        bootstrap.use_new_enough_python([])


def test_a_lock_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    with pytest.raises(bootstrap.CannotInstall, match=r"requirements\.lock is missing"):
        bootstrap.install(["requirements.lock"])
