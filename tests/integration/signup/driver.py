"""Driver of signup for tests: consumes events, and calls the pages over a real database.

The other services are played by the tests.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from services.signup.app import create_context
from services.signup.consumers import subscriptions
from services.signup.http import routers
from services.signup.http.errors import install_error_pages
from services.signup.settings import Settings
from shared.contracts import invitations, roster
from shared.contracts.envelope import Attributes, Received
from shared.contracts.message import Message, message_for
from shared.runtime.database import Database
from shared.runtime.messaging import Handler
from tests.integration.signup.builders import VALIDITY_PERIOD, ParentRecord, link_event, parent_event
from tests.support.apps import AUTH_SECRET, PUBLIC_URL, TOKEN_KEYS

PASSWORD = "four small green ships"
SCHOOL_NAME = "Elm Grove <Primary>"
HANDLERS: Mapping[type[Message], Handler] = {
    event_class: handler
    for subscription in subscriptions()
    for event_class, handler in subscription.handlers.items()
}


def settings_for(database_url: str, **changes: Any) -> Settings:
    """Return settings with short waits; `changes` by field name."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "kafka_bootstrap": "127.0.0.1:1",
        "public_url": PUBLIC_URL,
        "token_keys": TOKEN_KEYS,
        "auth_secret": AUTH_SECRET,
        "decision_wait_seconds": 0.0,
        "unknown_link_wait_seconds": 0.0,
    }
    return Settings(**{**values, **changes})


@dataclass(slots=True)
class SignupDriver:
    """The pages of signup over a database, and the handlers of its events. Events are of one school."""

    database: Database
    app: FastAPI
    client: httpx.AsyncClient
    school_id: UUID = field(default_factory=uuid4)
    versions: Counter[str] = field(default_factory=Counter)

    async def consume(self, *events: Message, version: int | None = None) -> None:
        """Consume each event in a transaction of its own."""
        for event in events:
            await self.consume_batch(event, version=version)

    async def consume_batch(self, *events: Message, version: int | None = None) -> None:
        """Consume events of one type in one batch. Each has its aggregate's next version, unless one is given."""
        handler = HANDLERS[type(events[0])]
        batch = [self._receive(event, version) for event in events]
        async with self.database.transaction() as tx:
            await handler(tx, batch)

    def _receive(self, event: Message, version: int | None) -> Received[Message]:
        self.versions[event.key] += 1
        attributes = Attributes(
            id=str(uuid4()),
            source="/kinvite/test",
            type=event.contract.type,
            subject=event.key,
            school_id=self.school_id,
            version=version or self.versions[event.key],
            time=datetime.now(UTC),
        )
        return Received(event, attributes)

    async def list_emitted(self) -> list[Message]:
        """Return the events in the outbox of signup, oldest first."""
        events = []
        for row in await self.rows("SELECT headers, data FROM outbox ORDER BY id"):
            event_class = message_for(json.loads(row.headers)["ce_type"])
            assert event_class is not None
            events.append(event_class.model_validate_json(row.data))
        return events

    async def rows(self, statement: str) -> list[Any]:
        """Return rows of the tables of signup."""
        async with self.database.transaction() as tx:
            return list(await tx.rows(statement))

    async def age_submissions(self, *, minutes: int) -> None:
        """Make all submissions and their last messages that much older."""
        async with self.database.transaction() as tx:
            await tx.execute(
                "UPDATE submissions SET submitted_at = submitted_at - make_interval(mins => :minutes),"
                " asked_again_at = asked_again_at - make_interval(mins => :minutes)",
                {"minutes": minutes},
            )

    async def register_school(self, *, language: str = "en", name: str = SCHOOL_NAME) -> None:
        """Register the school."""
        school = roster.School(name=name, country="GB", language=language, timezone="Europe/London")
        await self.consume(roster.SchoolRegistered(school_id=self.school_id, school=school))

    async def add_parent(
        self, *, language: str | None = None, student_name: str = "Mia Example"
    ) -> ParentRecord:
        """Add a parent record with one student to the roster."""
        parent = ParentRecord(self.school_id)
        student = roster.StudentDetails(name=student_name, class_name="3b")
        link = roster.ChildLink(student_id=parent.student_id)
        await self.consume(
            roster.StudentAdded(student_id=parent.student_id, student=student),
            parent_event(roster.ParentAdded, parent, link, language=language),
        )
        return parent

    async def request_verification(
        self, parent: ParentRecord, *, lifetime: timedelta = VALIDITY_PERIOD
    ) -> str:
        """Send a verification link of a new generation. Returns the path of the link."""
        parent.generation += 1
        token = secrets.token_urlsafe(16)
        await self.consume(link_event(invitations.VerificationRequested, parent, token, lifetime))
        return f"/verify/{token}"

    async def invite(
        self,
        parent: ParentRecord,
        *,
        lifetime: timedelta = VALIDITY_PERIOD,
        again: bool = False,
        token: str | None = None,
    ) -> str:
        """Send an invitation link, of a new generation with `again`. Returns the path of the link."""
        parent.generation += 1 if again or parent.generation == 0 else 0
        token = token or secrets.token_urlsafe(16)
        await self.consume(link_event(invitations.InvitationIssued, parent, token, lifetime))
        return f"/join/{token}"

    async def accept(self, parent: ParentRecord, submission_id: UUID) -> None:
        """Consume the acceptance of the submission."""
        now = datetime.now(UTC)
        await self.consume(
            parent.event(invitations.InvitationAccepted, submission_id=submission_id, accepted_at=now)
        )

    async def sign_up(self, parent: ParentRecord, username: str) -> str:
        """Take a parent from the invitation to the account. Returns the path of the invitation link."""
        path = await self.invite(parent)
        await self.client.post(path, data={"username": username, "password": PASSWORD})
        await self.accept(parent, await self.last_submission_id())
        return path

    async def last_submission_id(self) -> UUID:
        """Return the submission of the newest event in the outbox."""
        submission_id: UUID = getattr((await self.list_emitted())[-1], "submission_id")  # noqa: B009
        return submission_id


@asynccontextmanager
async def open_driver(settings: Settings, *, address: str = "192.0.2.7") -> AsyncIterator[SignupDriver]:
    """Open the pages of signup, without relays and consumers, for a client of this address; register one school."""
    database = Database(settings.database_url, schema="signup")
    context = create_context(settings, database)
    async with database, context.passwords, context.decisions:
        app = FastAPI()
        app.state.context = context
        for router in routers():
            app.include_router(router)
        install_error_pages(app)
        transport = httpx.ASGITransport(app, client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            driver = SignupDriver(database, app, client)
            await driver.register_school()
            yield driver
