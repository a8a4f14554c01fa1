"""The Node peer: BullMQ + nodemailer + Redis, with one or two worker processes."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.peers.installing import installed, run
from bench.peers.peer import Peer, Program
from bench.unavailable import Unavailable

_SOURCES = Path(__file__).parent / "node_bullmq"
_OLDEST_NODE = 20


class NodeBullmq(Peer):
    """Peer with one web process and `workers` worker processes, each with many emails in flight."""

    def __init__(self, workers: int) -> None:
        super().__init__()
        self.name = f"node_bullmq_{workers}"
        self._workers = workers

    def prepare(self) -> None:
        """Install the packages and the application."""
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            raise Unavailable("node and npm are not both on PATH")
        self._node = node
        version = re.match(r"v(\d+)", run([node, "--version"]))
        if version is None or int(version.group(1)) < _OLDEST_NODE:
            raise Unavailable(f"node is older than {_OLDEST_NODE}")
        # Node searches for modules beside the program, so the program is copied beside them.
        self._home = installed("node_bullmq", _SOURCES / "package-lock.json", _install)
        for source in _SOURCES.glob("*.js"):
            shutil.copy(source, self._home)

    def pending(self) -> int:
        """Return the number of jobs that wait, are delayed after a failure, or are being sent."""
        lists = self._redis.count("LLEN bull:invitations:wait") + self._redis.count(
            "LLEN bull:invitations:active"
        )
        return lists + self._redis.count("ZCARD bull:invitations:delayed")

    def _migrate(self, environment: Mapping[str, str]) -> None:
        """Do nothing: the web process creates the tables."""

    def _programs(self) -> Sequence[Program]:
        production = {"NODE_ENV": "production"}
        web = Program("web", [self._node, str(self._home / "server.js")], production)
        worker = [self._node, str(self._home / "worker.js")]
        return [web, *(Program(f"worker-{n + 1}", worker, production) for n in range(self._workers))]


def _install(home: Path) -> None:
    for part in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(_SOURCES / part, home / part)
    run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--loglevel=error"],
        folder=home,
    )
