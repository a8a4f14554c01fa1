"""Test driver of the dashboard: delivers events to its consumers and uses its pages as signed-in staff."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from services.dashboard.consumers import subscriptions
from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.runtime.database import Database
from shared.runtime.messaging import Handler, group_preserving_order

HANDLERS: dict[type[Message], Handler] = {
    kind: handler for subscription in subscriptions() for kind, handler in subscription.handlers.items()
}


async def deliver(database: Database, events: Sequence[Received[Message]]) -> None:
    """Apply the events in one transaction, in batches of one type, as a consumer does."""
    async with database.transaction() as tx:
        for kind, batch in group_preserving_order(events):
            await HANDLERS[kind](tx, batch)


async def deliver_one_by_one(database: Database, events: Sequence[Received[Any]]) -> None:
    """Apply each event in a transaction of its own, in the order given."""
    for event in events:
        await deliver(database, [event])


@dataclass
class DashboardDriver:
    """Browser of a signed-in member of staff."""

    client: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        """Request a page."""
        return await self.client.get(path)

    async def post(self, path: str, *, on: str, **fields: str | list[str]) -> httpx.Response:
        """Post a form as the page `on` contains it: with that page's form token."""
        return await self.client.post(path, data={"form_token": await self.form_token(on), **fields})

    async def form_token(self, on: str) -> str:
        """Return the form token of a page."""
        token = re.search(r'name="form_token" value="(\w+)"', (await self.get(on)).text)
        assert token
        return token[1]


async def sign_in(client: httpx.AsyncClient, email: str, password: str) -> DashboardDriver:
    """Sign in with the login form."""
    response = await client.post("/admin/login", data={"email": email, "password": password})
    assert response.status_code == 303, response.text
    return DashboardDriver(client)
