"""The data directory: one run at a time, secrets made once, and what a killed run left behind."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.embedded.failure import CannotRun
from deploy.embedded.processes import Identity

# Grows when an older Kinvite could no longer use what a newer one wrote.
DATA_VERSION = 1
OWNER_EMAIL = "admin@kinvite.example"


@dataclass(frozen=True)
class Secrets:
    """Made at the first start. Without them neither the database nor a link that was sent can be used again."""

    administrator_password: str
    owner_password: str
    application_password: str
    auth_secret: str
    token_keys: str
    admin_password: str
    api_token: str = ""


class DataDirectory:
    """Everything Kinvite keeps on this machine. Only its owner can read what matters in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self.cluster = path / "postgres"
        self.credentials = path / "credentials.json"
        self._secrets = path / "secrets.json"
        self._run = path / "run.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the directory and hold it for this run. Raises CannotRun: unusable, held by another, or too new."""
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

    def secrets(self) -> Secrets:
        """The secrets of this directory, made when it is new. Raises CannotRun when they are gone or damaged."""
        if self._secrets.exists():
            try:
                return self._read_secrets()
            except (OSError, ValueError, TypeError, KeyError):
                raise CannotRun(f"{self._secrets} cannot be read: restore it from a backup.") from None
        if self.cluster.exists():
            raise CannotRun(
                f"{self._secrets} is gone, and the database beside it cannot be opened without it: restore it."
            )
        made = Secrets(
            administrator_password=secrets.token_hex(24),
            owner_password=secrets.token_hex(24),
            application_password=secrets.token_hex(24),
            auth_secret=secrets.token_hex(32),
            token_keys=f"k1:{secrets.token_hex(32)}",
            admin_password=secrets.token_urlsafe(15),
        )
        self.keep_secrets(made)
        return made

    def _read_secrets(self) -> Secrets:
        read = json.loads(self._secrets.read_text())
        if "owner_password" in read:
            return Secrets(**read)
        # An earlier release had one user for both: the owner. The services get a new one.
        read["owner_password"] = read["application_password"]
        made = Secrets(**{**read, "application_password": secrets.token_hex(24)})
        self.keep_secrets(made)
        return made

    def keep_secrets(self, made: Secrets) -> None:
        self._write(self._secrets, asdict(made))

    def write_credentials(self, content: Mapping[str, Any]) -> None:
        """What a person or a program needs to sign in; its presence says that Kinvite is ready."""
        self._write(self.credentials, content)

    def forget_credentials(self) -> None:
        self.credentials.unlink(missing_ok=True)

    def record(self, processes: Mapping[str, Identity | None]) -> None:
        """Note which processes belong to this run, for a next one that finds this one killed."""
        known = {name: asdict(identity) for name, identity in processes.items() if identity is not None}
        self._write(self._run, known)

    def leftovers(self) -> dict[str, Identity]:
        """The processes of the last run, alive or not."""
        try:
            noted = json.loads(self._run.read_text())
            return {name: Identity(**identity) for name, identity in noted.items()}
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
        """All of the new content or all of the old, whatever happens."""
        beside = file.with_name(file.name + ".new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
        beside.replace(file)
