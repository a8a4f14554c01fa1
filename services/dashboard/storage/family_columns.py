"""The registers of families as columns of their rows."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from pydantic_core import to_json

from services.dashboard.domain.family import Family, Person
from services.dashboard.storage.columns import ACCOUNT, OUTCOME, PERSON, PROGRESS, SENDING
from services.dashboard.storage.registers import Register

HELD: Mapping[Register, Callable[[Family], object | None]] = {
    PERSON: attrgetter("person"),
    PROGRESS: attrgetter("progress"),
    SENDING: attrgetter("sending"),
    OUTCOME: attrgetter("outcome"),
    ACCOUNT: attrgetter("account"),
}
"""What a family holds of each register; None: nothing."""


def columns_of(register: Register, values: Sequence[object | None]) -> dict[str, Sequence[Any]]:
    """One sequence per column of the register; NULL where a family holds nothing."""
    fields, nothing = _FIELDS[register], (None,) * len(register.names)
    rows = [nothing if value is None else fields(value) for value in values]
    return dict(zip(register.names, zip(*rows, strict=True), strict=True))


def _person(person: Person) -> tuple[Any, ...]:
    contacts = to_json([contact._asdict() for contact in person.contacts]).decode()
    search = " ".join([person.name, *(contact.address for contact in person.contacts)]).lower()
    return person.version, person.name, person.language, contacts, search, person.removed


_FIELDS: Mapping[Register, Callable[[Any], tuple[Any, ...]]] = {
    PERSON: _person,
    PROGRESS: attrgetter("version", "state.value", "at", "reason"),
    SENDING: attrgetter("version", "generation", "channel", "contact_id", "expires_at", "at"),
    OUTCOME: attrgetter(
        "generation",
        "stage.value",
        "message_id",
        "version",
        "delivery.value",
        "at",
        "reason",
        "code",
    ),
    ACCOUNT: attrgetter("signed_up_at", "account_id"),
}
