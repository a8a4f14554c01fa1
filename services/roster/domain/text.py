"""Text as people type it: cleaning, placeholders, comparison of names, and records that carry two names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

MAX_NAME = 200
NAMES_PER_RECORD = 2
CACHED_NAMES = 2_000  # about the names of one batch of an import, each of which is compared several times
NAMELESS = "Parent or guardian"
BLANKS = frozenset({"", "-", "--", "---", ".", "..", "?", "??", "n/a", "#n/a", "n.a.", "k.a."})
# Placeholders in a contact or a full name. As a first or last name they are left alone: people are called Na or Nil.
PLACEHOLDERS = BLANKS | {
    *("xx", "xxx", "na", "n.a", "none", "nil", "null", "nan", "unknown", "not known", "tbd", "tba"),
    *("keine", "keiner", "kein", "unbekannt", "aucun", "inconnu", "sin datos"),
}
_PLACEHOLDER_NAMES = frozenset(
    {
        *("none", "no", "na", "n-a", "n.a", "nil", "null", "unknown", "nobody", "noone", "x", "xx", "xxx"),
        *("noemail", "no-email", "no.email", "nomail", "no-mail", "donotemail"),
        *("notprovided", "not-provided", "keine", "kein", "keinemail"),
    }
)
_PLACEHOLDER_DOMAINS = _PLACEHOLDER_NAMES | {
    *("email", "mail", "e-mail", "test", "example", "nowhere", "abc", "domain"),
}
_COUNTING_DIGITS = frozenset(
    ("123456", "1234567", "12345678", "123456789", "1234567890", "0123456789", "01234567890")
)
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CONJUNCTION = re.compile(r"\s*(?:&|\s\+\s|\band\b|\bund\b|\bet\b)\s*", re.IGNORECASE)
_NON_WORD = re.compile(r"[\W_]+")


class TextError(ValueError):
    """Text that cannot be accepted. `code` is stable; `message` is written for the person who typed the text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def clean(value: str, *, limit: int = MAX_NAME) -> str:
    """Return the text trimmed, in NFC and with single spaces.

    Raises TextError `control_character`, or `too_long` if more than `limit` characters remain.
    """
    if value.isascii() and value.isprintable():
        text = " ".join(value.split())
    else:
        text = " ".join(unicodedata.normalize("NFC", value.strip()).split(" "))
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _BIDI_CONTROLS for c in text):
            raise TextError("control_character", "Line breaks and control characters are not allowed here.")
        text = " ".join(text.split())
    if len(text) > limit:
        raise TextError("too_long", f"At most {limit} characters are allowed here.")
    return text


def is_blank(value: str) -> bool:
    """Return whether a text is empty or a mark typed into a field that must not stay empty (`n/a`, `-`)."""
    return value.strip().casefold() in BLANKS


def is_placeholder(value: str) -> bool:
    """Return whether a contact or a full name is blank or a word for that (`none`, `unknown`)."""
    return value.strip().casefold() in PLACEHOLDERS


def is_placeholder_number(digits: str) -> bool:
    """Return whether digits only fill a field: one digit repeated, or counting upwards."""
    return bool(digits) and (len(set(digits)) == 1 or digits in _COUNTING_DIGITS)


def is_placeholder_address(address: str) -> bool:
    """Return whether an e-mail address only fills a field, such as `none@none.com`."""
    local, _, domain = address.casefold().partition("@")
    return local in _PLACEHOLDER_NAMES and domain.partition(".")[0] in _PLACEHOLDER_DOMAINS


@lru_cache(maxsize=CACHED_NAMES)
def name_words(name: str) -> frozenset[str]:
    """Return the words of a name without case, accents and punctuation."""
    plain = name.casefold()
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return frozenset(_NON_WORD.sub(" ", plain).split())


@lru_cache(maxsize=CACHED_NAMES)
def name_key(name: str) -> str:
    """Return a key that is equal for names differing only in case, accents, punctuation or the order of words."""
    return " ".join(sorted(name_words(name)))


def may_be_same_person(name: str, other: str) -> bool:
    """Return whether the words of one name are all part of the other (`Anna`, `Anna Muster`)."""
    first, second = name_words(name), name_words(other)
    return first <= second or second <= first


def split_names(name: str) -> tuple[str, ...]:
    """Split a text that names two people: `Anna & Ben Muster` is Anna Muster and Ben Muster (C6).

    A text that does not consist of exactly two parts stays one name.
    """
    parts = [part for part in _CONJUNCTION.split(name) if part]
    if len(parts) != NAMES_PER_RECORD:
        return (name,) if name else ()
    first, second = parts
    if " " not in first and " " in second:
        first = f"{first} {second.rsplit(' ', 1)[1]}"
    return (first, second)


def join_names(names: Iterable[str]) -> str:
    """Return the name of a record.

    A record without a name is called NAMELESS: a name derived from a child would disclose the child to whoever reads
    the message.
    """
    parts = tuple(names)
    if not parts:
        return NAMELESS
    if len(parts) == NAMES_PER_RECORD:
        first, _, family = parts[0].rpartition(" ")
        if first and parts[1].endswith(f" {family}"):
            return f"{first} & {parts[1]}"
    return " & ".join(parts)


def merge_names(names: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...] | None:
    """Return the names of a record after `more` were added; None if it would carry more than two (C6).

    Of two spellings of one person the one with more words stays.
    """
    merged = list(names)
    for name in more:
        position = next((i for i, other in enumerate(merged) if may_be_same_person(name, other)), None)
        if position is None:
            merged.append(name)
        elif len(name_words(name)) > len(name_words(merged[position])):
            merged[position] = name
    return tuple(merged) if len(merged) <= NAMES_PER_RECORD else None
