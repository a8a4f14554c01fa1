"""The Django + Celery + Redis peer, with two worker processes."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.peers.installing import installed, run
from bench.peers.peer import Peer, Program, clean_environment

_SOURCES = Path(__file__).parent / "django_celery"
_SETTINGS = {"DJANGO_SETTINGS_MODULE": "invites.settings", "PYTHONPATH": str(_SOURCES)}
# Features that are usually turned off to run Celery on Redis fast.
_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING")


class DjangoCelery(Peer):
    """Peer with one gunicorn web process and Celery with `workers` prefork processes."""

    def __init__(self, workers: int = 2) -> None:
        super().__init__()
        self.name = f"django_celery_{workers}"
        self._workers = workers

    def prepare(self) -> None:
        """Install the packages and the application."""
        self._bin = installed("django_celery", _SOURCES / "requirements.lock", _install) / "venv" / "bin"

    def pending(self) -> int:
        """Return the number of tasks in the queue, reserved by a worker, or being sent."""
        return self._redis.count("LLEN celery") + self._redis.count("HLEN unacked")

    def _migrate(self, environment: Mapping[str, str]) -> None:
        command = [str(self._bin / "django-admin"), "migrate", "--verbosity=0"]
        run(command, environment={**clean_environment(), **environment, **_SETTINGS})

    def _programs(self) -> Sequence[Program]:
        web = [
            "gunicorn",
            "--workers=1",
            f"--bind=127.0.0.1:{self._port}",
            "--timeout=600",
            "--no-control-socket",
            "invites.wsgi",
        ]
        worker = ["celery", "--app=invites", "worker", f"--concurrency={self._workers}", *_QUIET]
        return [
            Program("web", [str(self._bin / web[0]), *web[1:]], _SETTINGS),
            Program("worker", [str(self._bin / worker[0]), *worker[1:]], _SETTINGS),
        ]


def _install(home: Path) -> None:
    environment = clean_environment()
    run([sys.executable, "-m", "venv", "--clear", str(home / "venv")], environment=environment)
    pip = [str(home / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    options = ["--require-hashes", "--only-binary", ":all:", "-r", str(_SOURCES / "requirements.lock")]
    run([*pip, *options], environment=environment)
