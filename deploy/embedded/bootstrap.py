"""Installer: creates the virtual environment from the lock files and starts Kinvite in it.

python3 deploy/embedded/bootstrap.py                         install what is missing, then run
python3 deploy/embedded/bootstrap.py --only-install [--dev]  install what is missing (--dev: also the test tools)
python3 deploy/embedded/bootstrap.py --demo [options]        install, then run the demo (options: --help)

It uses the standard library only and the syntax of Python 3.8, so that an interpreter that is too old for Kinvite can
still report that in a sentence.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

MIN_PYTHON = (3, 11)
MAX_PYTHON_MINOR = 14
ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
COMMAND = VENV / "bin" / "kinvite"
COMMAND_TEXT = """#!/bin/sh
root=$(cd "$(dirname "$0")/../.." && pwd)
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$root/.venv/bin/python" -m deploy.cli "$@"
"""
NO_WHEEL = "No matching distribution found for "
_REASONS = {
    "Temporary failure in name resolution": "the package index cannot be reached: check the network and try again.",
    "Max retries exceeded": "the package index cannot be reached: check the network and try again.",
    "NewConnectionError": "the package index cannot be reached: check the network and try again.",
    "DO NOT MATCH THE HASHES": "a downloaded package is not the one that the lock names: try again.",
    "No space left on device": "the disk is full, so the installation stopped: make room and try again.",
}


class CannotInstall(Exception):
    """Failed installation. The text is one plain sentence with cause and remedy."""


def main(arguments: list[str]) -> int:
    """Install and start Kinvite, which replaces this process. Return the exit status if it is not started."""
    demo = arguments[:1] == ["--demo"]
    options = set() if demo else set(arguments)
    unknown = options - {"--only-install", "--dev"}
    if unknown:
        return fail(f"unknown option {min(unknown)}: only --only-install, --dev and --demo are known.")
    try:
        ensure_supported_python(arguments)
        install(["requirements.lock", *(["requirements-dev.lock"] if "--dev" in options else [])])
    except CannotInstall as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename or VENV} cannot be used ({(error.strerror or 'unusable').lower()}).")
    except KeyboardInterrupt:
        return 130
    if demo:
        start("deploy.demo", arguments[1:])
    elif "--only-install" not in options:
        start("deploy.embedded", [])
    return 0


def ensure_supported_python(arguments: list[str]) -> None:
    """Replace this process with a newer Python of this machine if this one is too old. Raises CannotInstall."""
    if sys.version_info >= MIN_PYTHON:
        return
    for minor in range(MAX_PYTHON_MINOR, MIN_PYTHON[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, str(Path(__file__).resolve()), *arguments])  # noqa: S606
    raise CannotInstall(
        f"this is Python {platform.python_version()}, and Kinvite needs Python 3.11 or newer."
    )


def install(locks: list[str]) -> None:
    """Install the locked packages, unless the environment was made from the same locks. Raises CannotInstall."""
    for lock in locks:
        if not (ROOT / lock).exists():
            raise CannotInstall(f"{lock} is missing from {ROOT}: get it from the repository again.")
    mutex = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        make_environment()
        for lock in locks:
            digest_file, current = VENV / f".{lock}.sha256", digest(ROOT / lock)
            if not digest_file.exists() or digest_file.read_text() != current:
                install_lock(lock)
                digest_file.write_text(current)
        write_command()
    finally:
        os.close(mutex)


def write_command() -> None:
    """Write the `kinvite` command into the environment's bin folder, for use within the repository."""
    if not COMMAND.exists() or COMMAND.read_text() != COMMAND_TEXT:
        new = COMMAND.with_name("kinvite.new")
        new.write_text(COMMAND_TEXT)
        new.chmod(0o755)
        new.replace(COMMAND)


def make_environment() -> None:
    """Create the virtual environment if it is missing or broken. Raises CannotInstall."""
    if is_usable(PYTHON):
        return
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        raise CannotInstall(
            "this Python has no module venv: install it (on Debian and Ubuntu: apt install python3-venv)."
        ) from None
    note("making the virtual environment .venv")
    try:
        venv.EnvBuilder(clear=VENV.is_dir(), with_pip=True, symlinks=True).create(VENV)
    except subprocess.CalledProcessError:
        raise CannotInstall(
            "this Python cannot make a virtual environment with pip: install one with its modules venv and ensurepip."
        ) from None


def install_lock(lock: str) -> None:
    """Install with pip, each file checked against its hash and wheels only, so that no compiler is needed.

    Raises CannotInstall.
    """
    note(f"installing from {lock}")
    if subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        subprocess.run([PYTHON, "-m", "ensurepip"], capture_output=True, check=False)
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    result = subprocess.run(
        [PYTHON, "-m", "pip", "install", *options, "-r", ROOT / lock],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise CannotInstall(explain_failure(result.stdout + result.stderr))


def explain_failure(output: str) -> str:
    """Return the reason in pip's output as one sentence."""
    for sign, reason in _REASONS.items():
        if sign in output:
            return reason
    if NO_WHEEL in output:
        package = output.split(NO_WHEEL, 1)[1].split(maxsplit=1)[0].partition("==")[0]
        machine = f"{platform.system()} on {platform.machine()} with Python {platform.python_version()}"
        return f"there is no ready-made {package} for this machine ({machine}): run Kinvite with Docker Compose here."
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    error = next(
        (line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "no reason given"
    )
    return f"the installation failed ({error})."


def start(module: str, options: list[str]) -> None:
    """Replace this process with the module. A relative KINVITE_DATA is resolved against the current directory first."""
    data = os.environ.get("KINVITE_DATA", "").strip()
    if data:
        os.environ["KINVITE_DATA"] = str(Path(data).expanduser().absolute())
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", module, *options])  # noqa: S606


def is_usable(python: Path) -> bool:
    """Return whether this Python runs, is new enough, and belongs to a virtual environment."""
    check = "import sys; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)"
    try:
        return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def digest(lock: Path) -> str:
    """Return a digest of the lock file and of the version of the environment's Python."""
    version = subprocess.check_output([PYTHON, "-c", "import sys; print(sys.version_info[:2])"])
    return hashlib.sha256(lock.read_bytes() + version).hexdigest()


def note(text: str) -> None:
    """Print a line on standard error."""
    sys.stderr.write(f"kinvite: {text}\n")
    sys.stderr.flush()


def fail(text: str) -> int:
    """Print the error and return the exit status 1."""
    note(text)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
