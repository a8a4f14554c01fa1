"""How PostgreSQL finds rows among many: by an index, whenever the plan was made and whatever was known then."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import TextClause, text

from services.invitations.storage import bulk_items, bulk_pace, copies, last_messages, weeks
from services.invitations.storage import invitations as rows
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
    "invitations of parents": (text(f"{rows._BY_PARENTS} FOR UPDATE"), "uq_invitations_parent_id"),
    "invitations by id": (rows._BY_IDS, "pk_invitations"),
    "last messages": (last_messages._CLAIM, "pk_invitations"),
    "save last messages": (last_messages._SAVE._apart, "pk_invitations"),
    "save last messages alike": (last_messages._SAVE._alike, "pk_invitations"),
    "save weeks": (weeks._SAVE._apart, "pk_invitations"),
    "save weeks alike": (weeks._SAVE._alike, "pk_invitations"),
    "parents": (text(f"{copies._PARENTS} FOR UPDATE"), "pk_parents"),
    "save items": (bulk_items._SAVE_ITEMS._apart, "pk_bulk_items"),
    "save items alike": (bulk_items._SAVE_ITEMS._alike, "pk_bulk_items"),
    "outcomes of items": (bulk_items._TAKE_OUTCOMES._apart, "pk_bulk_items"),
    "outcomes of items alike": (bulk_items._TAKE_OUTCOMES._alike, "pk_bulk_items"),
}


async def _fill(driver: InvitationsDriver, count: int, *, analyse: bool) -> None:
    """A school with invitations of which none is due, and a run with items."""
    for fill in FILLS.values():
        await driver.sql(fill, school_id=driver.school_id, count=count)
    if analyse:
        for table in FILLS:
            await execute_as_owner(driver.database.url, f"ANALYZE invitations.{table}")


async def _plan(driver: InvitationsDriver, statement: TextClause, **parameters: Any) -> str:
    async with driver.database.transaction() as tx:
        await bulk_pace.claim_pacing(tx)
        values = {"now": tx.now, "limit": 500, **parameters}
        wanted = {name: value for name, value in values.items() if f":{name}" in statement.text}
        found = await tx.rows(text(f"EXPLAIN {statement.text}"), wanted)
    return "\n".join(line for (line,) in found)


async def _plan_for_any_values(driver: InvitationsDriver, statement: TextClause) -> str:
    """The plan that a connection keeps for all further executions of a statement."""
    names = list(dict.fromkeys(re.findall(r"(?<!:):(\w+)", statement.text)))
    numbered = re.sub(r"(?<!:):(\w+)", lambda found: f"${names.index(found[1]) + 1}", statement.text)
    async with driver.database.transaction() as tx:
        await tx.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
        driver = (await tx._connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(f"PREPARE planned AS {numbered}")
        found = await driver.fetch(f"EXPLAIN EXECUTE planned ({', '.join('NULL' for _ in names)})")
        await driver.execute("DEALLOCATE planned")
    return "\n".join(line for (line,) in found)


@pytest.mark.parametrize("analyse", [False, True], ids=["never analysed", "analysed"])
async def test_what_is_due_and_what_is_next_are_found_by_their_indexes(
    driver: InvitationsDriver, analyse: bool
) -> None:
    await _fill(driver, 20_000, analyse=analyse)
    found = {
        "ix_invitations_expires_at": text(weeks._CLAIM),
        "ix_invitations_next_reminder_at": rows._CLAIM_REMINDERS,
        "ix_invitations_send_at": rows._CLAIM_HELD,
        "pk_bulk_items": bulk_items._CLAIM_ITEMS,
    }
    for index, statement in found.items():
        # The second run is one that statistics have not seen.
        for bulk_id in (driver.school_id, uuid4()):
            plan = await _plan(driver, statement, bulk_id=bulk_id, after=bulk_items.FIRST)
            assert index in plan
            assert "Seq Scan" not in plan
            assert index != "pk_bulk_items" or "Sort" not in plan


async def test_the_next_expiry_is_found_in_its_index_alone(driver: InvitationsDriver) -> None:
    await _fill(driver, 20_000, analyse=True)
    plan = await _plan(driver, text(weeks._CLAIM))
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
