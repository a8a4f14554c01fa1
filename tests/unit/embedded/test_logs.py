"""Unit tests of the log files of supervised processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.embedded import logs


def test_a_log_is_appended_to_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    for line in (b"one\n", b"two\n"):
        with logs.open_log(log) as file:
            file.write(line)
    assert log.read_bytes() == b"one\ntwo\n"
    assert log.stat().st_mode & 0o777 == 0o600
    assert logs.read_log(log, 4) == "two\n"
    assert logs.read_log(log, 0, max_bytes=3) == "one"


def test_only_a_log_above_the_limit_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 3)
    for name, text in (("broker", "123"), ("server", "1234")):
        (tmp_path / f"{name}.log").write_text(text)
    with logs.open_log(tmp_path / "server.log") as open_file:
        logs.rotate_logs(tmp_path)
        open_file.write(b"5")
    assert (tmp_path / "broker.log").read_text() == "123"
    assert not (tmp_path / "broker.log.1").exists()
    assert (tmp_path / "server.log").read_text() == "5"
    assert (tmp_path / "server.log.1").read_text() == "1234"
    assert (tmp_path / "server.log.1").stat().st_mode & 0o777 == 0o600
