"""Words that strangers can know of a person, and whether a password contains one of them.

Texts are compared folded: without case, accents, spaces and punctuation. Words of a parent are stored hidden, as their
length and a salted digest, so that no name or address is stored. That hides them from a reader of the table, not from
somebody who guesses names.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

SHORTEST_INSIDE = 4
"""Characters from which on a word may not be inside a password. A shorter one may not be all of it except digits."""
_SHORTEST_INSIDE_IDEOGRAPHIC = 2
_SHORTEST_WORD = 2
_LONGEST_WORD = 255
_MOST_WORDS = 40
_WORDS = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """Return the alphanumeric characters of the text, without case and accents: `Müller-Søn` becomes `mullerson`."""
    if text.isascii():
        return "".join(filter(str.isalnum, text.casefold()))
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = decomposed.translate(_PLAIN_CHARACTERS)
    return "".join(character for character in plain if character.isalnum())


def split_words(text: str) -> frozenset[str]:
    """Return the folded words of a name, and all of them as one: `Ana Silva` has `ana`, `silva` and `anasilva`."""
    composed = unicodedata.normalize("NFKC", text)
    parts = [*composed.split(), *_WORDS.findall(_without_marks(composed))]
    return _keep_words([*map(fold, parts), fold(text)])


def split_address(address: str) -> frozenset[str]:
    """Return the folded words of an email address: the address, its part before the `@`, and the words of that part."""
    return split_words(address.partition("@")[0]) | _keep_words([fold(address)])


def contains_word(password: str, words: Collection[str]) -> bool:
    """Return whether one of the folded words is in the password, or is all that the password has besides digits."""
    folded = fold(password)
    return any(word in folded for word in words if _counts_inside(word)) or _without_digits(folded) in words


def hide_words(words: Iterable[str], salt: str) -> tuple[str, ...]:
    """Return each word as hexadecimal digits: two for its length, then its digest."""
    return tuple(sorted(_hide(word, salt) for word in words))


def contains_hidden_word(password: str, hidden: Collection[str], salt: str) -> bool:
    """Return what `contains_word` returns, for words that `hide_words` has hidden with the same salt."""
    if not hidden:
        return False
    folded = fold(password)
    by_length: defaultdict[int, set[str]] = defaultdict(set)
    for word in hidden:
        by_length[int(word[:2], 16)].add(word)
    inside = (
        _hide(part, salt) in words
        for length, words in by_length.items()
        for part in _parts(folded, length)
        if _counts_inside(part)
    )
    return any(inside) or _hide(_without_digits(folded), salt) in hidden


def _keep_words(words: Iterable[str]) -> frozenset[str]:
    useful = {word for word in words if _SHORTEST_WORD <= len(word) <= _LONGEST_WORD and not word.isdigit()}
    return frozenset(sorted(useful, key=len, reverse=True)[:_MOST_WORDS])


def _counts_inside(word: str) -> bool:
    is_ideographic = any(unicodedata.east_asian_width(character) == "W" for character in word)
    return len(word) >= (_SHORTEST_INSIDE_IDEOGRAPHIC if is_ideographic else SHORTEST_INSIDE)


def _without_digits(folded: str) -> str:
    return "".join(character for character in folded if not character.isdigit())


def _parts(text: str, length: int) -> Iterator[str]:
    return (text[start : start + length] for start in range(len(text) - length + 1))


def _hide(word: str, salt: str) -> str:
    digest = hashlib.blake2b(word.encode(errors="replace"), digest_size=8, key=salt.encode()[:64])
    return f"{min(len(word), _LONGEST_WORD):02x}{digest.hexdigest()}"


def _without_marks(text: str) -> str:
    # A mark would end a word: `[^\W_]` matches alphanumeric characters only.
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(
        character for character in decomposed if not unicodedata.category(character).startswith("M")
    )


# Characters that Unicode does not decompose, as people type them on another keyboard.
_PLAIN_CHARACTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
