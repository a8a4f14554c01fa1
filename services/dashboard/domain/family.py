"""One family's row as a set of registers; merging keeps the newest of each, so order never matters.

A register belongs to one owner's aggregate and is ranked by that aggregate's version, because order holds per
aggregate and topic and nothing more. A fact fills the registers it speaks of and leaves the others empty; a
row with no `person` is a stub made by facts that overtook the parent's own.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from services.dashboard.domain.status import Delivery, State, Status, status_of


class Ranked(Protocol):
    """A register: of two values for one family the one with the greater rank stays."""

    @property
    def rank(self) -> tuple[Any, ...]: ...


class Stage(IntEnum):
    """Which message of a generation is the later one; the numbers are stored."""

    VERIFY = 1
    VERIFY_REMINDER = 2
    INVITE = 3
    INVITE_REMINDER = 4


class Contact(NamedTuple):
    """`kind` is email or phone."""

    contact_id: UUID
    kind: str
    address: str
    preferred: bool = False
    verified: bool = False

    def __repr__(self) -> str:
        return "Contact(redacted)"


class Link(NamedTuple):
    """A child of the parent; `rights` is full or none."""

    student_id: UUID
    relation: str | None
    rights: str
    reason: str | None


class Person(NamedTuple):
    """What roster says of the parent."""

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
        return (self.version,)


class Progress(NamedTuple):
    """What invitations last said of the invitation's life."""

    version: int
    state: State
    at: datetime
    reason: str | None = None

    @property
    def rank(self) -> tuple[int]:
        return (self.version,)


class Sending(NamedTuple):
    """The last message that invitations asked for; its link works until `expires_at`."""

    version: int
    generation: int
    channel: str
    contact_id: UUID | None
    expires_at: datetime
    at: datetime

    @property
    def rank(self) -> tuple[int]:
        return (self.version,)


class Outcome(NamedTuple):
    """The delivery of one message; the last of the latest generation counts. Version 0 is "asked for".

    `at` is when it became so; for a message that waits, when it goes out or is tried again (None: soon).
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
        return (self.generation, int(self.stage), self.message_id, self.version)


class Account(NamedTuple):
    """The sign-up that signup announced."""

    signed_up_at: datetime
    account_id: UUID

    @property
    def rank(self) -> tuple[datetime, UUID]:
        return (self.signed_up_at, self.account_id)


R = TypeVar("R", bound=Ranked)


class Family(NamedTuple):
    """One parent record of one school, as far as it has been heard of."""

    school_id: UUID
    parent_id: UUID
    person: Person | None = None
    progress: Progress | None = None
    sending: Sending | None = None
    outcome: Outcome | None = None
    account: Account | None = None
    confirmed: frozenset[UUID] = frozenset()
    """Contacts, by id; a changed address is a new contact, so none is ever taken out."""

    @property
    def listed(self) -> bool:
        """Stubs and removed parents are kept but not shown."""
        return self.person is not None and not self.person.removed

    @property
    def status(self) -> Status:
        return status_of(self.progress.state if self.progress else None, signed_up=self.account is not None)

    @property
    def delivery(self) -> Delivery | None:
        return self.outcome.delivery if self.outcome else None


def newer(left: R | None, right: R | None) -> R | None:
    """The register with the greater rank; equal ranks are the same fact told twice."""
    if left is None or right is None:
        return left if right is None else right
    return right if right.rank > left.rank else left


def merge(left: Family, right: Family) -> Family:
    """Both must be of one family. Associative, commutative and idempotent."""
    return Family(
        left.school_id,
        left.parent_id,
        newer(left.person, right.person),
        newer(left.progress, right.progress),
        newer(left.sending, right.sending),
        newer(left.outcome, right.outcome),
        newer(left.account, right.account),
        left.confirmed | right.confirmed,
    )


def merge_all(facts: Iterable[Family]) -> Sequence[Family]:
    """One row per family, in the order in which rows are locked: school, then parent."""
    rows: dict[tuple[UUID, UUID], Family] = {}
    for fact in facts:
        key = (fact.school_id, fact.parent_id)
        known = rows.get(key)
        rows[key] = fact if known is None else merge(known, fact)
    return [rows[key] for key in sorted(rows, key=lambda key: (key[0].int, key[1].int))]
