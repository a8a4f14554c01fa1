"""Redis, the queue of the peers: this machine's, or else from Debian's package."""

import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.debian import program
from tests.support.processes import Server, free_port

# Durability as usual for queues: what was acknowledged is on disk within a second (a kill loses nothing, a
# power cut up to that second). Snapshots are off, because they would only cost time.
_OPTIONS = {
    "bind": "127.0.0.1",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
}


class Redis:
    """Context manager over a Redis server with an empty data folder. Raises Unavailable."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._directory = directory
        self._server: Server | None = None

    def __enter__(self) -> Self:
        redis = program("redis-server", ["redis-server", "redis-tools"])
        self._directory.mkdir(parents=True, exist_ok=True)
        options = {**_OPTIONS, "port": str(self.port), "dir": str(self._directory)}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._server = Server(
            [str(redis.path), *arguments], self._directory / "redis.log", environment=redis.environment
        )
        self._server.wait_until(self._answers, seconds=20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.kill()

    @property
    def pid(self) -> int:
        """Return the pid, while the server runs."""
        assert self._server is not None, "Redis has not been started"
        return self._server.pid

    def count(self, command: str) -> int:
        """Run a command whose reply is a number, and return it. Raises ValueError for any other reply."""
        return int(self._call(command).removeprefix(":"))

    def _answers(self) -> bool:
        try:
            return self._call("PING") == "+PONG"
        except OSError:
            return False

    def _call(self, command: str) -> str:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(100).decode().strip()
