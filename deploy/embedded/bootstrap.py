"""Makes the virtual environment from the lock and starts Kinvite in it. Standard library only, for any Python 3.8+.

python3 deploy/embedded/bootstrap.py                         installs what is missing, then runs
python3 deploy/embedded/bootstrap.py --only-install [--dev]  installs what is missing (--dev: also what tests need)
python3 deploy/embedded/bootstrap.py --demo [options]        the same with the sample school (options: --help)

Older Pythons than ours read it too, so that they can say in a sentence that they are too old.
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

OLDEST_PYTHON = (3, 11)
NEWEST_MINOR = 14
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
    """Its text is one sentence in plain words."""


def main(arguments: list[str]) -> int:
    """The exit status of an installation; starting Kinvite replaces this process."""
    demo = arguments[:1] == ["--demo"]
    options = set() if demo else set(arguments)
    unknown = options - {"--only-install", "--dev"}
    if unknown:
        return fail(f"unknown option {min(unknown)}: only --only-install, --dev and --demo are known.")
    try:
        use_new_enough_python(arguments)
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


def use_new_enough_python(arguments: list[str]) -> None:
    """Go on in a newer Python of this machine when this one is too old."""
    if sys.version_info >= OLDEST_PYTHON:
        return
    for minor in range(NEWEST_MINOR, OLDEST_PYTHON[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, str(Path(__file__).resolve()), *arguments])  # noqa: S606
    raise CannotInstall(
        f"this is Python {platform.python_version()}, and Kinvite needs Python 3.11 or newer."
    )


def install(locks: list[str]) -> None:
    """Bring the environment to what the locks say; nothing to do when it was made from the same locks."""
    for lock in locks:
        if not (ROOT / lock).exists():
            raise CannotInstall(f"{lock} is missing from {ROOT}: get it from the repository again.")
    turn = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        make_environment()
        for lock in locks:
            stamp, wanted = VENV / f".{lock}.sha256", digest(ROOT / lock)
            if not stamp.exists() or stamp.read_text() != wanted:
                install_lock(lock)
                stamp.write_text(wanted)
        write_command()
    finally:
        os.close(turn)


def write_command() -> None:
    """The `kinvite` command beside the environment's Python, for whoever works in the repository."""
    if not COMMAND.exists() or COMMAND.read_text() != COMMAND_TEXT:
        beside = COMMAND.with_name("kinvite.new")
        beside.write_text(COMMAND_TEXT)
        beside.chmod(0o755)
        beside.replace(COMMAND)


def make_environment() -> None:
    """Make it anew when there is none, or when it is broken."""
    if works(PYTHON):
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
    """Install with pip, every file checked against the lock. Only ready-made wheels: nobody needs a compiler."""
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
    done = subprocess.run(
        [PYTHON, "-m", "pip", "install", *options, "-r", ROOT / lock],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CannotInstall(why_not_installed(done.stdout + done.stderr))


def why_not_installed(said: str) -> str:
    """One sentence from what pip said."""
    for sign, reason in _REASONS.items():
        if sign in said:
            return reason
    if NO_WHEEL in said:
        package = said.split(NO_WHEEL, 1)[1].split(maxsplit=1)[0].partition("==")[0]
        machine = f"{platform.system()} on {platform.machine()} with Python {platform.python_version()}"
        return f"there is no ready-made {package} for this machine ({machine}): run Kinvite with Docker Compose here."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    error = next(
        (line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "no reason given"
    )
    return f"the installation failed ({error})."


def start(module: str, options: list[str]) -> None:
    """Become Kinvite. A relative KINVITE_DATA is meant from where the person stands."""
    data = os.environ.get("KINVITE_DATA", "").strip()
    if data:
        os.environ["KINVITE_DATA"] = str(Path(data).expanduser().absolute())
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", module, *options])  # noqa: S606


def works(python: Path) -> bool:
    """Whether the environment's Python runs, is new enough, and is an environment's."""
    check = "import sys; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)"
    try:
        return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def digest(lock: Path) -> str:
    """Of the lock, and of the Python it is installed for."""
    version = subprocess.check_output([PYTHON, "-c", "import sys; print(sys.version_info[:2])"])
    return hashlib.sha256(lock.read_bytes() + version).hexdigest()


def note(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(f"kinvite: {text}\n")
    sys.stderr.flush()


def fail(text: str) -> int:
    """Say the one sentence."""
    note(text)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
