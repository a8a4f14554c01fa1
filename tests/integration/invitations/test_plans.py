"""How PostgreSQL finds due work among many rows: by an index, whether or not the table was ever analysed."""

from typing import Any

import pytest
from sqlalchemy import TextClause, text

from services.invitations.storage import bulk_items
from services.invitations.storage import invitations as rows
from tests.integration.invitations.scene import Scene
from tests.support.postgres import execute_as_owner

PENDING = 20_000
FILL = """
INSERT INTO invitations (invitation_id, school_id, parent_id, version, status, generation, purpose, channel,
                         contact_id, address_digest, token_key_id, token_digest, message_id, template, delivery,
                         first_invited_at, last_invited_at, expires_at, last_message_at, next_reminder_at, send_at)
SELECT gen_random_uuid(), :school_id, gen_random_uuid(), 1, 'awaiting_verification', 1, 'verify', 'email',
       gen_random_uuid(), '', 'k1', '', gen_random_uuid(), 'verify', 'sent', now(), now(), later, now(), later, later
  FROM generate_series(1, :count) AS number, LATERAL (SELECT now() + number * interval '1 minute' AS later) AS due
"""
FILL_ITEMS = """
INSERT INTO bulk_items (bulk_id, parent_id, school_id, state, message_id, has_outcome)
SELECT CAST(:school_id AS uuid), gen_random_uuid(), :school_id, state, gen_random_uuid(), state = 'messaged'
  FROM generate_series(1, :count) AS number,
       LATERAL (SELECT CASE WHEN number % 2 = 0 THEN 'messaged' ELSE 'pending' END AS state) AS given
"""


async def _plan(school: Scene, statement: TextClause, **parameters: Any) -> str:
    async with school.database.transaction() as tx:
        values = {"now": tx.now, "limit": 500, **parameters}
        wanted = {name: value for name, value in values.items() if f":{name}" in statement.text}
        found = await tx.rows(text(f"EXPLAIN {statement.text}"), wanted)
    return "\n".join(line for (line,) in found)


@pytest.fixture(params=[False, True], ids=["never analysed", "analysed"])
async def crowd(school: Scene, request: pytest.FixtureRequest) -> Scene:
    """A school with many invitations of which none is due, and a run with many items."""
    for fill in (FILL, FILL_ITEMS):
        await school.sql(fill, school_id=school.school_id, count=PENDING)
    if request.param:
        for table in ("invitations", "bulk_items"):
            await execute_as_owner(school.database.url, f"ANALYZE invitations.{table}")
    return school


async def test_what_is_due_and_what_is_next_are_found_by_their_indexes(crowd: Scene) -> None:
    found = {
        "ix_invitations_expires_at": rows._CLAIM_EXPIRED,
        "ix_invitations_next_reminder_at": rows._CLAIM_REMINDERS,
        "ix_invitations_send_at": rows._CLAIM_HELD,
        "ix_bulk_items_pending": bulk_items._CLAIM_ITEMS,
    }
    for index, statement in found.items():
        plan = await _plan(crowd, statement, bulk_id=crowd.school_id)
        assert index in plan
        assert "Seq Scan" not in plan
