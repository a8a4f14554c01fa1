"""Storage of signup in memory, for fast tests of the use cases.

`tests/integration/signup/test_memory_storage.py` runs one suite on this storage and on the real one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, cast
from uuid import UUID

import pytest

from services.signup.domain.accounts import NewAccount
from services.signup.domain.links import Link, Purpose, Refusal, Submission, SubmissionState
from services.signup.domain.replicas import Invitation, IssuedLink, Parent
from services.signup.storage import (
    accounts,
    failed_attempts,
    invitations,
    memberships,
    parents,
    results,
    submissions,
)
from shared.contracts.message import Message, message_for
from shared.contracts.values import RefusalReason
from shared.runtime.database import Database, Transaction

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class MemoryTransaction(Transaction):
    """Transaction at a fixed time, which takes nothing but emitted messages."""

    def __init__(self, now: datetime = NOW) -> None:
        database = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", schema="signup")
        super().__init__(database, cast("Any", None), cast("Any", None), now)
        self.emitted: list[Message] = []
        self.versions: list[int] = []

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Decode the messages of an INSERT into the outbox; any other statement is an error."""
        assert "INSERT INTO outbox " in str(statement), statement
        columns = [parameters[name].split(chr(31)) for name in ("headers", "data")]
        for encoded_headers, data in zip(*columns, strict=True):
            headers = json.loads(encoded_headers)
            event_class = message_for(headers["ce_type"])
            assert event_class is not None
            self.emitted.append(event_class.model_validate_json(data))
            self.versions.append(int(headers["ce_aggregateversion"]))


@dataclass(slots=True)
class MemoryInvitations:
    """Fake of `storage.invitations`."""

    saved: dict[UUID, Invitation] = field(default_factory=dict)
    links: dict[str, tuple[Purpose, IssuedLink]] = field(default_factory=dict)
    versions: defaultdict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    requested_at: dict[UUID, datetime] = field(default_factory=dict)

    async def save_invitations(self, _: Transaction, changed: Sequence[Invitation]) -> None:
        for invitation in changed:
            stored = self.saved.get(invitation.invitation_id)
            if stored is None or stored.version < invitation.version:
                self.saved[invitation.invitation_id] = invitation

    async def insert_links(self, _: Transaction, purpose: Purpose, links: Sequence[IssuedLink]) -> None:
        for link in links:
            self.links.setdefault(link.token_digest, (purpose, link))

    async def find_link(self, _: Transaction, purpose: Purpose, token_digest: str) -> Link | None:
        link = self._build(token_digest)
        return link if link is not None and link.purpose is purpose else None

    async def claim_link(self, _: Transaction, token_digest: str) -> tuple[Link, int] | None:
        link = self._build(token_digest)
        return None if link is None else (link, self._next_version(link.invitation_id))

    async def claim_new_link_request(self, tx: Transaction, invitation_id: UUID) -> int | None:
        last = self.requested_at.get(invitation_id)
        if last is not None and tx.now - last <= timedelta(minutes=1):
            return None
        self.requested_at[invitation_id] = tx.now
        return self._next_version(invitation_id)

    async def claim_message_versions(self, _: Transaction, invitation_ids: Sequence[UUID]) -> dict[UUID, int]:
        return {invitation_id: self._next_version(invitation_id) for invitation_id in invitation_ids}

    def _next_version(self, invitation_id: UUID) -> int:
        self.versions[invitation_id] += 1
        return self.versions[invitation_id]

    def _build(self, token_digest: str) -> Link | None:
        purpose, link = self.links.get(token_digest, (None, None))
        if purpose is None or link is None or link.invitation_id not in self.saved:
            return None
        invitation = self.saved[link.invitation_id]
        return Link(
            token_digest=token_digest,
            purpose=purpose,
            invitation_id=link.invitation_id,
            school_id=invitation.school_id,
            parent_id=invitation.parent_id,
            generation=link.generation,
            expires_at=link.expires_at,
            current_generation=invitation.generation,
            invitation_state=invitation.state,
        )


@dataclass(slots=True)
class MemorySubmissions:
    """Fake of `storage.submissions`."""

    rows: dict[UUID, Submission] = field(default_factory=dict)
    resent_at: dict[UUID, datetime] = field(default_factory=dict)

    async def insert_submission(self, _: Transaction, submission: Submission) -> None:
        self.rows[submission.submission_id] = submission

    async def find_open_submission(self, _: Transaction, link: Link) -> Submission | None:
        key = (link.invitation_id, link.generation, link.purpose)
        on_link = [
            row for row in self.rows.values() if (row.invitation_id, row.generation, row.purpose) == key
        ]
        for state in (SubmissionState.PENDING, SubmissionState.ACCEPTED):
            matches = [row for row in on_link if row.state is state]
            if matches:
                return max(matches, key=lambda row: row.submitted_at)
        return None

    async def accept_submissions(self, _: Transaction, submission_ids: Sequence[UUID]) -> list[Submission]:
        return [self._decide(row, SubmissionState.ACCEPTED) for row in self._pending(submission_ids)]

    async def refuse_submissions(self, _: Transaction, refusals: Sequence[Refusal]) -> list[Submission]:
        reasons = {refusal.submission_id: refusal.reason for refusal in refusals}
        return [
            self._decide(row, SubmissionState.REFUSED, reasons[row.submission_id])
            for row in self._pending(reasons)
        ]

    async def reverse_acceptances(
        self, _: Transaction, accepted: Sequence[Submission], reason: RefusalReason
    ) -> None:
        for submission in accepted:
            self._decide(submission, SubmissionState.REFUSED, reason)

    async def accept_verifications(
        self, _: Transaction, invitation_ids: Sequence[UUID], generations: Sequence[int]
    ) -> None:
        verified = set(zip(invitation_ids, generations, strict=True))
        for row in self._pending(self.rows):
            if row.purpose is Purpose.VERIFY and (row.invitation_id, row.generation) in verified:
                self._decide(row, SubmissionState.ACCEPTED)

    async def list_decided(self, _: Transaction, submission_ids: Sequence[UUID]) -> set[UUID]:
        pending = {row.submission_id for row in self._pending(submission_ids)}
        return {submission_id for submission_id in submission_ids if submission_id in self.rows} - pending

    async def list_due_invitations(self, tx: Transaction, first_pause: timedelta, limit: int) -> list[UUID]:
        due = sorted(self._due(tx.now, first_pause), key=self._last_sent_at)[:limit]
        return list({row.invitation_id for row in due})

    async def claim_due(
        self, tx: Transaction, first_pause: timedelta, invitation_ids: Sequence[UUID]
    ) -> list[Submission]:
        oldest: dict[UUID, Submission] = {}
        for row in sorted(self._due(tx.now, first_pause), key=lambda row: row.submitted_at):
            if row.invitation_id in invitation_ids:
                oldest.setdefault(row.invitation_id, row)
        self.resent_at.update({row.submission_id: tx.now for row in oldest.values()})
        return list(oldest.values())

    def _due(self, now: datetime, first_pause: timedelta) -> list[Submission]:
        return [row for row in self._pending(self.rows) if self._is_due(row, now, first_pause)]

    def _is_due(self, row: Submission, now: datetime, first_pause: timedelta) -> bool:
        last = self._last_sent_at(row)
        return last + min(max(first_pause, last - row.submitted_at), timedelta(hours=6)) <= now

    def _last_sent_at(self, row: Submission) -> datetime:
        return self.resent_at.get(row.submission_id, row.submitted_at)

    def _pending(self, submission_ids: Iterable[UUID]) -> list[Submission]:
        rows = [self.rows[submission_id] for submission_id in submission_ids if submission_id in self.rows]
        return [row for row in rows if row.state is SubmissionState.PENDING]

    def _decide(
        self, row: Submission, state: SubmissionState, reason: RefusalReason | None = None
    ) -> Submission:
        decided = self.rows[row.submission_id] = replace(row, state=state, reason=reason)
        return decided


def _are_alike(first: NewAccount, second: NewAccount) -> bool:
    skeleton = first.username_skeleton
    return first.username_key == second.username_key or (
        skeleton is not None and skeleton == second.username_skeleton
    )


@dataclass(slots=True)
class MemoryAccounts:
    """Fake of `storage.accounts`."""

    rows: dict[UUID, NewAccount] = field(default_factory=dict)
    active: set[UUID] = field(default_factory=set)

    async def reserve_account(self, _: Transaction, account: NewAccount) -> bool:
        if any(_are_alike(row, account) for row in self.rows.values()):
            return False
        self.rows[account.account_id] = account
        return True

    async def activate_accounts(self, _: Transaction, accepted: Sequence[Submission]) -> None:
        self.active.update(sign_up.account_id for sign_up in accepted if sign_up.account_id in self.rows)

    async def release_accounts(self, _: Transaction, refused: Sequence[Submission]) -> None:
        for submission in refused:
            if submission.account_id is not None and submission.account_id not in self.active:
                self.rows.pop(submission.account_id, None)

    async def find_account(self, _: Transaction, account_id: UUID) -> NewAccount | None:
        return self.rows.get(account_id)

    async def find_credentials(self, _: Transaction, username_key: str) -> tuple[UUID, str] | None:
        for row in self.rows.values():
            if row.username_key == username_key and row.account_id in self.active:
                return row.account_id, row.password_hash
        return None


@dataclass(slots=True)
class MemoryResults:
    """Fake of `storage.results`: whether each page is of a first attempt, by its digest."""

    rows: dict[str, tuple[UUID, bool]] = field(default_factory=dict)

    async def insert_result(
        self, _: Transaction, result_digest: str, submission_id: UUID, *, first_attempt: bool
    ) -> None:
        self.rows[result_digest] = (submission_id, first_attempt)


@dataclass(slots=True)
class MemoryMemberships:
    """Fake of `storage.memberships`."""

    rows: list[Submission] = field(default_factory=list)

    async def insert_memberships(self, _: Transaction, sign_ups: Sequence[Submission]) -> None:
        self.rows.extend(sign_ups)


@dataclass(slots=True)
class MemoryParents:
    """Fake of `storage.parents`."""

    saved: dict[UUID, Parent] = field(default_factory=dict)

    async def save_parents(self, _: Transaction, changed: Sequence[Parent]) -> None:
        for parent in changed:
            stored = self.saved.get(parent.parent_id)
            if stored is None or stored.version < parent.version:
                self.saved[parent.parent_id] = parent

    async def lock_parents(self, _: Transaction, submissions: Sequence[Submission]) -> set[UUID]:
        stored = [self.saved.get(submission.parent_id) for submission in submissions]
        return {
            parent.parent_id
            for parent in stored
            if parent is not None and (parent.removed or not parent.visible_student_ids)
        }


@dataclass(slots=True)
class MemoryFailedAttempts:
    """Fake of `storage.failed_attempts`, in which no attempt grows old."""

    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def count_failed_attempts(self, _: Transaction, client_digest: str) -> float:
        return float(self.counts[client_digest])

    async def add_failed_attempts(self, _: Transaction, client_digest: str, *, by: int = 1) -> None:
        self.counts[client_digest] += by


@dataclass(slots=True)
class MemoryStorage:
    """Fakes of the storage modules, under the names of these modules."""

    accounts: MemoryAccounts = field(default_factory=MemoryAccounts)
    failed_attempts: MemoryFailedAttempts = field(default_factory=MemoryFailedAttempts)
    invitations: MemoryInvitations = field(default_factory=MemoryInvitations)
    memberships: MemoryMemberships = field(default_factory=MemoryMemberships)
    parents: MemoryParents = field(default_factory=MemoryParents)
    results: MemoryResults = field(default_factory=MemoryResults)
    submissions: MemorySubmissions = field(default_factory=MemorySubmissions)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace the functions of the storage modules."""
        modules: dict[ModuleType, object] = {
            accounts: self.accounts,
            failed_attempts: self.failed_attempts,
            invitations: self.invitations,
            memberships: self.memberships,
            parents: self.parents,
            results: self.results,
            submissions: self.submissions,
        }
        for module, fake in modules.items():
            for name in dir(fake):
                if not name.startswith("_") and callable(getattr(module, name, None)):
                    monkeypatch.setattr(module, name, getattr(fake, name))
