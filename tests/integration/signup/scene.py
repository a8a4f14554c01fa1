"""One school, its families and the parents' pages; the other services are played by the test."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from services.signup.consumers import INVITATIONS, ROSTER
from services.signup.http.account import account_routes
from services.signup.http.desk import Desk
from services.signup.http.errors import install
from services.signup.http.links import link_routes
from services.signup.http.pages import Pages
from services.signup.http.results import result_routes
from services.signup.service.decision_watch import DecisionWatch
from services.signup.service.passwords import Passwords
from services.signup.settings import Settings
from shared.contracts import invitations as facts
from shared.contracts import roster
from shared.contracts.envelope import Attributes, Received
from shared.contracts.message import Message, message_for
from shared.runtime.database import Database
from tests.support.apps import AUTH_SECRET, PUBLIC_URL, TOKEN_KEYS

WEEK = timedelta(days=7)
PASSWORD = "four small green ships"
SCHOOL_NAME = "Elm Grove <Primary>"


def settings_for(database_url: str, **changes: Any) -> Settings:
    """Settings with short waits; `changes` by field name."""
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
class Family:
    """A parent with one child, and the links of their invitation, newest last."""

    school_id: UUID
    parent_id: UUID = field(default_factory=uuid4)
    student_id: UUID = field(default_factory=uuid4)
    invitation_id: UUID = field(default_factory=uuid4)
    contact_id: UUID = field(default_factory=uuid4)
    generation: int = 0

    def fact(self, kind: type[Message], **more: Any) -> Message:
        """A fact about this family's invitation."""
        common = {
            "invitation_id": self.invitation_id,
            "parent_id": self.parent_id,
            "generation": self.generation,
        }
        return kind(**{**common, **more})


@dataclass(slots=True)
class Scene:
    """The pages over a database, and hands to feed them facts."""

    database: Database
    app: FastAPI
    client: httpx.AsyncClient
    school_id: UUID = field(default_factory=uuid4)
    versions: Counter[str] = field(default_factory=Counter)

    async def feed(self, *messages: Message, version: int | None = None) -> None:
        """Consume the messages in one transaction each."""
        for message in messages:
            await self.feed_batch(message, version=version)

    async def feed_batch(self, *messages: Message, version: int | None = None) -> None:
        """Consume messages of one type in one batch; each gets its aggregate's next version unless one is given."""
        handler = {**ROSTER, **INVITATIONS}[type(messages[0])]
        batch = [self._received(message, version) for message in messages]
        async with self.database.transaction() as transaction:
            await handler(transaction, batch)

    def _received(self, message: Message, version: int | None) -> Received[Message]:
        self.versions[message.key] += 1
        attributes = Attributes(
            id=str(uuid4()),
            source="/kinvite/test",
            type=message.contract.type,
            subject=message.key,
            school_id=self.school_id,
            version=version or self.versions[message.key],
            time=datetime.now(UTC),
        )
        return Received(message, attributes)

    async def emitted(self) -> list[Message]:
        """What signup has put into its outbox, oldest first."""
        found = []
        for row in await self.rows("SELECT headers, data FROM outbox ORDER BY id"):
            kind = message_for(json.loads(row.headers)["ce_type"])
            assert kind is not None
            found.append(kind.model_validate_json(row.data))
        return found

    async def rows(self, statement: str) -> list[Any]:
        """Rows of signup's tables."""
        async with self.database.transaction() as transaction:
            return list(await transaction.rows(statement))

    async def age_submissions(self, *, minutes: int) -> None:
        """As if all buttons had been pressed that much earlier, and asked about as much earlier."""
        async with self.database.transaction() as transaction:
            await transaction.execute(
                "UPDATE submissions SET submitted_at = submitted_at - make_interval(mins => :minutes),"
                " asked_again_at = asked_again_at - make_interval(mins => :minutes)",
                {"minutes": minutes},
            )

    async def open_school(self, *, language: str = "en", name: str = SCHOOL_NAME) -> None:
        """The school is registered."""
        school = roster.School(name=name, country="GB", language=language, timezone="Europe/London")
        await self.feed(roster.SchoolRegistered(school_id=self.school_id, school=school))

    async def family(self, *, language: str | None = None, child: str = "Mia Example") -> Family:
        """A family of the roster."""
        family = Family(self.school_id)
        details = roster.StudentDetails(name=child, class_name="3b")
        await self.feed(
            roster.StudentAdded(student_id=family.student_id, student=details),
            roster.ParentAdded(
                parent_id=family.parent_id,
                parent=roster.ParentDetails(name="Ada Example", language=language),
                children=(roster.ChildLink(student_id=family.student_id),),
            ),
        )
        return family

    async def ask_to_verify(self, family: Family, *, lives: timedelta = WEEK) -> str:
        """A new generation with a verification link; answers the link's path."""
        family.generation += 1
        token = secrets.token_urlsafe(16)
        await self.feed(link_fact(facts.VerificationRequested, family, token, lives))
        return f"/verify/{token}"

    async def invite(
        self, family: Family, *, lives: timedelta = WEEK, again: bool = False, token: str | None = None
    ) -> str:
        """The invitation proper, of a new generation with `again`; answers the link's path."""
        family.generation += 1 if again or family.generation == 0 else 0
        token = token or secrets.token_urlsafe(16)
        await self.feed(link_fact(facts.InvitationIssued, family, token, lives))
        return f"/join/{token}"

    async def accept(self, family: Family, submission_id: UUID) -> None:
        """Invitations accepts the submission."""
        now = datetime.now(UTC)
        await self.feed(family.fact(facts.InvitationAccepted, submission_id=submission_id, accepted_at=now))

    async def signed_up(self, family: Family, username: str) -> str:
        """Walk a family from its invitation to its account; answers the link's path."""
        path = await self.invite(family)
        await self.client.post(path, data={"username": username, "password": PASSWORD})
        await self.accept(family, await self.last_submission())
        return path

    async def last_submission(self) -> UUID:
        """The submission of the newest message of signup."""
        submission_id: UUID = getattr((await self.emitted())[-1], "submission_id")  # noqa: B009
        return submission_id


def link_fact(kind: type[Message], family: Family, token: str, lives: timedelta = WEEK) -> Message:
    """The fact that a link with this token is on its way."""
    return family.fact(
        kind,
        channel="email",
        contact_id=family.contact_id,
        message_id=uuid4(),
        token_digest=hashlib.sha256(token.encode()).hexdigest(),
        expires_at=datetime.now(UTC) + lives,
    )


@asynccontextmanager
async def scene(settings: Settings, *, address: str = "192.0.2.7") -> AsyncIterator[Scene]:
    """The pages of signup without its relays and consumers; one school is registered."""
    pages, database = Pages(), Database(settings.database_url, schema="signup")
    async with (
        database,
        Passwords(memory_kibibytes=19 * 1024, passes=2, threads=2) as passwords,
        DecisionWatch(database) as decisions,
    ):
        desk = Desk(settings, database, pages, passwords, decisions)
        app = FastAPI()
        for router in (link_routes(desk), result_routes(desk), account_routes(desk)):
            app.include_router(router)
        install(app, pages)
        transport = httpx.ASGITransport(app, client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            opened = Scene(database, app, client)
            await opened.open_school()
            yield opened
