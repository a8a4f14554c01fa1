"""Equipment of the tests beyond Python packages (Chromium, Java with Kafka's jars, npm), fetched where possible."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.brokers.base import Unavailable
from tests.support.brokers.kafka import fetch_jars
from tests.support.locks import CACHE
from tests.support.processes import java

OFFLINE = "KINVITE_TESTS_OFFLINE"
_BROWSERS = CACHE / "browsers"
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_CHROMIUM_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_BUDGET_SECONDS = 420.0


def chromium() -> Path | None:
    """Return the browser of KINVITE_TESTS_CHROMIUM, or of this machine, or the one fetched for these tests."""
    given = os.environ.get("KINVITE_TESTS_CHROMIUM")
    if given:
        return Path(given)
    for name in _CHROMIUM_NAMES:
        path = shutil.which(name)
        if path:
            return Path(path)
    if _CHROMIUM_MAC.exists():
        return _CHROMIUM_MAC
    fetched = [path for path in _BROWSERS.glob("chromium-*/**/*") if path.name in ("chrome", "Chromium")]
    return next((path for path in fetched if path.is_file() and os.access(path, os.X_OK)), None)


@dataclass(frozen=True)
class _Part:
    name: str
    find: Callable[[], object]
    debian_packages: Sequence[str]


_PARTS = (
    _Part("Chromium", chromium, ("chromium", "fonts-dejavu-core")),
    _Part("Java", java, ("default-jre-headless",)),
    _Part("Maven", lambda: shutil.which("mvn"), ("maven",)),
    _Part("npm", lambda: shutil.which("npm"), ("npm",)),
)


def get_all() -> None:
    """Fetch and report what is missing. What cannot be had is no error: its tests are skipped with the reason."""
    if os.environ.get(OFFLINE):
        return
    until = time.monotonic() + _BUDGET_SECONDS
    missing = [part for part in _PARTS if not part.find()]
    if missing and sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get"):
        _from_debian(missing, until)
    if not chromium():
        _print("playwright: Chromium")
        environment = {"PLAYWRIGHT_BROWSERS_PATH": str(_BROWSERS)}
        _run([sys.executable, "-m", "playwright", "install", "chromium"], until, environment)
    if java() and not os.environ.get("KAFKA_BOOTSTRAP"):
        _fetch_kafka()
    for part in _PARTS:
        if not part.find():
            _print(f"{part.name} cannot be had here; the tests that need it are left out")


def _from_debian(missing: Sequence[_Part], until: float) -> None:
    _print(f"apt-get: {', '.join(part.name for part in missing)} ({OFFLINE}=1 to leave out)")
    if _run(["apt-get", "update", "-qq"], until):
        for part in missing:
            _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *part.debian_packages], until)


def _fetch_kafka() -> None:
    try:
        fetch_jars()
    except Unavailable as reason:
        _print(f"Apache Kafka from its jars cannot be had here: {reason}")


def _run(command: Sequence[str], until: float, environment: dict[str, str] | None = None) -> bool:
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", **(environment or {})}
    left = max(1.0, until - time.monotonic())
    try:
        subprocess.run(
            command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=left, env=variables
        )
    except (subprocess.SubprocessError, OSError) as error:
        _print(f"{' '.join(command[:2])} did not work ({type(error).__name__})")
        return False
    return True


def _print(text: str) -> None:
    sys.stderr.write(f"tests: {text}\n")
