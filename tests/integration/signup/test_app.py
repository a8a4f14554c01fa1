"""The whole service, on both brokers: the button's message leaves, the decision comes in, the page says so."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest

from services.signup.app import create_app
from services.signup.settings import Settings
from shared.contracts import invitations as facts
from shared.contracts import roster
from shared.contracts.message import Message
from shared.runtime.core import load_settings
from shared.runtime.database import Database
from shared.runtime.messaging import Kafka, Lane, OutboxMessage, emit
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health
from tests.integration.signup.scene import PASSWORD, Family, link_fact
from tests.support.apps import running
from tests.support.waiting import eventually

NOW = "2026-03-02T12:00:00Z"


async def _publish(database: Database, school_id: UUID, *messages: Message, version: int = 1) -> None:
    async with database.transaction() as transaction:
        await emit(transaction, *(OutboxMessage(message, school_id, version) for message in messages))


async def _submission(database: Database) -> UUID:
    async with database.transaction() as transaction:
        found = await transaction.scalar("SELECT submission_id FROM submissions WHERE state = 'pending'")
    assert isinstance(found, UUID)
    return found


async def test_p12_p13_p14_the_saga_over_the_broker(environment: dict[str, str]) -> None:
    settings = load_settings(Settings).model_copy(update={"decision_wait_seconds": 30.0})
    roster_database = Database(settings.database_url, schema="roster")
    invitations_database = Database(settings.database_url, schema="invitations")
    own = Database(settings.database_url, schema="signup")
    kafka = Kafka.from_settings(settings)
    await kafka.create_topics()
    async with roster_database, invitations_database, own, running(create_app(settings)) as client:
        relays = [
            asyncio.create_task(Relay(database, kafka, Lane.SINGLE, Health(), poll_milliseconds=20).run())
            for database in (roster_database, invitations_database)
        ]
        try:
            await _walk(client, roster_database, invitations_database, own)
        finally:
            for relay in relays:
                relay.cancel()
            await asyncio.gather(*relays, return_exceptions=True)


async def _walk(
    client: httpx.AsyncClient, roster_database: Database, invitations: Database, own: Database
) -> None:
    family = Family(school_id=UUID(int=1), generation=1)
    child = roster.ChildLink(student_id=family.student_id)
    await _publish(
        roster_database,
        family.school_id,
        roster.StudentAdded(student_id=family.student_id, student=roster.StudentDetails(name="Mia Example")),
        roster.ParentAdded(
            parent_id=family.parent_id, parent=roster.ParentDetails(name="Ada"), children=(child,)
        ),
    )
    await _publish(invitations, family.school_id, link_fact(facts.VerificationRequested, family, "v-token"))

    async def is_there() -> None:
        assert (await client.get("/verify/v-token")).status_code == 200

    await eventually(is_there, within_seconds=30)
    pressed = asyncio.create_task(client.post("/verify/v-token", follow_redirects=True))
    await eventually(lambda: _submission(own))
    verified = family.fact(facts.ContactVerified, contact_id=family.contact_id, verified_at=NOW)
    await _publish(invitations, family.school_id, verified, version=2)
    assert "is confirmed" in (await pressed).text

    issued = link_fact(facts.InvitationIssued, family, "j-token")
    await _publish(invitations, family.school_id, issued, version=3)
    form = {"username": "ana.silva", "password": PASSWORD}
    pressed = asyncio.create_task(client.post("/join/j-token", data=form, follow_redirects=True))
    submission_id = await eventually(lambda: _submission(own))
    accepted = family.fact(facts.InvitationAccepted, submission_id=submission_id, accepted_at=NOW)
    await _publish(invitations, family.school_id, accepted, version=4)
    page = await pressed
    assert "You are signed up" in page.text
    assert "Mia Example" in page.text


@pytest.mark.parametrize("path", ["/signup/healthz", "/healthz"])
async def test_health_is_answered_as_data_and_the_rest_as_pages(
    environment: dict[str, str], path: str
) -> None:
    async with running(create_app(load_settings(Settings), worker=False)) as client:
        assert (await client.get(path)).json()["service"] == "signup"
        missing = await client.get("/signup/nothing")
        assert missing.status_code == 404
        assert missing.headers["content-type"].startswith("text/html")
        huge = await client.post("/join/x", content=b"x" * 2_000_000)
        assert huge.status_code == 413
        assert huge.headers["content-type"].startswith("text/html")
