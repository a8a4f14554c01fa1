"""Base of all peers: a web process, workers, Redis and PostgreSQL, and the interface that the rig uses."""

import contextlib
import http.client
import itertools
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.peers.redis import Redis
from tests.support.postgres import OWNER, Cluster
from tests.support.processes import Server, StartFailed, free_port, listens

_READY_SECONDS = 60.0
_ANSWER_SECONDS = 600.0
_WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Program:
    """Long-running process of a peer."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Peer(ABC):
    """Application that invites parents, with everything it needs, in processes of its own.

    Call `prepare` once, then `start`, any number of jobs, and `stop`; afterwards it can be started again, empty.
    """

    name: str

    def __init__(self) -> None:
        self._opened = contextlib.ExitStack()
        self._servers: dict[str, int] = {}
        self._port = 0
        self._numbers = itertools.count(1)

    @abstractmethod
    def prepare(self) -> None:
        """Install what is missing into the cache. Raises Unavailable."""

    @abstractmethod
    def pending(self) -> int:
        """Return how many emails are queued or being sent."""

    @abstractmethod
    def _migrate(self, environment: Mapping[str, str]) -> None:
        """Create the tables, where the web process does not do it itself."""

    @abstractmethod
    def _programs(self) -> Sequence[Program]:
        """Return the web process, which listens on `self._port`, and the workers."""

    def start(self, smtp_host: str, smtp_port: int, directory: Path) -> None:
        """Start everything with an empty database and queue, and send 50 emails, so that all connections are open.

        `directory` gets data and logs. Raises Unavailable without Redis, and StartFailed.
        """
        directory.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as opened:
            cluster = Cluster(directory, options=())  # PostgreSQL's own settings: fsync on
            opened.callback(cluster.stop)
            self._redis = opened.enter_context(Redis(directory / "redis"))
            self._servers = {"postgres": cluster.pid, "redis": self._redis.pid}
            self._port = free_port()
            environment = {
                "PEER_DB_HOST": "127.0.0.1",
                "PEER_DB_PORT": str(cluster.port),
                "PEER_DB_USER": OWNER,
                "PEER_DB_NAME": OWNER,
                "PEER_REDIS_PORT": str(self._redis.port),
                "PEER_SMTP_HOST": smtp_host,
                "PEER_SMTP_PORT": str(smtp_port),
                "PEER_HTTP_PORT": str(self._port),
            }
            self._migrate(environment)
            for program in self._programs():
                self._run(program, environment, directory, opened)
            self._warm_up()
            self._opened = opened.pop_all()

    def stop(self) -> None:
        """Stop every process."""
        self._opened.close()

    def bulk(self, csv: Path) -> None:
        """Upload a CSV with the columns father_name and parents_email; return when the upload was answered.

        By then every row is in the database and every email in the queue, and many emails have left already.
        """
        self._post("/imports", csv.read_bytes())

    def single(self, email: str, name: str) -> None:
        """Invite one parent; return when the request was answered."""
        self._post("/parents", json.dumps({"name": name, "email": email}).encode())

    def processes(self) -> Mapping[str, int]:
        """Return the pid of the root of each process tree by name: postgres, redis, web, worker-1 ..."""
        return dict(self._servers)

    def wait_until_idle(self, *, seconds: float = _READY_SECONDS) -> None:
        """Wait until no email is pending. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while left := self.pending():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: {left} mails are pending after {seconds} s")
            time.sleep(0.01)

    def _run(
        self, program: Program, environment: Mapping[str, str], directory: Path, opened: contextlib.ExitStack
    ) -> None:
        server = Server(
            program.command,
            directory / f"{program.name}.log",
            environment={**environment, **program.environment},
        )
        opened.callback(server.stop)
        self._servers[program.name] = server.pid
        if program.name == "web":
            server.wait_until(lambda: listens(self._port), seconds=_READY_SECONDS)

    def _warm_up(self) -> None:
        for _ in range(_WARM_UP):
            self.single(f"warm-up-{next(self._numbers)}@families.example", "Jo Roe")
        self.wait_until_idle()

    def _post(self, path: str, body: bytes) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_SECONDS)
        with contextlib.closing(connection):
            connection.request("POST", path, body)
            answer = connection.getresponse()
            text = answer.read()
        if answer.status != http.HTTPStatus.ACCEPTED:
            raise StartFailed(f"{self.name} answered {answer.status}: {text[:200]!r}")


def clean_environment() -> dict[str, str]:
    """Return our environment without the variables that would show a peer our own Python packages."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if name not in hidden}
