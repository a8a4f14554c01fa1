"""One school and its families; roster, notifier and signup are played by the test."""

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
from services.invitations.http.office import Office
from services.invitations.service.countdown import Countdown
from services.invitations.settings import Settings
from services.invitations.timers import Sweeps
from shared.contracts import invitations, notifier, roster, signup
from shared.contracts.envelope import Attributes, Received
from shared.contracts.message import Message, message_for
from shared.runtime.database import Database
from shared.runtime.messaging import Handler
from tests.support.apps import AUTH_SECRET, PUBLIC_URL, TOKEN_KEYS, bearer, suppose_nothing_revoked

M = TypeVar("M", bound=Message)
ParentFact = (
    roster.ParentAdded | roster.ParentRenamed | roster.ParentContactChanged | roster.ParentAccessChanged
)
LinkFact = invitations.VerificationRequested | invitations.InvitationIssued


def settings_for(database_url: str, **changes: Any) -> Settings:
    """Settings with short waits; `changes` by field name."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "kafka_bootstrap": "127.0.0.1:1",
        "public_url": PUBLIC_URL,
        "token_keys": TOKEN_KEYS,
        "auth_secret": AUTH_SECRET,
        "await_parent_seconds": 0.1,
        "preview_catch_up_seconds": 0.1,
        "catch_up_seconds": 0.0,
        "roster_patience_seconds": 0.0,
        "await_poll_milliseconds": 5,
    }
    return Settings(**{**values, **changes})


@dataclass(slots=True)
class Family:
    """A parent with one child, one e-mail address and perhaps a phone."""

    school_id: UUID
    parent_id: UUID = field(default_factory=uuid4)
    contact_id: UUID = field(default_factory=uuid4)
    student_id: UUID = field(default_factory=uuid4)
    address: str = ""
    verified: bool = False
    rights: roster.Rights = "full"
    phone: str = ""
    phone_id: UUID = field(default_factory=uuid4)

    def fact(self, kind: type[ParentFact] = roster.ParentAdded) -> Message:
        """The roster's fact about the parent as they are now."""
        mail = roster.Contact(
            contact_id=self.contact_id,
            kind="email",
            address=self.address,
            preferred=True,
            verified=self.verified,
        )
        phone = roster.Contact(contact_id=self.phone_id, kind="phone", address=self.phone, preferred=True)
        contacts = tuple(contact for contact in (mail, phone) if contact.address)
        return kind(
            parent_id=self.parent_id,
            parent=roster.ParentDetails(name="Ada Lovelace", contacts=contacts),
            children=(roster.ChildLink(student_id=self.student_id, rights=self.rights),),
        )


@dataclass(slots=True)
class Scene:
    """The service without its loops: facts are fed in, timers are turned by hand."""

    app: FastAPI
    client: httpx.AsyncClient
    handlers: Mapping[type[Message], Handler]
    school_id: UUID
    versions: Counter[str] = field(default_factory=Counter)
    roster_parents: int | None = None
    arrivals: Countdown = field(default_factory=Countdown)
    outcomes: Countdown = field(default_factory=Countdown)

    @property
    def office(self) -> Office:
        office: Office = self.app.state.office
        return office

    @property
    def database(self) -> Database:
        return self.office.database

    @property
    def root(self) -> str:
        return f"/invitations/v1/schools/{self.school_id}"

    async def count_parents(self, _: UUID) -> int | None:
        """The roster's answer; None: it is silent."""
        return self.roster_parents

    def sweeps(self) -> Sweeps:
        office = self.office
        return Sweeps(
            office.database, office.desk, office.settings, self.count_parents, self.arrivals, self.outcomes
        )

    async def feed(
        self, *messages: Message, version: int | None = None, school_id: UUID | None = None
    ) -> None:
        """Hand the messages, all of one type, to the consumer as one batch."""
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
        for countdown in (self.arrivals, self.outcomes):
            countdown.settle()

    async def emitted(self, kind: type[M]) -> list[M]:
        """What was put into the outbox, oldest first."""
        async with self.database.transaction() as tx:
            rows = await tx.rows("SELECT headers, data FROM outbox ORDER BY id")
        return [
            kind.model_validate_json(row.data)
            for row in rows
            if message_for(json.loads(row.headers)["ce_type"]) is kind
        ]

    async def sql(self, statement: str, **parameters: Any) -> Sequence[Any]:
        """Rows of a statement; a change gives none."""
        async with self.database.transaction() as tx:
            return await tx.rows(statement, parameters)

    async def open_school(self, **changes: Any) -> None:
        school = roster.School(name="Elm Grove", country="GB", language="en", timezone="Europe/London")
        fact = roster.SchoolRegistered(school_id=self.school_id, school=school.model_copy(update=changes))
        await self.feed(fact)

    async def family(self, **changes: Any) -> Family:
        """A parent who has arrived here."""
        made = Family(self.school_id, **{"address": f"{uuid4().hex}@example.org", **changes})
        await self.feed(made.fact())
        return made

    async def families(self, count: int) -> list[Family]:
        made = [Family(self.school_id, address=f"p{number}@example.org") for number in range(count)]
        await self.feed(*(one.fact() for one in made))
        return made

    async def invite(self, family: Family, **body: Any) -> httpx.Response:
        return await self.client.post(
            f"{self.root}/invitations", json={"parent_id": str(family.parent_id), **body}
        )

    async def show(self, family: Family) -> dict[str, Any]:
        answer = await self.client.get(f"{self.root}/invitations/{family.parent_id}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def link(self, family: Family) -> LinkFact:
        """The newest link fact of a family."""
        facts: list[LinkFact] = [
            *await self.emitted(invitations.VerificationRequested),
            *await self.emitted(invitations.InvitationIssued),
        ]
        return max(
            (fact for fact in facts if fact.parent_id == family.parent_id),
            key=lambda fact: (fact.generation, isinstance(fact, invitations.InvitationIssued)),
        )

    async def verify(self, family: Family, *, generation: int | None = None) -> UUID:
        """The parent presses the button; answers the submission's id."""
        fact = submission(signup.VerificationSubmitted, await self.link(family), generation)
        await self.feed(fact)
        return fact.submission_id

    async def join(
        self, family: Family, *, generation: int | None = None, at: datetime | None = None
    ) -> UUID:
        """The parent chooses a username; answers the submission's id."""
        fact = submission(signup.SignUpSubmitted, await self.link(family), generation, at)
        await self.feed(fact)
        return fact.submission_id

    async def answer_to(self, submission_id: UUID) -> str:
        """`accepted`, `verified`, or the reason of the refusal; exactly one of them."""
        found = [
            *(
                "accepted"
                for one in await self.emitted(invitations.InvitationAccepted)
                if one.submission_id == submission_id
            ),
            *(
                "verified"
                for one in await self.emitted(invitations.ContactVerified)
                if one.submission_id == submission_id
            ),
            *(
                one.reason
                for one in await self.emitted(invitations.InvitationRefused)
                if one.submission_id == submission_id
            ),
        ]
        assert len(found) == 1, found
        return found[0]

    async def invited(self, **changes: Any) -> Family:
        """A family whose invitation is out."""
        family = await self.family(**changes)
        assert (await self.invite(family)).status_code == 202
        if not family.verified:
            await self.verify(family)
        return family


Submitted = TypeVar("Submitted", signup.VerificationSubmitted, signup.SignUpSubmitted)


def submission(
    kind: type[Submitted], link: LinkFact, generation: int | None = None, at: datetime | None = None
) -> Submitted:
    """What signup says when a form was posted."""
    return kind(
        submission_id=uuid4(),
        invitation_id=link.invitation_id,
        generation=generation or link.generation,
        submitted_at=at or datetime.now(UTC),
    )


def outcome_of(command: notifier.SendMessage) -> dict[str, Any]:
    """The fields that every outcome of this command has."""
    names = ("message_id", "parent_id", "invitation_id", "generation", "channel", "template")
    return {name: getattr(command, name) for name in names}


@asynccontextmanager
async def scene(settings: Settings) -> AsyncIterator[Scene]:
    """The service over a fresh database, none of its loops running."""
    app = create_app(settings)
    suppose_nothing_revoked(app)
    arrivals, outcomes = Countdown(), Countdown()
    handlers = {
        kind: handler
        for one in subscriptions(app.state.office.desk, arrivals, outcomes)
        for kind, handler in one.handlers.items()
    }
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers=bearer()) as client:
        opened = Scene(app, client, handlers, uuid4(), arrivals=arrivals, outcomes=outcomes)
        app.state.office = replace(app.state.office, count_parents=opened.count_parents)
        async with opened.database:
            yield opened
