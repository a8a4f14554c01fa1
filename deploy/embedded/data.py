"""Data directory of an installation: lock, secrets, credentials, and a record of the processes of the current run."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.embedded.errors import CannotRun
from deploy.embedded.processes import Identity

# Increase it when an older Kinvite could not use what this one writes.
DATA_VERSION = 1
# The last commit with stepwise migrations, which brings older data to the first migration of today.
LAST_STEPWISE_COMMIT = "b544351"
OWNER_EMAIL = "admin@kinvite.example"


@dataclass(frozen=True)
class Secrets:
    """Secrets that are created at the first start. Without them neither the database nor a sent link can be used."""

    administrator_password: str
    owner_password: str
    application_password: str
    auth_secret: str
    token_keys: str
    admin_password: str
    api_token: str = ""


class DataDirectory:
    """Everything that Kinvite stores on this machine. Confidential files are readable by their owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self.cluster = path / "postgres"
        self.credentials = path / "credentials.json"
        self._secrets = path / "secrets.json"
        self._processes = path / "run.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Create the directory and lock it for the block.

        Raises CannotRun if it is unusable, locked by another run, or written by a newer version.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CannotRun(
                    f"Kinvite is already running with the data in {self.path}: "
                    "stop that one first, or choose another directory with KINVITE_DATA."
                ) from None
            try:
                self._check_version()
            except OSError as error:
                raise self._unusable(error) from None
            yield
        finally:
            os.close(lock)

    def load_secrets(self) -> Secrets:
        """Return the secrets, created first in a new directory.

        Raises CannotRun if the file is damaged, too old, or missing beside an existing database.
        """
        if self._secrets.exists():
            try:
                return self._read_secrets()
            except (OSError, ValueError, TypeError, KeyError):
                raise CannotRun(f"{self._secrets} cannot be read: restore it from a backup.") from None
        if self.cluster.exists():
            raise CannotRun(
                f"{self._secrets} is gone, and the database beside it cannot be opened without it: restore it."
            )
        created = Secrets(
            administrator_password=secrets.token_hex(24),
            owner_password=secrets.token_hex(24),
            application_password=secrets.token_hex(24),
            auth_secret=secrets.token_hex(32),
            token_keys=f"k1:{secrets.token_hex(32)}",
            admin_password=secrets.token_urlsafe(15),
        )
        self.save_secrets(created)
        return created

    def _read_secrets(self) -> Secrets:
        content = json.loads(self._secrets.read_text())
        if "owner_password" not in content:
            raise CannotRun(
                f"The data in {self.path} is older than this version of Kinvite can read: "
                f"start commit {LAST_STEPWISE_COMMIT} on it first, then this version."
            )
        return Secrets(**content)

    def save_secrets(self, content: Secrets) -> None:
        """Replace the stored secrets."""
        self._write(self._secrets, asdict(content))

    def write_credentials(self, content: Mapping[str, Any]) -> None:
        """Write credentials.json, with which people and API clients sign in.

        The file exists only while Kinvite is ready.
        """
        self._write(self.credentials, content)

    def delete_credentials(self) -> None:
        """Delete credentials.json if it exists."""
        self.credentials.unlink(missing_ok=True)

    def save_processes(self, processes: Mapping[str, Identity | None]) -> None:
        """Record the processes of this run by name, so that the next run can end them if this one is killed."""
        entries = {name: asdict(identity) for name, identity in processes.items() if identity is not None}
        self._write(self._processes, entries)

    def load_processes(self) -> dict[str, Identity]:
        """Return the recorded processes of the previous run, whether they still run or not."""
        try:
            entries = json.loads(self._processes.read_text())
            return {name: Identity(**identity) for name, identity in entries.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _check_version(self) -> None:
        file = self.path / "version"
        if not file.exists():
            self._replace(file, f"{DATA_VERSION}\n")
            return
        text = file.read_text(errors="replace").strip()
        if not text.isdecimal():
            raise CannotRun(
                f"{file} does not hold a version number: is {self.path} really a data directory of Kinvite?"
            )
        if int(text) > DATA_VERSION:
            raise CannotRun(
                f"The data in {self.path} was made by a newer version of Kinvite: "
                "start that version, or choose another directory with KINVITE_DATA."
            )

    def _unusable(self, error: OSError) -> CannotRun:
        reason = (error.strerror or "unusable").lower()
        return CannotRun(
            f"The data directory {self.path} cannot be used ({reason}): choose another with KINVITE_DATA."
        )

    def _write(self, file: Path, content: Mapping[str, Any]) -> None:
        self._replace(file, json.dumps(content, indent=2) + "\n")

    def _replace(self, file: Path, text: str) -> None:
        """Replace a file atomically: after a crash it has either the old or the new content."""
        new = file.with_name(file.name + ".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
