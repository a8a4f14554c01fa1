"""Unit tests of the data directory: lock, secrets, version check and recorded processes."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from deploy.embedded.data import DATA_VERSION, LAST_STEPWISE_COMMIT, DataDirectory
from deploy.embedded.errors import CannotRun
from deploy.embedded.processes import Identity, read_start_time


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_created_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    with data.lock():
        created = data.load_secrets()
        assert data.load_secrets() == created
        data.write_credentials({"url": "http://127.0.0.1:8080"})
    assert _mode(data.path) == 0o700
    assert _mode(data.path / "secrets.json") == _mode(data.credentials) == 0o600
    distinct = {
        created.administrator_password,
        created.owner_password,
        created.application_password,
        created.auth_secret,
    }
    assert len(distinct) == 4
    assert len(created.admin_password) >= 12


def test_secrets_of_a_version_with_one_database_user_are_refused(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    with data.lock():
        current = asdict(data.load_secrets())
        earlier = {name: value for name, value in current.items() if name != "owner_password"}
        (tmp_path / "secrets.json").write_text(json.dumps(earlier))
        with pytest.raises(CannotRun, match=f"start commit {LAST_STEPWISE_COMMIT} on it first"):
            data.load_secrets()
        assert json.loads((tmp_path / "secrets.json").read_text()) == earlier


def test_a_second_run_on_the_same_data_is_refused_in_one_sentence(tmp_path: Path) -> None:
    first, second = DataDirectory(tmp_path), DataDirectory(tmp_path)
    with first.lock(), pytest.raises(CannotRun, match="already running with the data in"), second.lock():
        pass
    with second.lock():
        pass


def test_data_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    with data.lock():
        pass
    (tmp_path / "version").write_text(f"{DATA_VERSION + 1}\n")
    with pytest.raises(CannotRun, match="made by a newer version of Kinvite"), data.lock():
        pass


@pytest.mark.parametrize("text", ["", "one", "1.2\n3"])
def test_a_version_that_is_no_number_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "version").write_text(text)
    with pytest.raises(CannotRun, match="does not hold a version number"), DataDirectory(tmp_path).lock():
        pass


def test_an_unusable_directory_is_reported_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CannotRun, match="cannot be used"), DataDirectory(file / "data").lock():
        pass


def test_lost_or_damaged_secrets_are_not_replaced_beside_a_database(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(CannotRun, match="cannot be read"):
        data.load_secrets()
    (tmp_path / "secrets.json").unlink()
    data.cluster.mkdir()
    with pytest.raises(CannotRun, match="is gone"):
        data.load_secrets()


def test_recorded_processes_are_identified_by_id_and_start_time(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    assert data.load_processes() == {}
    own = Identity(os.getpid(), read_start_time(os.getpid()) or "")
    data.save_processes({"server": own, "broker": None})
    assert data.load_processes() == {"server": own}
    assert own.is_alive
    assert not Identity(own.pid, "another moment").is_alive
    (tmp_path / "run.json").write_text(json.dumps(["nonsense"]))
    assert data.load_processes() == {}
