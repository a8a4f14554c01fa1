"""Query plans of the sender's statements: by index alone, whatever the statistics of the table are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import TextClause, text

from services.notifier.storage import messages
from shared.runtime.database import Database, create_engine, role_name
from tests.support.postgres import execute_as_owner

_FILL = """
INSERT INTO notifier.messages (message_id, school_id, parent_id, invitation_id, generation, channel, lane, template,
       address, name, language, school_name, timezone, token_key_id, expires_at, due_at, state, locked_until)
SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'email', 'bulk', 'verify',
       'a@example.org', 'A', 'en', 'S', 'UTC', 'k1', now() + interval '7 days', now() + interval '8 hours', state,
       CASE WHEN state = 'sending' THEN now() + interval '8 hours' END
  FROM (SELECT CASE WHEN number % 10 = 0 THEN 'sending' ELSE 'queued' END AS state
          FROM generate_series(1, :count) AS number) AS numbered
"""
_CLAIM = {"channel": "email", "lane": "bulk", "limit": 100, "lease_seconds": 20.0, "expired_only": False}
_MANY = 100
_STATEMENTS = {
    "insert": (messages.INSERT_MESSAGES.bind([])[0], None),
    "claim": (messages.CLAIM_DUE, "ix_messages_due"),
    "claim inserted": (messages.CLAIM_INSERTED, "pk_messages"),
    "renew": (messages.RENEW_LEASES, "pk_messages"),
    "change claimed": (messages.CHANGE_CLAIMED.bind([])[0], "pk_messages"),
    "change unclaimed": (messages.CHANGE_UNCLAIMED.bind([])[0], "pk_messages"),
}


@pytest.mark.parametrize("analysed", [False, True], ids=["never analysed", "analysed"])
async def test_a_poll_does_not_walk_over_what_is_deferred_or_in_flight(
    database: Database, analysed: bool
) -> None:
    async with database.transaction() as tx:
        await tx.execute(_FILL, {"count": 20_000})
    if analysed:
        await execute_as_owner(database.url, "ANALYZE notifier.messages")
    plan = await _explain(database, messages.CLAIM_DUE, _CLAIM)
    assert "Index Scan using ix_messages_due" in plan, plan
    assert "(due_at <= now())" in next(line for line in plan.splitlines() if "Index Cond" in line), plan
    assert "Rows Removed by Filter" not in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("analysed", [False, True], ids=["never analysed", "analysed"])
async def test_what_is_in_flight_is_found_by_its_id(database: Database, analysed: bool) -> None:
    async with database.transaction() as tx:
        await tx.execute(_FILL, {"count": 20_000})
    if analysed:
        await execute_as_owner(database.url, "ANALYZE notifier.messages")
    held = {"ids": [uuid4() for _ in range(_MANY)], "fences": [1] * _MANY, "lease_seconds": 20.0}
    plan = await _explain(database, messages.RENEW_LEASES, held)
    assert "Index Scan using pk_messages" in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("count", [0, 100, 20_000])
async def test_a_plan_goes_by_index_however_few_messages_there_were_when_it_was_made(
    database: Database, count: int
) -> None:
    """A plan made on an empty table is kept by its connection while thousands of rows are inserted."""
    if count:
        async with database.transaction() as tx:
            await tx.execute(_FILL, {"count": count})
        await execute_as_owner(database.url, "ANALYZE notifier.messages")
    async with _worker(database) as connection:
        for name, (statement, index) in _STATEMENTS.items():
            plan = await _generic_plan(connection, statement)
            assert index is None or index in plan, (name, plan)
            assert "Seq Scan" not in plan, (name, plan)
            # No index is walked as a whole.
            scans = re.findall(r"(?:using|Index Scan on) \w+_messages", plan)
            assert len(scans) == plan.count("Index Cond: "), (name, plan)


@asynccontextmanager
async def _worker(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Connect as the worker of the service does, with the plans that a connection keeps for all further executions."""
    engine = create_engine(database.url, schema=database.schema, role=role_name(database.schema, "worker"))
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute("SET plan_cache_mode = force_generic_plan")
        yield driver
    await engine.dispose()


async def _generic_plan(connection: asyncpg.Connection, statement: TextClause) -> str:
    """Return the plan of a statement for any parameters."""
    names = list(dict.fromkeys(re.findall(r"(?<!:):(\w+)", statement.text)))
    numbered = re.sub(r"(?<!:):(\w+)", lambda match: f"${names.index(match[1]) + 1}", statement.text)
    await connection.execute(f"PREPARE planned AS {numbered}")
    lines = await connection.fetch(f"EXPLAIN EXECUTE planned ({', '.join('NULL' for _ in names)})")
    await connection.execute("DEALLOCATE planned")
    return "\n".join(line for (line,) in lines)


async def _explain(database: Database, statement: TextClause, parameters: dict[str, Any]) -> str:
    async with database.transaction() as tx:
        rows = await tx.rows(text(f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {statement.text}"), parameters)
    return "\n".join(line for (line,) in rows)
