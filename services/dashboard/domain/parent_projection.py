"""Projection of one parent record as a set of versioned field groups, and the merge that makes event order irrelevant.

Kafka keeps the order of events only per aggregate and topic. Each field group therefore belongs to one aggregate of
one source service and is ranked by that aggregate's version; merging two projections keeps the group of the greater
rank. An event fills the groups that it carries and leaves the others None. A projection without `person` is a stub:
its events arrived before the parent's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from shared.contracts.values import ContactKind, Delivery, Template

OPTED_OUT_CODE = "opted_out"
"""Failure code of a message that was not sent because the recipient had opted out."""
MIN_SHOWN_RETRY_DELAY = timedelta(minutes=10)
"""A retry that is due sooner is not worth a time on the page."""


class Ranked(Protocol):
    """Field group with a rank; of two groups of one parent the greater rank wins."""

    @property
    def rank(self) -> tuple[Any, ...]: ...


class InvitationState(StrEnum):
    """State named by the last event of the invitation; finer than the status that staff read."""

    AWAITING_VERIFICATION = "awaiting_verification"
    VERIFIED = "verified"
    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class Stage(IntEnum):
    """Order of the messages within one generation of an invitation. The numbers are stored."""

    VERIFY = 1
    VERIFY_REMINDER = 2
    INVITE = 3
    INVITE_REMINDER = 4


STAGE_OF_TEMPLATE = {
    Template.VERIFY: Stage.VERIFY,
    Template.VERIFY_REMINDER: Stage.VERIFY_REMINDER,
    Template.INVITE: Stage.INVITE,
    Template.INVITE_REMINDER: Stage.INVITE_REMINDER,
}


class Contact(NamedTuple):
    """Contact of a parent record; the address is an e-mail address or an E.164 number, as `kind` states."""

    contact_id: UUID
    kind: ContactKind
    address: str
    preferred: bool = False
    verified: bool = False

    def __repr__(self) -> str:
        return "Contact(redacted)"


class Link(NamedTuple):
    """Link from a parent record to a student; `rights` is `full` or `none`."""

    student_id: UUID
    relation: str | None
    rights: str
    reason: str | None


class Person(NamedTuple):
    """Field group of roster: name, contacts and linked students of a parent record."""

    version: int
    name: str = ""
    language: str | None = None
    contacts: tuple[Contact, ...] = ()
    links: tuple[Link, ...] = ()
    removed: bool = False

    def __repr__(self) -> str:
        return "Person(redacted)"

    @property
    def rank(self) -> tuple[int]:
        """Version of the parent aggregate."""
        return (self.version,)


class Progress(NamedTuple):
    """Field group of invitations: the last state of the invitation, since `at`."""

    version: int
    state: InvitationState
    at: datetime
    reason: str | None = None

    @property
    def rank(self) -> tuple[int]:
        """Version of the invitation aggregate."""
        return (self.version,)


class Sending(NamedTuple):
    """Field group of invitations: the last message with a link, requested `at`; the link works until `expires_at`."""

    version: int
    generation: int
    channel: str
    contact_id: UUID | None
    expires_at: datetime
    at: datetime

    @property
    def rank(self) -> tuple[int]:
        """Version of the invitation aggregate."""
        return (self.version,)


class Outcome(NamedTuple):
    """Field group of notifier: the delivery of one message.

    The last message of the latest generation wins. Version 0 stands for a message that is requested but not reported
    yet. `at` is the time of the change; of a deferred or failed message it is the time of the next attempt, or None
    where that is soon.
    """

    generation: int
    stage: Stage
    message_id: UUID
    version: int
    delivery: Delivery
    at: datetime | None
    reason: str | None = None
    code: str | None = None

    @property
    def rank(self) -> tuple[int, int, UUID, int]:
        """Generation, stage, message and version, in this order."""
        return (self.generation, int(self.stage), self.message_id, self.version)


class Account(NamedTuple):
    """Field group of signup: the account that the parent opened."""

    signed_up_at: datetime
    account_id: UUID

    @property
    def rank(self) -> tuple[datetime, UUID]:
        """Time of the sign-up, then the account's id."""
        return (self.signed_up_at, self.account_id)


R = TypeVar("R", bound=Ranked)


class ParentProjection(NamedTuple):
    """Everything the events received so far state about one parent record of one school."""

    school_id: UUID
    parent_id: UUID
    person: Person | None = None
    progress: Progress | None = None
    sending: Sending | None = None
    outcome: Outcome | None = None
    account: Account | None = None
    confirmed: frozenset[UUID] = frozenset()
    """Ids of confirmed contacts. A changed address is a new contact, so ids are only ever added."""


def choose_newer(left: R | None, right: R | None) -> R | None:
    """Return the field group with the greater rank; equal ranks are the same event received twice."""
    if left is None or right is None:
        return left if right is None else right
    return right if right.rank > left.rank else left


def merge(left: ParentProjection, right: ParentProjection) -> ParentProjection:
    """Merge two projections of the same parent record. Associative, commutative and idempotent."""
    return ParentProjection(
        left.school_id,
        left.parent_id,
        choose_newer(left.person, right.person),
        choose_newer(left.progress, right.progress),
        choose_newer(left.sending, right.sending),
        choose_newer(left.outcome, right.outcome),
        choose_newer(left.account, right.account),
        left.confirmed | right.confirmed,
    )


def merge_all(projections: Iterable[ParentProjection]) -> Sequence[ParentProjection]:
    """Merge to one projection per parent record, in the order in which rows are locked: by school, then parent."""
    merged: dict[tuple[UUID, UUID], ParentProjection] = {}
    for projection in projections:
        key = (projection.school_id, projection.parent_id)
        previous = merged.get(key)
        merged[key] = projection if previous is None else merge(previous, projection)
    return [merged[key] for key in sorted(merged, key=lambda key: (key[0].int, key[1].int))]


def classify_failure(code: str, *, permanent: bool) -> Delivery:
    """Return the delivery of a failed message: temporary, permanent, or suppressed by an opt-out."""
    if not permanent:
        return Delivery.FAILED_TEMPORARY
    return Delivery.SUPPRESSED if code == OPTED_OUT_CODE else Delivery.FAILED_PERMANENT


def choose_shown_retry(failed_at: datetime, retry_at: datetime | None) -> datetime | None:
    """Return the time of the next attempt if it is worth showing, or None if it is soon or unknown."""
    return retry_at if retry_at and retry_at - failed_at >= MIN_SHOWN_RETRY_DELAY else None
