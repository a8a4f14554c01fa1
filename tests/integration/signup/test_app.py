"""The whole service on both brokers: the submission leaves, the decision arrives, the page shows it."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest

from services.signup.app import create_app
from services.signup.settings import Settings
from shared.contracts import invitations, roster
from shared.contracts.message import Message
from shared.runtime.core import load_settings
from shared.runtime.database import Database
from shared.runtime.messaging import Kafka, Lane, OutboxMessage, emit
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health
from tests.integration.signup.builders import ParentRecord, link_event
from tests.integration.signup.driver import PASSWORD
from tests.support.apps import running
from tests.support.waiting import eventually

NOW = "2026-03-02T12:00:00Z"


async def _publish(database: Database, school_id: UUID, *messages: Message, version: int = 1) -> None:
    async with database.transaction() as tx:
        await emit(tx, *(OutboxMessage(message, school_id, version) for message in messages))


async def _get_pending(database: Database) -> UUID:
    async with database.transaction() as tx:
        submission_id = await tx.scalar("SELECT submission_id FROM submissions WHERE state = 'pending'")
    assert isinstance(submission_id, UUID)
    return submission_id


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
    client: httpx.AsyncClient, roster_database: Database, invitations_database: Database, own: Database
) -> None:
    parent = ParentRecord(school_id=UUID(int=1), generation=1)
    child = roster.ChildLink(student_id=parent.student_id)
    await _publish(
        roster_database,
        parent.school_id,
        roster.StudentAdded(student_id=parent.student_id, student=roster.StudentDetails(name="Mia Example")),
        roster.ParentAdded(
            parent_id=parent.parent_id, parent=roster.ParentDetails(name="Ada"), children=(child,)
        ),
    )
    await _publish(
        invitations_database,
        parent.school_id,
        link_event(invitations.VerificationRequested, parent, "v-token"),
    )

    async def link_is_live() -> None:
        assert (await client.get("/verify/v-token")).status_code == 200

    await eventually(link_is_live, within_seconds=30)
    response = asyncio.create_task(client.post("/verify/v-token", follow_redirects=True))
    await eventually(lambda: _get_pending(own))
    verified = parent.event(invitations.ContactVerified, contact_id=parent.contact_id, verified_at=NOW)
    await _publish(invitations_database, parent.school_id, verified, version=2)
    assert "is confirmed" in (await response).text

    issued = link_event(invitations.InvitationIssued, parent, "j-token")
    await _publish(invitations_database, parent.school_id, issued, version=3)
    form = {"username": "ana.silva", "password": PASSWORD}
    response = asyncio.create_task(client.post("/join/j-token", data=form, follow_redirects=True))
    submission_id = await eventually(lambda: _get_pending(own))
    accepted = parent.event(invitations.InvitationAccepted, submission_id=submission_id, accepted_at=NOW)
    await _publish(invitations_database, parent.school_id, accepted, version=4)
    page = await response
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
