"""The data directory: one holder, lasting secrets, refused when newer."""

import json
import os
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from deploy.embedded.data import DATA_VERSION, DataDirectory
from deploy.embedded.failure import CannotRun
from deploy.embedded.processes import Identity, began


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    with data.held():
        made = data.secrets()
        assert data.secrets() == made
        data.write_credentials({"url": "http://127.0.0.1:8080"})
    assert _mode(data.path) == 0o700
    assert _mode(data.path / "secrets.json") == _mode(data.credentials) == 0o600
    assert (
        len({made.administrator_password, made.owner_password, made.application_password, made.auth_secret})
        == 4
    )
    assert len(made.admin_password) >= 12


def test_secrets_of_a_release_with_one_database_user_get_a_second(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    with data.held():
        made = asdict(data.secrets())
        earlier = {name: value for name, value in made.items() if name != "owner_password"}
        (tmp_path / "secrets.json").write_text(json.dumps(earlier))
        now = data.secrets()
        assert now.owner_password == earlier["application_password"] != now.application_password
        assert data.secrets() == now


def test_a_second_holder_is_told_in_one_sentence(tmp_path: Path) -> None:
    first, second = DataDirectory(tmp_path), DataDirectory(tmp_path)
    with first.held(), pytest.raises(CannotRun, match="already running with the data in"), second.held():
        pass
    with second.held():
        pass


def test_data_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    with data.held():
        pass
    (tmp_path / "version").write_text(f"{DATA_VERSION + 1}\n")
    with pytest.raises(CannotRun, match="made by a newer version of Kinvite"), data.held():
        pass


@pytest.mark.parametrize("text", ["", "one", "1.2\n3"])
def test_a_version_that_is_no_number_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "version").write_text(text)
    with pytest.raises(CannotRun, match="does not hold a version number"), DataDirectory(tmp_path).held():
        pass


def test_a_directory_that_cannot_be_is_said_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CannotRun, match="cannot be used"), DataDirectory(file / "data").held():
        pass


def test_lost_or_damaged_secrets_are_not_replaced_beside_a_database(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(CannotRun, match="cannot be read"):
        data.secrets()
    (tmp_path / "secrets.json").unlink()
    data.cluster.mkdir()
    with pytest.raises(CannotRun, match="is gone"):
        data.secrets()


def test_leftovers_are_known_by_number_and_moment(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    assert data.leftovers() == {}
    own = Identity(os.getpid(), began(os.getpid()) or "")
    data.record({"server": own, "broker": None})
    assert data.leftovers() == {"server": own}
    assert own.alive
    assert not Identity(own.pid, "another moment").alive
    (tmp_path / "run.json").write_text(json.dumps(["nonsense"]))
    assert data.leftovers() == {}
