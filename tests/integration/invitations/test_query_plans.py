"""Query plans: rows are found by an index, however few rows and statistics there were when the plan was made."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import TextClause, text

from services.invitations.storage import bulk_items, bulk_runs, deliveries, expiry, invitations
from tests.integration.invitations.driver import InvitationsDriver
from tests.support.postgres import execute_as_owner

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
FILL_PARENTS = """
INSERT INTO parents (parent_id, school_id, version, name, contacts, students, has_access, removed)
SELECT gen_random_uuid(), :school_id, 1, 'Ada', '[]', '{}', true, false FROM generate_series(1, :count)
"""
FILLS = {"invitations": FILL, "bulk_items": FILL_ITEMS, "parents": FILL_PARENTS}
BATCH_STATEMENTS = {
    "invitations of parents": (invitations.CLAIM_BY_PARENTS, "uq_invitations_parent_id"),
    "invitations by id": (invitations.CLAIM_BY_IDS, "pk_invitations"),
    "last messages": (deliveries.CLAIM, "pk_invitations"),
    "save last messages": (deliveries.SAVE.bind([])[0], "pk_invitations"),
    "save expiries": (expiry.SAVE.bind([])[0], "pk_invitations"),
    "save items": (bulk_items.SAVE.bind([])[0], "pk_bulk_items"),
    "reports of items": (bulk_items.APPLY_REPORTS.bind([])[0], "pk_bulk_items"),
}


async def _fill(driver: InvitationsDriver, count: int, *, analyse: bool) -> None:
    """Insert invitations of which none is due, and a bulk run with items."""
    for fill in FILLS.values():
        await driver.sql(fill, school_id=driver.school_id, count=count)
    if analyse:
        for table in FILLS:
            await execute_as_owner(driver.database.url, f"ANALYZE invitations.{table}")


async def _plan(driver: InvitationsDriver, statement: TextClause, **parameters: Any) -> str:
    async with driver.database.transaction() as tx:
        await bulk_runs.lock_sending(tx)
        values = {"now": tx.now, "limit": 500, **parameters}
        wanted = {name: value for name, value in values.items() if f":{name}" in statement.text}
        rows = await tx.rows(text(f"EXPLAIN {statement.text}"), wanted)
    return "\n".join(line for (line,) in rows)


async def _plan_for_any_values(driver: InvitationsDriver, statement: TextClause) -> str:
    """Return the plan that a connection keeps for all further executions of a statement."""
    names = list(dict.fromkeys(re.findall(r"(?<!:):(\w+)", statement.text)))
    numbered = re.sub(r"(?<!:):(\w+)", lambda match: f"${names.index(match[1]) + 1}", statement.text)
    async with driver.database.transaction() as tx:
        await tx.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
        await tx.execute(f"PREPARE planned AS {numbered}")
        rows = await tx.rows(f"EXPLAIN EXECUTE planned ({', '.join('NULL' for _ in names)})")
        await tx.execute("DEALLOCATE planned")
    return "\n".join(line for (line,) in rows)


@pytest.mark.parametrize("analyse", [False, True], ids=["never analysed", "analysed"])
async def test_what_is_due_and_what_is_next_are_found_by_their_indexes(
    driver: InvitationsDriver, analyse: bool
) -> None:
    await _fill(driver, 20_000, analyse=analyse)
    statements = {
        "ix_invitations_expires_at": text(expiry.claim_due(500).statement),
        "ix_invitations_next_reminder_at": invitations.CLAIM_REMINDERS,
        "ix_invitations_send_at": invitations.CLAIM_DEFERRED,
        "pk_bulk_items": bulk_items.CLAIM_PENDING,
    }
    for index, statement in statements.items():
        # The second run is one that statistics have not seen.
        for bulk_id in (driver.school_id, uuid4()):
            plan = await _plan(driver, statement, bulk_id=bulk_id, after=bulk_items.FIRST)
            assert index in plan
            assert "Seq Scan" not in plan
            assert index != "pk_bulk_items" or "Sort" not in plan


async def test_the_next_expiry_is_found_in_its_index_alone(driver: InvitationsDriver) -> None:
    await _fill(driver, 20_000, analyse=True)
    plan = await _plan(driver, text(expiry.claim_due(500).statement))
    assert "Index Only Scan using ix_invitations_expires_at" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("count", [0, 100, 20_000])
async def test_a_batch_is_found_row_by_row_however_few_rows_there_were_when_it_was_planned(
    driver: InvitationsDriver, count: int
) -> None:
    if count:
        await _fill(driver, count, analyse=True)
    for name, (statement, index) in BATCH_STATEMENTS.items():
        plan = await _plan_for_any_values(driver, statement)
        assert index in plan, (name, plan)
        assert "Seq Scan" not in plan, (name, plan)
        assert "Hash Join" not in plan, (name, plan)
