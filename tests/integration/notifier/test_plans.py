"""How PostgreSQL finds what a sender needs: by the index alone, whatever it has counted so far."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import TextClause, text

from services.notifier.storage import queue
from shared.runtime.database import Database
from tests.support.postgres import execute_as_owner

_FILL = """
INSERT INTO notifier.messages (message_id, school_id, parent_id, invitation_id, generation, channel, lane, template,
       address, name, language, school_name, timezone, token_key_id, expires_at, due_at, state, locked_until)
SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'email', 'bulk', 'verify',
       'a@example.org', 'A', 'en', 'S', 'UTC', 'k1', now() + interval '7 days', now() + interval '8 hours', state,
       CASE WHEN state = 'sending' THEN now() + interval '8 hours' END
  FROM (SELECT CASE WHEN number % 10 = 0 THEN 'sending' ELSE 'queued' END AS state
          FROM generate_series(1, 20000) AS number) AS numbered
"""
_CLAIM = {"channel": "email", "lane": "bulk", "limit": 100, "lease_seconds": 20.0, "expired_only": False}
_MANY = 100


@pytest.mark.parametrize("analysed", [False, True], ids=["never analysed", "analysed"])
async def test_a_look_does_not_walk_over_what_is_held_or_in_hand(database: Database, analysed: bool) -> None:
    async with database.transaction() as tx:
        await tx.execute(_FILL)
    if analysed:
        await execute_as_owner(database.url, "ANALYZE notifier.messages")
    plan = await _explained(database, queue._CLAIM, _CLAIM)
    assert "Index Scan using ix_messages_due" in plan, plan
    assert "(due_at <= now())" in next(line for line in plan.splitlines() if "Index Cond" in line), plan
    assert "Rows Removed by Filter" not in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("analysed", [False, True], ids=["never analysed", "analysed"])
async def test_what_is_in_hand_is_found_by_its_id(database: Database, analysed: bool) -> None:
    async with database.transaction() as tx:
        await tx.execute(_FILL)
    if analysed:
        await execute_as_owner(database.url, "ANALYZE notifier.messages")
    held = {"ids": [uuid4() for _ in range(_MANY)], "fences": [1] * _MANY, "lease_seconds": 20.0}
    plan = await _explained(database, queue._RENEW, held)
    assert "Index Scan using pk_messages" in plan, plan
    assert "Seq Scan" not in plan, plan


async def _explained(database: Database, statement: TextClause, parameters: dict[str, Any]) -> str:
    async with database.transaction() as tx:
        rows = await tx.rows(text(f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {statement.text}"), parameters)
    return "\n".join(line for (line,) in rows)
