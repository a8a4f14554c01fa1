"""One compose project of its own: name, ports, secrets and volumes; other projects on the engine are left alone."""

import json
import os
import shutil
import signal
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.runtime.web.bearer_auth import ALL_RIGHTS
from tests.support.equipment import OFFLINE
from tests.support.processes import free_port

ROOT = Path(__file__).parents[3]
JOBS = ("migrate", "topics")
_IMAGE = "kinvite:compose-tests"
_GATEWAY_IMAGE = "kinvite-gateway:compose-tests"
_BASE_IMAGE = "python:3.11-slim-bookworm"
_ANSWER_SECONDS = 30
_PULL_SECONDS = 300
_BUILD_SECONDS = 900
_UP_SECONDS = 900


class NoEngine(Exception):
    """Compose cannot run here; the text says why."""


class Stack:
    """A project in `directory`. Settings that the tests need differ from a first try-out only in names and ports."""

    def __init__(self, directory: Path) -> None:
        self.port, self.mail_port = free_port(), free_port()
        self._settings = directory / "compose.env"
        self._environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"kinvite-tests-{os.getpid()}",
            "COMPOSE_PROGRESS": "plain",
            "KINVITE_PORT": str(self.port),
            "MAILPIT_PORT": str(self.mail_port),
            "KINVITE_IMAGE": _IMAGE,
            "KINVITE_GATEWAY_IMAGE": _GATEWAY_IMAGE,
        }
        subprocess.run(
            [ROOT / "deploy" / "compose" / "secrets.sh", self._settings], check=True, capture_output=True
        )

    def prepare(self) -> None:
        """Get and build the images. Raises NoEngine where that is not to be had; a build that fails is an error."""
        if shutil.which("docker") is None:
            raise NoEngine("there is no docker command")
        if _fails("docker", "info"):
            raise NoEngine("no Docker engine answers")
        if _fails("docker", "compose", "version"):
            raise NoEngine("docker has no compose command")
        named = json.loads(self.compose("config", "--format", "json"))["services"].values()
        for image in {
            _BASE_IMAGE,
            *(service["image"] for service in named if "kinvite" not in service["image"]),
        }:
            _get(image)
        if os.environ.get(OFFLINE) and any(_is_absent(image) for image in (_IMAGE, _GATEWAY_IMAGE)):
            raise NoEngine(f"{_IMAGE} is not built and {OFFLINE} is set")
        self.compose("build", seconds=_BUILD_SECONDS)

    def up(self) -> None:
        """Start, and wait until every part says that it is ready."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", str(_UP_SECONDS), seconds=_UP_SECONDS + 60)

    def down(self, *, volumes: bool = False) -> None:
        """End and remove all containers; the data only with `volumes`."""
        self.compose("down", *(["--volumes", "--remove-orphans"] if volumes else []), seconds=300)

    def compose(self, *arguments: str, seconds: float = 120, stdin: str | None = None) -> str:
        """What `docker compose …` prints. Raises AssertionError with its complaint."""
        done = self._run(*arguments, seconds=seconds, stdin=stdin)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def _run(
        self, *arguments: str, seconds: float = 120, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "compose", "--env-file", str(self._settings), *arguments],
            cwd=ROOT,
            env=self._environment,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def execute(self, service: str, *command: str) -> str:
        """What a command in a running container prints."""
        return self.compose("exec", "--no-TTY", service, *command)

    @cached_property
    def token(self) -> str:
        """For everything, made as docs/operations.md says."""
        rights = [word for right in sorted(ALL_RIGHTS) for word in ("--right", right)]
        made = self.execute("dashboard", "kinvite", "token", "mint", "compose-tests", *rights, "--json")
        return str(json.loads(made)["token"])

    def services(self) -> list[str]:
        """All that keeps running, without the jobs."""
        return [name for name in self.compose("config", "--services").split() if name not in JOBS]

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of the service's container."""
        container = self.compose("ps", "--all", "--quiet", service).strip()
        found = subprocess.run(["docker", "inspect", container], check=True, capture_output=True, timeout=60)
        return dict(json.loads(found.stdout)[0])

    def kill(self, service: str) -> None:
        """Kill -9 of every process in the container at once; the engine then starts it again by its policy.

        The command itself may be killed with the container before it can say that it is done.
        """
        done = self._run("exec", "--no-TTY", service, "sh", "-c", "kill -9 -1")
        assert done.returncode in (0, 128 + signal.SIGKILL), done.stderr[-3000:]

    def remove(self, container: str) -> None:
        """End a container that was started beside the project's own."""
        subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True, timeout=60)

    def logs(self) -> str:
        """What all containers have written, but for Mailpit, which is a mailbox to look into."""
        return self.compose(
            "logs", "--no-color", *(name for name in self.services() if name != "mailpit"), *JOBS
        )


def _get(image: str) -> None:
    if not _is_absent(image):
        return
    if os.environ.get(OFFLINE):
        raise NoEngine(f"the image {image} is not here and {OFFLINE} is set")
    if _fails("docker", "pull", "--quiet", image, seconds=_PULL_SECONDS):
        raise NoEngine(f"the image {image} is not here and cannot be pulled")


def _is_absent(image: str) -> bool:
    return _fails("docker", "image", "inspect", image)


def _fails(*command: str, seconds: float = _ANSWER_SECONDS) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=seconds, check=False).returncode != 0
    except subprocess.TimeoutExpired:
        return True
