"""Driver of a running roster: one school over HTTP, and the events in its outbox."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from shared.runtime.database import Database
from tests.integration.roster.builders import SCHOOL
from tests.support.waiting import eventually


@dataclass
class EmittedEvent:
    """Message in the outbox: its short type (`parent.added`), data, version and priority lane."""

    type: str
    data: dict[str, Any]
    version: int
    lane: str

    @classmethod
    def from_row(cls, headers: str, data: str, lane: str) -> EmittedEvent:
        attributes = json.loads(headers)
        short_type = attributes["ce_type"].removeprefix("roster.").removesuffix(".v1")
        return cls(short_type, json.loads(data), int(attributes["ce_aggregateversion"]), lane)


@dataclass
class RosterDriver:
    """One school of a running roster."""

    client: httpx.AsyncClient
    database: Database
    school_id: str

    @classmethod
    async def with_new_school(
        cls, client: httpx.AsyncClient, database: Database, **settings: Any
    ) -> RosterDriver:
        response = await client.post("/roster/v1/schools", json=SCHOOL | settings)
        assert response.status_code == 201, response.text
        return cls(client, database, response.json()["school_id"])

    def path(self, rest: str) -> str:
        return f"/roster/v1/schools/{self.school_id}/{rest}"

    async def call(self, method: str, rest: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.client.request(method, self.path(rest), json=body, **options)

    async def get(self, rest: str, **params: Any) -> Any:
        """Return the body of a successful GET."""
        response = await self.client.get(self.path(rest), params=params)
        assert response.status_code == 200, response.text
        return response.json()

    async def add_student(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """Add a student that must be accepted."""
        response = await self.call("POST", "students", {"name": name, **fields})
        assert response.status_code == 201, response.text
        student: dict[str, Any] = response.json()
        return student

    async def list_parents(self) -> list[dict[str, Any]]:
        parents: list[dict[str, Any]] = (await self.get("parents", limit=1000))["items"]
        return parents

    async def upload(self, content: bytes, *, filename: str = "roster.csv", **fields: str) -> httpx.Response:
        return await self.client.post(self.path("imports"), files={"file": (filename, content)}, data=fields)

    async def import_file(self, content: bytes, **fields: str) -> dict[str, Any]:
        """Upload a file that must be accepted, and return its import when no worker is due any more."""
        response = await self.upload(content, **fields)
        assert response.status_code == 202, response.text
        return await self.wait_for_import(response.json()["import_id"])

    async def wait_for_import(self, import_id: str) -> dict[str, Any]:
        async def poll() -> dict[str, Any]:
            state: dict[str, Any] = await self.get(f"imports/{import_id}")
            assert state["state"] not in ("validating", "applying")
            return state

        return await eventually(poll, within_seconds=60)

    async def list_events(self, *types: str) -> list[EmittedEvent]:
        """Return the emitted events in order; with `types`, only those of these types."""
        async with self.database.transaction() as tx:
            rows = await tx.rows("SELECT headers, data, lane FROM outbox ORDER BY id")
        events = [EmittedEvent.from_row(row.headers, row.data, row.lane) for row in rows]
        return [event for event in events if not types or event.type in types]
