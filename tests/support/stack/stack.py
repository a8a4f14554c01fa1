"""Apache Kafka, PostgreSQL, the mailbox and replicas of every service, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from shared.runtime.migrations import migrate
from tests.support.apps import COMMON_ENVIRONMENT, PUBLIC_URL
from tests.support.brokers.base import RunningBroker
from tests.support.postgres import Cluster
from tests.support.processes import free_port
from tests.support.stack.mailbox import MailboxProcess
from tests.support.stack.part import Part

SERVICES = ("roster", "invitations", "notifier", "signup", "dashboard")
_VERSIONS = Path(__file__).parents[3] / "services"
DATABASE = "kinvite"


class Stack:
    """Context manager inside which everything is ready. Its methods block.

    Database, broker and topics are the caller's to choose. `roles` are the processes of one replica of each service:
    `("both",)`, or `("api", "worker")` as compose has them. `settings` go to every service and come last.
    """

    def __init__(
        self,
        directory: Path,
        cluster: Cluster,
        broker: RunningBroker,
        *,
        replicas: int = 1,
        roles: Sequence[str] = ("both",),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.cluster = cluster
        self.broker = broker
        self._ports = {
            (service, role, number): free_port()
            for service in SERVICES
            for role in roles
            for number in range(replicas)
        }
        self._mailbox = MailboxProcess(
            directory=str(directory),
            smtp_port=free_port(),
            twilio_port=free_port(),
            http_port=free_port(),
            public_url=PUBLIC_URL,
            local_url=self._url("notifier"),
            account_sid=f"AC{secrets.token_hex(16)}",
            account_token=secrets.token_hex(16),
        )
        self._settings = dict(settings or {})
        self.mailbox = Part(
            "mailbox",
            self._mailbox.http_port,
            self._mailbox.command,
            directory / "mailbox.log",
            environment={},
            ready_path="/mailbox/v1/messages?limit=1",
        )
        self.services = {key: self._service(*key) for key in self._ports}

    def __enter__(self) -> Self:
        asyncio.run(self._migrate())
        self.make_topics()
        with ExitStack() as stack:
            for part in (self.mailbox, *self.services.values()):
                part.start()
                stack.callback(part.kill)
            self.wait_ready()
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def wait_ready(self) -> None:
        """Wait until every process is ready."""
        for part in (self.mailbox, *self.services.values()):
            part.wait_ready()

    def list_parts(self, service: str) -> list[Part]:
        """Return all processes of a service."""
        return [part for (name, _, _), part in self.services.items() if name == service]

    def list_api_parts(self, service: str) -> list[Part]:
        """Return the processes that serve the service's API."""
        return [
            part for (name, role, _), part in self.services.items() if name == service and role != "worker"
        ]

    def make_topics(self) -> None:
        """Create the topics that are missing, for example after a broker lost everything."""
        environment = {"KINVITE_KAFKA_BOOTSTRAP": self.broker.bootstrap}
        command = [sys.executable, "-m", "shared.runtime.messaging.broker.topics"]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables that every service gets."""
        return {
            **COMMON_ENVIRONMENT,
            "KINVITE_DATABASE_URL": self.cluster.url(DATABASE),
            "KINVITE_DATABASE_POOL_SIZE": "4",
            "KINVITE_KAFKA_BOOTSTRAP": self.broker.bootstrap,
            "KINVITE_CHANNELS": "email,sms,whatsapp",
            "KINVITE_LOG_LEVEL": "info",
            "INVITATIONS_ROSTER_URL": self._url("roster"),
            "DASHBOARD_SERVICES_URL": self._url("roster"),
            **self._mailbox.settings,
            **self._settings,
        }

    def _service(self, service: str, role: str, number: int) -> Part:
        name = f"{service}-{role}-{number}"
        port = self._ports[service, role, number]
        return Part(
            name,
            port,
            [sys.executable, "-m", "tests.support.stack.service", service, role],
            self.directory / f"{name}.log",
            environment={**self.environment, "KINVITE_HTTP_PORT": str(port)},
        )

    def _url(self, service: str) -> str:
        """Return the URL of the first replica that serves the API."""
        ports = [
            port for (name, role, _), port in self._ports.items() if name == service and role != "worker"
        ]
        return f"http://127.0.0.1:{ports[0]}"

    async def _migrate(self) -> None:
        for name in SERVICES:
            versions = _VERSIONS / name / "migrations" / "versions"
            owner_url = self.cluster.owner_url(DATABASE)
            await migrate(owner_url, name, versions, application_url=self.cluster.url(DATABASE))
