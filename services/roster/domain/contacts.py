"""Contacts of parents: told from placeholders, compared, made into the key of a family."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

MAX_CONTACT = 254
_FILLER = frozenset(
    {
        "none",
        "no",
        "na",
        "n-a",
        "nil",
        "null",
        "unknown",
        "noemail",
        "no-email",
        "no.email",
        "nomail",
        "no-mail",
        "nobody",
    }
    | {
        "noone",
        "donotemail",
        "x",
        "xx",
        "xxx",
        "keine",
        "kein",
        "keinemail",
        "notprovided",
        "not-provided",
        "n.a",
    }
)
_FILLER_DOMAINS = _FILLER | {"email", "mail", "e-mail", "test", "example", "nowhere", "abc", "domain"}
_RUNS = frozenset({"123456", "1234567", "12345678", "123456789", "1234567890", "0123456789", "01234567890"})


class ContactKind(StrEnum):
    """How a contact is reached."""

    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Contact:
    """One address of a parent. `address` is E.164 or the e-mail as typed; `key` is what is compared."""

    contact_id: UUID
    kind: ContactKind
    address: str
    preferred: bool = True
    verified: bool = False

    @property
    def key(self) -> str:
        return self.address.casefold()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a school's contacts are read against: its country, and its own number and address (never a family's)."""

    country: str
    phone: str | None = None
    email: str | None = None


def is_filler_number(digits: str) -> bool:
    """Whether these digits only fill a field: one digit over and over, or counting upwards."""
    return bool(digits) and (len(set(digits)) == 1 or digits in _RUNS)


def is_filler_address(address: str) -> bool:
    """Whether an e-mail address only fills a field, like `none@none.com`."""
    local, _, domain = address.casefold().partition("@")
    return local in _FILLER and domain.partition(".")[0] in _FILLER_DOMAINS


def family_key(phone: str | None, email: str | None, school: Surroundings) -> str | None:
    """What makes two records one family: both present, both equal, neither the school's own (C4, decision 1)."""
    if phone is None or email is None:
        return None
    if phone == school.phone or (school.email is not None and email.casefold() == school.email.casefold()):
        return None
    return f"{phone} {email.casefold()}"
