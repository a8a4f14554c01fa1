"""Kinvite as compose runs it:

Apache Kafka, PostgreSQL with synchronous commits, and api and worker of every service.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.database import query_runner
from bench.school_api import SchoolApi
from bench.sink import Sink
from bench.unavailable import Unavailable
from tests.support.apps import bearer
from tests.support.brokers import base
from tests.support.brokers.kafka import KafkaFromJars, fetch_jars
from tests.support.postgres import Cluster
from tests.support.processes import java
from tests.support.stack import SERVICES, Stack

# As in docker-compose.yml.
_AS_COMPOSED = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Djava.awt.headless=true",
)
ROLES = ("api", "worker")


class Rig:
    """Context manager inside which everything is ready. Raises Unavailable where Kafka or the sink cannot be had."""

    def __init__(
        self, sink: Sink, *, settings: Mapping[str, str] | None = None, database_options: Sequence[str] = ()
    ) -> None:
        self.sink = sink
        self._settings = dict(settings or {})
        self._database_options = database_options
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="kinvite-bench-")))
            directory.chmod(0o755)
            self.cluster = Cluster(directory, self._database_options)
            undo.callback(self.cluster.stop)
            self.kafka = _kafka(directory)
            undo.callback(self.kafka.stop)
            settings = {
                "NOTIFIER_SMTP_URL": f"smtp://127.0.0.1:{self.sink.port}",
                "KINVITE_CHANNELS": "email",
                **self._settings,
            }
            self.stack = undo.enter_context(
                Stack(directory, self.cluster, self.kafka, roles=ROLES, settings=settings)
            )
            self.stack.mailbox.kill()  # every email goes to the sink
            self.rows = query_runner(self.cluster)
            urls = {name: self.stack.list_api_parts(name)[0].url for name in SERVICES}
            self.api = SchoolApi(urls, bearer())
            undo.callback(self.api.close)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    @property
    def processes(self) -> dict[str, int]:
        """Return the pid of the root of each part of Kinvite by name, without the sink."""
        services = {f"{name} {role}": part.pid for (name, role, _), part in self.stack.services.items()}
        return {**services, "kafka": self.kafka.pid, "postgres": self.cluster.pid}


def _kafka(directory: Path) -> KafkaFromJars:
    launcher = java()
    if launcher is None:
        raise Unavailable("Apache Kafka: no Java (a JRE 17 or newer)")
    try:
        jars = fetch_jars()
    except base.Unavailable as reason:
        raise Unavailable(f"Apache Kafka: {reason}") from None
    return KafkaFromJars(launcher, jars, directory, _AS_COMPOSED)
