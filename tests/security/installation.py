"""The five services in this process on a real PostgreSQL, each with its routes; requests need no socket."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from unittest.mock import patch
from uuid import uuid4

import httpx

from tests.integration.tenancy.routes import SERVICES, VALUES, Operation, operations_of
from tests.support.apps import COMMON_ENVIRONMENT, PUBLIC_URL, assume_nothing_revoked
from tests.support.processes import free_port

# Whoever is not signed in gets these, and nothing else, with 200. A new public route is a decision: it is added here.
PUBLIC = frozenset(
    {
        "GET /healthz",
        "GET /readyz",
        "GET /admin/login",
        "GET /admin/office.css",
        "GET /admin/office.js",
        "GET /admin/icon.svg",
        "GET /login",
        "GET /join",
        "GET /verify",
        *(f"GET /{service}/{page}" for service in SERVICES for page in ("healthz", "readyz", "openapi.json")),
    }
)


@dataclass(frozen=True, slots=True)
class Installation:
    """Clients of the services by name, which follow no redirects, and the operations of each."""

    clients: dict[str, httpx.AsyncClient]
    operations: dict[str, list[Operation]]

    def each(self) -> Iterator[tuple[httpx.AsyncClient, Operation]]:
        """Yield every operation of every service with a client of the service."""
        for service, operations in self.operations.items():
            yield from ((self.clients[service], operation) for operation in operations)

    def each_quick(self) -> Iterator[tuple[httpx.AsyncClient, Operation]]:
        """Yield the operations that answer at once; the others wait two seconds for an id that nobody has yet."""
        yield from ((client, operation) for client, operation in self.each() if not _waits(operation))


# These look the school up first, and wait for one that they do not know yet.
SCHOOL_FIRST = frozenset(
    {
        "GET /invitations/v1/schools/{school_id}/invitations",
        "GET /invitations/v1/schools/{school_id}/bulk",
        "POST /invitations/v1/schools/{school_id}/bulk",
    }
)


def _waits(operation: Operation) -> bool:
    return (
        operation.name in SCHOOL_FIRST
        or "{token:path}" in operation.path
        or operation.path.endswith("/stream")
    )


@asynccontextmanager
async def running_installation(database_url: str) -> AsyncIterator[Installation]:
    """Run the routes of all services, without a broker: nothing of this is about messages."""
    variables = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
    }
    async with AsyncExitStack() as stack:
        clients, operations = {}, {}
        for service in SERVICES:
            with patch.dict(os.environ, variables):
                app = import_module(f"services.{service}.app").create_app(worker=False)
            assume_nothing_revoked(app)
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL)
            clients[service] = await stack.enter_async_context(client)
            operations[service] = operations_of(app)
        yield Installation(clients, operations)


def made_up_ids(operation: Operation) -> dict[str, str]:
    """Return ids that nothing has, for every parameter of the path and every name in bodies."""
    names = {*operation.parameters, "school_id", "student_id", "other_student_id", "parent_id", "invited_id"}
    names |= {"import_id", "bulk_id", "token_id", "staff_id", "sibling_group_id", "contact_id", "key"}
    return {name: str(uuid4()) for name in names} | VALUES
