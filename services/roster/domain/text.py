"""Text as people type it: cleaning, comparing names, one record behind two names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

MAX_NAME = 200
NAMES_PER_RECORD = 2
REMEMBERED = 2_000  # names of one batch of an import, each of which is compared some times
NAMELESS = "Parent or guardian"
BLANKS = frozenset({"", "-", "--", "---", ".", "..", "?", "??", "n/a", "#n/a", "n.a.", "k.a."})
# Words that say "nothing" in a contact or a full name, but are names of people in a first or last name (Na, Nil).
FILLERS = BLANKS | {
    *("xx", "xxx", "na", "n.a", "none", "nil", "null", "nan", "unknown", "not known", "tbd", "tba"),
    *("keine", "keiner", "kein", "unbekannt", "aucun", "inconnu", "sin datos"),
}
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_AND = re.compile(r"\s*(?:&|\s\+\s|\band\b|\bund\b|\bet\b)\s*", re.IGNORECASE)
_NOT_A_WORD = re.compile(r"[\W_]+")


class TextError(ValueError):
    """A text that cannot be taken. `code` is a fixed word; the message is for the person who typed it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def clean(value: str, *, limit: int = MAX_NAME) -> str:
    """Trimmed, NFC, runs of spaces made one. Raises TextError: `control_character`, `too_long`."""
    if value.isascii() and value.isprintable():
        text = " ".join(value.split())
    else:
        text = " ".join(unicodedata.normalize("NFC", value.strip()).split(" "))
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _BIDI for c in text):
            raise TextError("control_character", "Line breaks and control characters are not allowed here.")
        text = " ".join(text.split())
    if len(text) > limit:
        raise TextError("too_long", f"At most {limit} characters are allowed here.")
    return text


def is_blank(value: str) -> bool:
    """Nothing, or a mark people type when a field must not stay empty (`n/a`, `-`)."""
    return value.strip().casefold() in BLANKS


def is_filler(value: str) -> bool:
    """Blank, or a word that says so (`none`, `unknown`); for contacts and full names."""
    return value.strip().casefold() in FILLERS


@lru_cache(maxsize=REMEMBERED)
def words(name: str) -> frozenset[str]:
    """The words of a name without case, accents and punctuation."""
    plain = name.casefold()
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return frozenset(_NOT_A_WORD.sub(" ", plain).split())


@lru_cache(maxsize=REMEMBERED)
def name_key(name: str) -> str:
    """Equal for names that differ only in case, accents, punctuation or the order of their words."""
    return " ".join(sorted(words(name)))


def same_person(one: str, other: str) -> bool:
    """Whether two names can be one person's: all words of one stand in the other (`Anna`, `Anna Muster`)."""
    first, second = words(one), words(other)
    return first <= second or second <= first


def split_names(name: str) -> tuple[str, ...]:
    """`Anna & Ben Muster` is Anna Muster and Ben Muster (C6); anything but two parts stays one name."""
    parts = [part for part in _AND.split(name) if part]
    if len(parts) != NAMES_PER_RECORD:
        return (name,) if name else ()
    first, second = parts
    if " " not in first and " " in second:
        first = f"{first} {second.rsplit(' ', 1)[1]}"
    return (first, second)


def join_names(names: Iterable[str]) -> str:
    """The name a record goes by; says nothing of a child where no name is known (decision 7)."""
    known = tuple(names)
    if not known:
        return NAMELESS
    if len(known) == NAMES_PER_RECORD:
        first, _, family = known[0].rpartition(" ")
        if first and known[1].endswith(f" {family}"):
            return f"{first} & {known[1]}"
    return " & ".join(known)


def merge_names(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...] | None:
    """The names of one record after hearing `more`; None when it would have to carry more than two (C6).

    Of two spellings of one person the longer stays.
    """
    merged = list(known)
    for name in more:
        place = next((i for i, other in enumerate(merged) if same_person(name, other)), None)
        if place is None:
            merged.append(name)
        elif len(words(name)) > len(words(merged[place])):
            merged[place] = name
    return tuple(merged) if len(merged) <= NAMES_PER_RECORD else None
