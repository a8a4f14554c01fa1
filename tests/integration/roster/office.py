"""What an office does with the roster, and what the roster says to others."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from shared.runtime.database import Database
from tests.support.waiting import eventually

SCHOOL = {
    "name": "Primarschule Seefeld",
    "country": "CH",
    "language": "de",
    "timezone": "Europe/Zurich",
    "credentials_mode": "self_service",
}
CLASSE365 = {
    "father_name": "Hans Muster",
    "mother_name": "Anna Muster",
    "parents_contact": "079 123 45 67",
    "parents_email": "muster@example.com",
}


@dataclass
class Fact:
    """A message in the outbox: its short type (`parent.added`), its data, its version and its lane."""

    type: str
    data: dict[str, Any]
    version: int
    lane: str


@dataclass
class Office:
    """One school, by HTTP."""

    client: httpx.AsyncClient
    database: Database
    school_id: str

    @classmethod
    async def of_new_school(cls, client: httpx.AsyncClient, database: Database, **settings: Any) -> "Office":
        answer = await client.post("/roster/v1/schools", json=SCHOOL | settings)
        assert answer.status_code == 201, answer.text
        return cls(client, database, answer.json()["school_id"])

    def path(self, rest: str) -> str:
        return f"/roster/v1/schools/{self.school_id}/{rest}"

    async def call(self, method: str, rest: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.client.request(method, self.path(rest), json=body, **options)

    async def add(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """A student who must be taken."""
        answer = await self.call("POST", "students", {"name": name, **fields})
        assert answer.status_code == 201, answer.text
        taken: dict[str, Any] = answer.json()
        return taken

    async def get(self, rest: str, **params: Any) -> Any:
        answer = await self.client.get(self.path(rest), params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def parents(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self.get("parents", limit=1000))["items"]
        return listed

    async def send(self, content: bytes, *, filename: str = "roster.csv", **fields: str) -> httpx.Response:
        """Upload a file."""
        return await self.client.post(self.path("imports"), files={"file": (filename, content)}, data=fields)

    async def imported(self, content: bytes, **fields: str) -> dict[str, Any]:
        """Upload a file and wait until the import rests."""
        answer = await self.send(content, **fields)
        assert answer.status_code == 202, answer.text
        return await self.rested(answer.json()["import_id"])

    async def rested(self, import_id: str) -> dict[str, Any]:
        async def look() -> dict[str, Any]:
            found: dict[str, Any] = await self.get(f"imports/{import_id}")
            assert found["state"] not in ("validating", "applying")
            return found

        return await eventually(look, within_seconds=60)

    async def facts(self, *types: str) -> list[Fact]:
        """What was emitted, in order; only these types where any is named."""
        async with self.database.transaction() as tx:
            rows = await tx.rows("SELECT headers, data, lane FROM outbox ORDER BY id")
        found = [self._fact(row.headers, row.data, row.lane) for row in rows]
        return [fact for fact in found if not types or fact.type in types]

    @staticmethod
    def _fact(headers: str, data: str, lane: str) -> Fact:
        attributes = json.loads(headers)
        short = attributes["ce_type"].removeprefix("roster.").removesuffix(".v1")
        return Fact(short, json.loads(data), int(attributes["ce_aggregateversion"]), lane)


def csv(*rows: Sequence[str], delimiter: str = ",") -> bytes:
    """A UTF-8 file without quoting, for cells that need none."""
    return "".join(delimiter.join(row) + "\r\n" for row in rows).encode()
