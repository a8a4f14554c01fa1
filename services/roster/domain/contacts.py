"""Contacts of parents: comparison, placeholder detection and the family key."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shared.contracts.values import ContactKind

_PLACEHOLDER_NAMES = frozenset(
    {
        *("none", "no", "na", "n-a", "n.a", "nil", "null", "unknown", "nobody", "noone", "x", "xx", "xxx"),
        *(
            "noemail",
            "no-email",
            "no.email",
            "nomail",
            "no-mail",
            "donotemail",
            "notprovided",
            "not-provided",
        ),
        *("keine", "kein", "keinemail"),
    }
)
_PLACEHOLDER_DOMAINS = _PLACEHOLDER_NAMES | {
    *("email", "mail", "e-mail", "test", "example", "nowhere", "abc", "domain"),
}
_COUNTING_DIGITS = frozenset(
    {
        *("123456", "1234567", "12345678", "123456789", "1234567890"),
        *("0123456789", "01234567890"),
    }
)


@dataclass(frozen=True, slots=True)
class Contact:
    """Contact point of a parent. `address` is E.164, or the e-mail address as typed."""

    contact_id: UUID
    kind: ContactKind
    address: str
    preferred: bool = True
    verified: bool = False

    @property
    def key(self) -> str:
        """Return the form in which two addresses are compared."""
        return self.address.casefold()


@dataclass(frozen=True, slots=True)
class SchoolContactContext:
    """Facts about a school that the reading of contacts depends on.

    `country` (ISO 3166 alpha-2) completes national phone numbers. `phone` and `email` are the school's own: they never
    identify a family.
    """

    country: str
    phone: str | None = None
    email: str | None = None


def is_placeholder_number(digits: str) -> bool:
    """Return whether digits only fill a field: one digit repeated, or counting upwards."""
    return bool(digits) and (len(set(digits)) == 1 or digits in _COUNTING_DIGITS)


def is_placeholder_address(address: str) -> bool:
    """Return whether an e-mail address only fills a field, such as `none@none.com`."""
    local, _, domain = address.casefold().partition("@")
    return local in _PLACEHOLDER_NAMES and domain.partition(".")[0] in _PLACEHOLDER_DOMAINS


def make_family_key(phone: str | None, email: str | None, school: SchoolContactContext) -> str | None:
    """Return the key by which parent records of one family are equal (C4).

    Phone and e-mail address must both be present, and neither may be the school's own; otherwise return None.
    """
    if phone is None or email is None:
        return None
    if phone == school.phone or (school.email is not None and email.casefold() == school.email.casefold()):
        return None
    return f"{phone} {email.casefold()}"
