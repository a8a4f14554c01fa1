"""Driver of the invitations service in tests, which play the roster, the notifier and signup."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from services.invitations.app import create_app
from services.invitations.consumers import subscriptions
from services.invitations.http.context import Context
from services.invitations.schedule import ScheduledTasks
from services.invitations.settings import Settings
from services.invitations.use_cases.threshold_wakeup import ThresholdWakeup
from shared.contracts import invitations, roster, signup
from shared.contracts.envelope import Attributes, Received
from shared.contracts.message import Message, message_for
from shared.runtime.database import Database
from shared.runtime.messaging import Handler
from tests.integration.invitations.builders import LinkEvent, ParentRecord, submission
from tests.support.apps import PUBLIC_URL, assume_nothing_revoked, bearer

M = TypeVar("M", bound=Message)


@dataclass(slots=True)
class InvitationsDriver:
    """Service without its loops: events are consumed and scheduled tasks are run when the test calls for it."""

    app: FastAPI
    client: httpx.AsyncClient
    handlers: Mapping[type[Message], Handler]
    school_id: UUID
    versions: Counter[str] = field(default_factory=Counter)
    roster_parents: int | None = None
    """Number of parents that the roster returns; None: it does not answer."""
    arrivals: ThresholdWakeup = field(default_factory=ThresholdWakeup)
    reports: ThresholdWakeup = field(default_factory=ThresholdWakeup)

    @property
    def context(self) -> Context:
        """Context of the routes."""
        context: Context = self.app.state.context
        return context

    @property
    def database(self) -> Database:
        """Database of the service."""
        return self.context.database

    @property
    def root(self) -> str:
        """Root of the school's paths."""
        return f"/invitations/v1/schools/{self.school_id}"

    async def count_parents(self, _: UUID) -> int | None:
        """Return the roster's number of parents."""
        return self.roster_parents

    def tasks(self, **changes: Any) -> ScheduledTasks:
        """Return the scheduled tasks of a worker; `changes` to its settings by field name."""
        context = self.context
        settings = context.settings.model_copy(update=changes)
        return ScheduledTasks(
            context.database, context.policy, settings, self.count_parents, self.arrivals, self.reports
        )

    async def consume(
        self, *messages: Message, version: int | None = None, school_id: UUID | None = None
    ) -> None:
        """Consume the messages, all of one type, as one batch."""
        batch = []
        for message in messages:
            self.versions[message.key] += 1
            attributes = Attributes(
                id=str(uuid4()),
                source="/kinvite/test",
                type=message.contract.type,
                subject=message.key,
                school_id=school_id or self.school_id,
                version=self.versions[message.key] if version is None else version,
                time=datetime.now(UTC),
                actor="office",
            )
            batch.append(Received(message, attributes))
        async with self.database.transaction() as tx:
            await self.handlers[type(messages[0])](tx, batch)
        for wakeup in (self.arrivals, self.reports):
            wakeup.count_committed()

    async def emitted(self, kind: type[M]) -> list[M]:
        """Return the messages of a type in the outbox, oldest first."""
        async with self.database.transaction() as tx:
            rows = await tx.rows("SELECT headers, data FROM outbox ORDER BY id")
        return [
            kind.model_validate_json(row.data)
            for row in rows
            if message_for(json.loads(row.headers)["ce_type"]) is kind
        ]

    async def sql(self, statement: str, **parameters: Any) -> Sequence[Any]:
        """Execute a statement and return its rows."""
        async with self.database.transaction() as tx:
            return await tx.rows(statement, parameters)

    async def register_school(self, **changes: Any) -> None:
        """Register the driver's school; `changes` to its settings by field name."""
        school = roster.School(name="Elm Grove", country="GB", language="en", timezone="Europe/London")
        registered = roster.SchoolRegistered(
            school_id=self.school_id, school=school.model_copy(update=changes)
        )
        await self.consume(registered)

    async def add_parent(self, **changes: Any) -> ParentRecord:
        """Add a parent; `changes` to the record by field name."""
        record = ParentRecord(self.school_id, **{"address": f"{uuid4().hex}@example.org", **changes})
        await self.consume(record.event())
        return record

    async def add_parents(self, count: int) -> list[ParentRecord]:
        """Add parents in one batch."""
        records = [ParentRecord(self.school_id, address=f"p{number}@example.org") for number in range(count)]
        await self.consume(*(record.event() for record in records))
        return records

    async def add_invited_parent(self, **changes: Any) -> ParentRecord:
        """Add a parent whose address is verified and whose invitation was sent."""
        record = await self.add_parent(**changes)
        assert (await self.invite(record)).status_code == 202
        if not record.verified:
            await self.verify(record)
        return record

    async def invite(self, record: ParentRecord, **body: Any) -> httpx.Response:
        """Invite the parent through the API."""
        return await self.client.post(
            f"{self.root}/invitations", json={"parent_id": str(record.parent_id), **body}
        )

    async def show(self, record: ParentRecord) -> dict[str, Any]:
        """Return the parent's invitation from the API."""
        response = await self.client.get(f"{self.root}/invitations/{record.parent_id}")
        assert response.status_code == 200, response.text
        shown: dict[str, Any] = response.json()
        return shown

    async def newest_link(self, record: ParentRecord) -> LinkEvent:
        """Return the newest event with a link of the parent."""
        events: list[LinkEvent] = [
            *await self.emitted(invitations.VerificationRequested),
            *await self.emitted(invitations.InvitationIssued),
        ]
        return max(
            (event for event in events if event.parent_id == record.parent_id),
            key=lambda event: (event.generation, isinstance(event, invitations.InvitationIssued)),
        )

    async def verify(self, record: ParentRecord, *, generation: int | None = None) -> UUID:
        """Submit the verification on the parent's newest link, and return the id of the submission."""
        event = submission(signup.VerificationSubmitted, await self.newest_link(record), generation)
        await self.consume(event)
        return event.submission_id

    async def sign_up(
        self, record: ParentRecord, *, generation: int | None = None, at: datetime | None = None
    ) -> UUID:
        """Submit a sign-up on the parent's newest link, and return the id of the submission."""
        event = submission(signup.SignUpSubmitted, await self.newest_link(record), generation, at)
        await self.consume(event)
        return event.submission_id

    async def activate_account(self, record: ParentRecord, at: datetime | None = None) -> None:
        """Let signup report the parent's account as active, since `at` (now)."""
        link = await self.newest_link(record)
        event = signup.SignedUp(
            account_id=link.message_id,
            parent_id=record.parent_id,
            invitation_id=link.invitation_id,
            signed_up_at=at or datetime.now(UTC),
        )
        await self.consume(event)

    async def answer_to(self, submission_id: UUID) -> str:
        """Return the only answer to a submission: `accepted`, `verified`, or the reason of the refusal."""
        answers: dict[str, Sequence[invitations.InvitationAccepted | invitations.ContactVerified]] = {
            "accepted": await self.emitted(invitations.InvitationAccepted),
            "verified": await self.emitted(invitations.ContactVerified),
        }
        matches = [
            answer
            for answer, events in answers.items()
            for event in events
            if event.submission_id == submission_id
        ]
        matches += [
            event.reason
            for event in await self.emitted(invitations.InvitationRefused)
            if event.submission_id == submission_id
        ]
        assert len(matches) == 1, matches
        return matches[0]


@asynccontextmanager
async def open_driver(settings: Settings) -> AsyncIterator[InvitationsDriver]:
    """Run the service on a fresh database, without its loops."""
    app = create_app(settings)
    assume_nothing_revoked(app)
    arrivals, reports = ThresholdWakeup(), ThresholdWakeup()
    handlers = {
        kind: handler
        for subscription in subscriptions(app.state.context.policy, arrivals, reports)
        for kind, handler in subscription.handlers.items()
    }
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers=bearer()) as client:
        driver = InvitationsDriver(app, client, handlers, uuid4(), arrivals=arrivals, reports=reports)
        app.state.context = replace(app.state.context, count_parents=driver.count_parents)
        async with driver.database:
            yield driver
