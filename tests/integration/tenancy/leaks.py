"""Detection of what a response reveals of the other school, and of changes to that school."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from shared.runtime.database import Database
from tests.integration.tenancy.routes import SERVICES
from tests.integration.tenancy.two_schools import SchoolUnderTest, TwoSchools


def find_leaks(answer: httpx.Response, two_schools: TwoSchools, *, echoes: bool = True) -> set[str]:
    """Return what the response contains of the other school.

    With `echoes`, values from the path, query or body of this very request may occur.
    """
    answers = (*answer.history, answer)
    body = "".join(response.text + str(response.headers) for response in answers)
    request = answers[0].request
    question = str(request.url) + request.read().decode(errors="replace") if echoes else ""
    return {secret for secret in two_schools.foreign.secrets() if secret in body and secret not in question}


async def digest_rows(two_schools: TwoSchools, school: SchoolUnderTest) -> dict[str, str]:
    """Return a digest of the school's rows in every table."""
    digests = {}
    for service in SERVICES:
        async with (
            Database(two_schools.database_url, schema=service) as database,
            database.transaction() as tx,
        ):
            for table in await _tables(tx, service):
                digest = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
                rows = await tx.scalar(f"{digest} WHERE school_id = :id", {"id": school.school_id})
                digests[f"{service}.{table}"] = rows
    async with (
        Database(two_schools.database_url, schema="dashboard") as database,
        database.transaction() as tx,
    ):
        for name, statement in _ROWS_WITHOUT_SCHOOL_ID.items():
            digests[name] = await tx.scalar(statement, {"id": school.school_id})
    return digests


_ROWS_WITHOUT_SCHOOL_ID = {
    "dashboard.access_tokens": """SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM access_tokens t
                                   WHERE CAST(:id AS uuid) = ANY (school_ids)""",
    "dashboard.staff": """SELECT md5(string_agg(s::text, '|' ORDER BY s::text)) FROM staff s
                           WHERE staff_id IN (SELECT staff_id FROM staff_roles WHERE school_id = :id)""",
}


async def _tables(tx: Any, service: str) -> Iterator[str]:
    rows = await tx.rows(
        """SELECT table_name FROM information_schema.columns
            WHERE table_schema = :service AND column_name = 'school_id' ORDER BY 1""",
        {"service": service},
    )
    return iter([row.table_name for row in rows])
