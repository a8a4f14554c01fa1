"""The commands `kinvite dlq`, `kinvite outbox` and `kinvite admin add` on an installation's database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from services.dashboard.use_cases.sign_in import SignedIn, SignInAttempt, sign_in
from shared.contracts.envelope import Attributes
from shared.contracts.roster import ParentAdded, ParentDetails
from shared.runtime.database import Database, RowFailures
from shared.runtime.messaging import OutboxMessage, emit
from shared.runtime.messaging.inbox.dead_letters import StoredRecord, write_dead_letter
from shared.runtime.messaging.inbox.decoding import DecodedRecord
from shared.runtime.messaging.inbox.dedup import dedup_id, record_and_filter
from tests.integration.cli.driver import run_kinvite

GROUP = "signup.on-roster"


def _build_record() -> StoredRecord:
    parent = ParentAdded(parent_id=uuid4(), parent=ParentDetails(name="Ada Example"))
    headers = Attributes(
        id=str(uuid4()),
        source="/kinvite/roster",
        type=parent.contract.type,
        subject=parent.key,
        school_id=uuid4(),
        version=1,
        time=datetime.now(UTC),
        actor=None,
        traceparent=None,
    ).headers()
    return StoredRecord(
        "roster.parent", 0, 7, parent.key.encode(), parent.model_dump_json().encode(), list(headers)
    )


async def _insert_dead_letter(url: str, record: StoredRecord) -> None:
    identity = ("/kinvite/roster", dict(record.headers)["ce_id"].decode())
    async with Database(url, schema="signup") as database, database.transaction() as tx:
        await record_and_filter(tx, GROUP, [dedup_id(*identity)])
        await write_dead_letter(tx, GROUP, DecodedRecord(record, identity, None, None), "too_odd", "a test")


async def test_i14_dead_letters_are_listed_shown_and_replayed_once(installation: str) -> None:
    await _insert_dead_letter(installation, _build_record())
    listed = json.loads((await run_kinvite("dlq", "list", "--json")).stdout)
    assert [row["reason"] for row in listed] == ["too_odd"]
    dead_letter_id = listed[0]["dead_letter_id"]
    shown = await run_kinvite("dlq", "show", dead_letter_id)
    assert "Ada Example" in shown.output
    output = await run_kinvite("dlq", "replay", dead_letter_id)
    assert output.exit_code == 0, output.output
    again = await run_kinvite("dlq", "replay", dead_letter_id)
    assert again.exit_code == 1
    assert "not_found" in again.output
    assert json.loads((await run_kinvite("dlq", "list", "--json")).stdout) == []


async def test_a_dropped_dead_letter_is_gone_for_good_and_only_when_that_is_confirmed(
    installation: str,
) -> None:
    first, second = _build_record(), _build_record()
    for record in (first, second):
        await _insert_dead_letter(installation, record)
    ids = [row["dead_letter_id"] for row in json.loads((await run_kinvite("dlq", "list", "--json")).stdout)]
    unconfirmed = await run_kinvite("dlq", "drop", "--all")
    assert unconfirmed.exit_code == 1, "it was not confirmed"
    assert len(json.loads((await run_kinvite("dlq", "list", "--json")).stdout)) == 2
    output = await run_kinvite("dlq", "drop", ids[0], "--yes", "--json")
    assert [row["outcome"] for row in json.loads(output.stdout)] == ["dropped"]
    again = await run_kinvite("dlq", "drop", *ids, "--yes", "--json")
    assert again.exit_code == 1
    outcomes = {row["dead_letter_id"]: row["outcome"] for row in json.loads(again.stdout)}
    assert outcomes == {ids[0]: "not_found", ids[1]: "dropped"}
    async with Database(installation, schema="signup") as database, database.transaction() as tx:
        processed = await tx.scalar("SELECT count(*) FROM inbox")
    assert processed == 2, "a repeated delivery of the records is skipped"


async def test_rows_that_were_set_aside_are_listed_and_released(installation: str) -> None:
    row_id = uuid4()
    async with Database(installation, schema="roster") as database:
        failures = RowFailures(database, "imports")
        assert not await failures.record(row_id, ValueError("Ada Example"))
        assert json.loads((await run_kinvite("dlq", "rows", "--json")).stdout) == []
        assert await failures.record(row_id, ValueError("Ada Example"))
    output = await run_kinvite("dlq", "rows", "--json")
    [row] = json.loads(output.stdout)
    assert (row["service"], row["task"], row["row_id"]) == ("roster", "imports", str(row_id))
    assert (row["reason"], row["failures"]) == ("ValueError", 2)
    assert (await run_kinvite("dlq", "release", "roster", "imports", str(row_id))).exit_code == 0
    assert (await run_kinvite("dlq", "release", "roster", "imports", str(row_id))).exit_code != 0
    assert json.loads((await run_kinvite("dlq", "rows", "--json")).stdout) == []


async def test_sent_messages_are_published_again_by_time(installation: str) -> None:
    parent = ParentAdded(parent_id=uuid4(), parent=ParentDetails(name="Ada Example"))
    async with Database(installation, schema="roster") as database, database.transaction() as tx:
        await emit(tx, OutboxMessage(parent, uuid4(), 1))
        await tx.execute("DELETE FROM outbox_runs")
    before = json.loads((await run_kinvite("outbox", "status", "--json")).stdout)
    assert sum(row["pending"] for row in before) == 0
    output = await run_kinvite("outbox", "republish", "--since", "1h", "--service", "roster", "--json")
    assert json.loads(output.stdout) == [{"service": "roster", "messages": 1}]
    after = json.loads((await run_kinvite("outbox", "status", "--json")).stdout)
    assert {row["service"]: row["pending"] for row in after}["roster"] == 1


async def test_staff_that_was_added_can_sign_in(installation: str) -> None:
    output = await run_kinvite("admin", "add", "office@hill.example", "--role", "front_desk", "--json")
    password = json.loads(output.stdout)["password"]
    async with Database(installation, schema="dashboard") as database:
        attempt = SignInAttempt("office@hill.example", password, "127.0.0.1")
        result = await sign_in(database, attempt, timedelta(hours=1))
    assert isinstance(result, SignedIn)
    assert result.staff.roles == {None: "front_desk"}
