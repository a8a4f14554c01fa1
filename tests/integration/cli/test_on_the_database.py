"""The `kinvite` command on an installation's database: dead letters, the outbox, staff."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.main import app
from services.dashboard.service.staff import Attempt, SignedIn, sign_in
from shared.contracts.envelope import Attributes
from shared.contracts.roster import ParentAdded, ParentDetails
from shared.runtime.database import Database
from shared.runtime.messaging import OutboxMessage, emit
from shared.runtime.messaging.inbox.dead_letters import StoredRecord, write_dead_letter
from shared.runtime.messaging.inbox.decoding import DecodedRecord
from shared.runtime.messaging.inbox.dedup import dedup_id, record_and_filter
from tests.support.apps import COMMON_ENVIRONMENT

GROUP = "signup.on-roster"


@pytest.fixture
def installation(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings as an operator has them."""
    settings = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:9",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return database_url


async def kinvite(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


def _record() -> StoredRecord:
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


async def _park(url: str, record: StoredRecord) -> None:
    identity = ("/kinvite/roster", dict(record.headers)["ce_id"].decode())
    async with Database(url, schema="signup") as database, database.transaction() as transaction:
        await record_and_filter(transaction, GROUP, [dedup_id(*identity)])
        await write_dead_letter(
            transaction, GROUP, DecodedRecord(record, identity, None, None), "too_odd", "a test"
        )


async def test_i14_dead_letters_are_listed_shown_and_replayed_once(installation: str) -> None:
    await _park(installation, _record())
    listed = json.loads((await kinvite("dlq", "list", "--json")).stdout)
    assert [one["reason"] for one in listed] == ["too_odd"]
    letter = listed[0]["dead_letter_id"]
    shown = await kinvite("dlq", "show", letter)
    assert "Ada Example" in shown.output
    done = await kinvite("dlq", "replay", letter)
    assert done.exit_code == 0, done.output
    again = await kinvite("dlq", "replay", letter)
    assert again.exit_code == 1
    assert "not_found" in again.output
    assert json.loads((await kinvite("dlq", "list", "--json")).stdout) == []


async def test_a_dropped_dead_letter_is_gone_for_good_and_only_when_that_is_confirmed(
    installation: str,
) -> None:
    first, second = _record(), _record()
    for record in (first, second):
        await _park(installation, record)
    letters = [one["dead_letter_id"] for one in json.loads((await kinvite("dlq", "list", "--json")).stdout)]
    asked = await kinvite("dlq", "drop", "--all")
    assert asked.exit_code == 1, "nobody said yes"
    assert len(json.loads((await kinvite("dlq", "list", "--json")).stdout)) == 2
    done = await kinvite("dlq", "drop", letters[0], "--yes", "--json")
    assert [one["outcome"] for one in json.loads(done.stdout)] == ["dropped"]
    again = await kinvite("dlq", "drop", *letters, "--yes", "--json")
    assert again.exit_code == 1
    outcomes = {one["dead_letter_id"]: one["outcome"] for one in json.loads(again.stdout)}
    assert outcomes == {letters[0]: "not_found", letters[1]: "dropped"}
    async with Database(installation, schema="signup") as database, database.transaction() as transaction:
        passed = await transaction.scalar("SELECT count(*) FROM inbox")
    assert passed == 2, "whoever delivers the records again finds that they were passed"


async def test_sent_messages_are_published_again_by_time(installation: str) -> None:
    parent = ParentAdded(parent_id=uuid4(), parent=ParentDetails(name="Ada Example"))
    async with Database(installation, schema="roster") as database, database.transaction() as transaction:
        await emit(transaction, OutboxMessage(parent, uuid4(), 1))
        await transaction.execute("DELETE FROM outbox_pending")
    none = json.loads((await kinvite("outbox", "status", "--json")).stdout)
    assert sum(one["pending"] for one in none) == 0
    done = await kinvite("outbox", "republish", "--since", "1h", "--service", "roster", "--json")
    assert json.loads(done.stdout) == [{"service": "roster", "messages": 1}]
    waiting = json.loads((await kinvite("outbox", "status", "--json")).stdout)
    assert {one["service"]: one["pending"] for one in waiting}["roster"] == 1


async def test_staff_that_was_added_can_sign_in(installation: str) -> None:
    done = await kinvite("admin", "add", "office@hill.example", "--role", "front_desk", "--json")
    password = json.loads(done.stdout)["password"]
    async with Database(installation, schema="dashboard") as database:
        attempt = Attempt("office@hill.example", password, "127.0.0.1")
        found = await sign_in(database, attempt, timedelta(hours=1))
    assert isinstance(found, SignedIn)
    assert found.staff.roles == {None: "front_desk"}
