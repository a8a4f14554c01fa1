"""I38: every route and every id, with the keys of another school. The services publish their routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from services.dashboard.http import ROUTERS
from shared.runtime.database import Database
from tests.integration.tenancy.town import PASSWORD, SchoolOfTown, Town, form_token, signed_in_staff

pytestmark = [pytest.mark.xdist_group("acceptance"), pytest.mark.slow]
_SERVICES = ("roster", "invitations", "notifier", "signup", "dashboard")
_METHODS = ("get", "post", "put", "patch", "delete")
# What a write needs to be understood; ids in it are the other school's.
_BODIES: dict[str, dict[str, Any]] = {
    "POST /roster/v1/schools": {"name": "A school of our own", "country": "DE"},
    "POST /roster/v1/schools/{school_id}/students/{student_id}/parents": {"name": "Eve", "invite": False},
    "POST /roster/v1/schools/{school_id}/siblings": {"student_ids": ["{student_id}", "{other_student_id}"]},
    "POST /invitations/v1/schools/{school_id}/invitations": {"parent_id": "{parent_id}"},
    "POST /invitations/v1/schools/{school_id}/bulk": {
        "select": {"parent_ids": ["{parent_id}"]},
        "channel": "email",
        "dry_run": True,
    },
}
_QUERIES = {"DELETE /roster/v1/schools/{school_id}/siblings": "?sibling_group_id={sibling_group_id}"}
_VALUES = {"control": "pause"}
# Nobody's route: an unknown parent is awaited and may come yet; a preview counts ids that it does not know.
_NOT_404 = {
    "POST /invitations/v1/schools/{school_id}/invitations": 409,
    "POST /invitations/v1/schools/{school_id}/bulk": 202,
}


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names_ids(self) -> bool:
        """Whether path, query or body name something inside a school."""
        inside = re.findall(r"\{(\w+)\}", self.path.replace("{school_id}", ""))
        return bool(inside) or self.name in _QUERIES or "_id}" in str(_BODIES.get(self.name, ""))

    async def send(self, client: httpx.AsyncClient, school_id: str, ids: dict[str, str]) -> httpx.Response:
        """The request with these ids, in this school's path."""
        values = {**_VALUES, **ids, "school_id": school_id}
        path = (self.path + _QUERIES.get(self.name, "")).format(**values)
        if path.endswith("/stream"):
            return await _first_of(client, path)
        if self.method in ("GET", "DELETE"):
            return await client.request(self.method, path)
        return await client.request(self.method, path, json=_filled(_BODIES.get(self.name, {}), values))


async def _first_of(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """The beginning of an answer that has no end."""
    async with client.stream("GET", path) as answer:
        text = await anext(answer.aiter_text(), "")
        return httpx.Response(answer.status_code, headers={"x-of": path}, text=text)


def _filled(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    return value.format(**values) if isinstance(value, str) else value


async def _operations(client: httpx.AsyncClient) -> list[Operation]:
    found = []
    for service in _SERVICES:
        answer = await client.get(f"/{service}/openapi.json")
        assert answer.status_code == 200, service
        for path, methods in answer.json()["paths"].items():
            found += [Operation(method.upper(), path) for method in methods if method in _METHODS]
    assert len(found) > 25
    return found


def _leaks(answer: httpx.Response, town: Town, sent: dict[str, str]) -> set[str]:
    """What of their school stands in the answer and was not in the question."""
    text = answer.text + str(answer.headers)
    return {secret for secret in town.theirs.secrets() if secret in text and secret not in sent.values()}


async def _rows_of(town: Town, school: SchoolOfTown) -> dict[str, str]:
    """A digest of every table's rows of a school."""
    found = {}
    for service in _SERVICES:
        async with Database(town.database_url, schema=service) as database, database.transaction() as tx:
            for table in await _tables(tx, service):
                digest = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
                rows = await tx.scalar(f"{digest} WHERE school_id = :id", {"id": school.school_id})
                found[f"{service}.{table}"] = rows
    return found


async def _tables(tx: Any, service: str) -> Iterator[str]:
    rows = await tx.rows(
        """SELECT table_name FROM information_schema.columns
            WHERE table_schema = :service AND column_name = 'school_id' ORDER BY 1""",
        {"service": service},
    )
    return iter([row.table_name for row in rows])


async def test_i38_no_route_of_the_api_knows_another_school(town: Town) -> None:
    before = await _rows_of(town, town.theirs)
    theirs = town.theirs.ids
    wrong: list[str] = []
    async with town.client(**town.token(town.ours)) as client:
        for operation in await _operations(client):
            if "{school_id}" not in operation.path:
                answer = await operation.send(client, "", {})
                leaks = _leaks(answer, town, {})
                if leaks or (operation.method != "GET" and answer.status_code not in (403, 404)):
                    wrong.append(f"{operation.name}: {answer.status_code} {leaks}")
                continue
            answer = await operation.send(client, town.theirs.school_id, theirs)
            if answer.status_code != 404 or _leaks(answer, town, theirs):
                wrong.append(f"{operation.name} in their school: {answer.status_code} {answer.text[:200]}")
            if operation.names_ids:
                answer = await operation.send(client, town.ours.school_id, theirs)
                expected = _NOT_404.get(operation.name, 404)
                if answer.status_code != expected or _leaks(answer, town, theirs):
                    wrong.append(f"{operation.name} in our school: {answer.status_code} {answer.text[:200]}")
            elif operation.method == "GET":
                answer = await operation.send(client, town.ours.school_id, {})
                if answer.status_code != 200 or _leaks(answer, town, {}):
                    wrong.append(f"{operation.name} of ours: {answer.status_code} {_leaks(answer, town, {})}")
    assert not wrong, "\n".join(wrong)
    assert await _rows_of(town, town.theirs) == before


async def test_i38_the_same_requests_work_for_the_school_itself(town: Town) -> None:
    """Otherwise the test above would be content with routes that never find anything."""
    found = []
    async with town.client(**town.token(town.theirs)) as client:
        for operation in await _operations(client):
            if operation.method == "GET" and "{school_id}" in operation.path:
                answer = await operation.send(client, town.theirs.school_id, town.theirs.ids)
                assert answer.status_code == 200, (
                    f"{operation.name}: {answer.status_code} {answer.text[:200]}"
                )
                found += [secret for secret in town.theirs.secrets() if secret in answer.text]
    assert set(found) >= town.theirs.secrets() - {town.theirs.ids["contact_id"]}


async def test_i38_searching_and_counting_find_nothing_of_another_school(town: Town) -> None:
    async with town.client(**town.token(town.ours)) as client:
        for path in (
            "/roster/v1/schools/{}/students",
            "/roster/v1/schools/{}/parents",
            "/dashboard/v1/schools/{}/parents",
        ):
            answer = await client.get(path.format(town.ours.school_id), params={"q": town.theirs.tag})
            assert answer.json() == {"items": [], "next": None}


async def test_i38_no_page_of_the_office_knows_another_school(town: Town) -> None:
    before = await _rows_of(town, town.theirs)
    theirs, wrong = town.theirs.ids, []
    async with signed_in_staff(town, town.ours) as browser:
        token = await form_token(browser)
        assert not _leaks(await browser.get("/admin/schools"), town, {})
        pages = list(_pages())
        assert len(pages) > 15
        fields = {"form_token": token, "channel": "email", "name": "Eve", "parent_ids": theirs["parent_id"]}
        for method, path in pages:
            for school in (town.theirs, town.ours):
                target = path.format(**{**_VALUES, **theirs, "school_id": school.school_id})
                answer = await (browser.get(target) if method == "GET" else browser.post(target, data=fields))
                if school is town.theirs:
                    refused = answer.status_code == 404
                else:  # a page of ours about something of theirs
                    refused = answer.status_code >= 400 or "_id}" not in path.replace("{school_id}", "")
                if not refused or _leaks(answer, town, theirs):
                    wrong.append(f"{method} {target}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert await _rows_of(town, town.theirs) == before


def _pages() -> Iterator[tuple[str, str]]:
    for router in ROUTERS:
        for route in router.routes:
            if (
                isinstance(route, APIRoute)
                and "{school_id}" in route.path
                and not route.path.startswith("/dashboard/")
            ):
                yield from ((method, route.path) for method in sorted(route.methods or ()))


async def test_i38_a_parents_account_shows_the_own_school_only(town: Town) -> None:
    async with town.client() as browser:
        form = {"username": f"{town.ours.tag}.parent", "password": PASSWORD}
        answer = await browser.post(
            "/login", data=form, headers={"origin": str(town.up.client.base_url).rstrip("/")}
        )
        assert answer.status_code == 303, answer.text[:500]
        account = await browser.get("/account")
        assert f"{town.ours.tag} First" in account.text
        assert town.theirs.tag not in account.text


async def test_i38_every_table_hides_the_rows_of_schools_that_nobody_named(town: Town) -> None:
    filled = 0
    for service in _SERVICES:
        async with Database(town.database_url, schema=service) as database:
            async with database.transaction() as tx:
                everything = {
                    table: await tx.scalar(f"SELECT count(*) FROM {table}") for table in await _apart(tx)
                }
            for table, count in everything.items():
                filled += count > 0
                assert await _count(database, table, []) == 0
                ours = await _count(database, table, [town.ours.ids["school_id"]])
                theirs = await _count(database, table, [town.theirs.ids["school_id"]])
                assert ours + theirs == count, f"{service}.{table}"
                assert (ours > 0) == (theirs > 0)
    assert filled > 20


async def _apart(tx: Any) -> list[str]:
    """The tables with row-level security that routes may read at all."""
    rows = await tx.rows(
        """SELECT relname FROM pg_class
            WHERE relnamespace = CAST(CAST(:schema AS text) AS regnamespace) AND relrowsecurity
              AND has_table_privilege(CAST(:schema AS text) || '_api', oid, 'SELECT')""",
        {"schema": tx.schema},
    )
    return [row.relname for row in rows]


async def _count(database: Database, table: str, schools: Any) -> int:
    async with database.transaction(schools=schools) as tx:
        return int(await tx.scalar(f"SELECT count(*) FROM {table}"))
