"""Names and addresses made safe for a message: whatever a roster holds, it stays a name."""

from __future__ import annotations

import re
import unicodedata

NAME_LIMIT = 120
ADDRESS_LIMIT = 254

_URL = re.compile(r"[a-z][a-z0-9+.-]*:/+\S*|//\S+|\bwww\.\S*", re.IGNORECASE)
_DOT_IN_WORD = re.compile(r"(?<=\w)[.\u3002\uff0e\uff61](?=\w{2,})")
_HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9'-]{0,38}(?: [A-Za-z0-9'-]{1,39}){0,2}")
_JOINERS = "\u200c\u200d"
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([^\s@<>\"(),:;\\\[\]]+)"
)
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


class BadAddressError(ValueError):
    """Not an address or number that a message can be sent to. The text never holds the address."""


def tame(name: str) -> str:
    """A name on one line that no mail program turns into a link, at most `NAME_LIMIT` characters.

    Control, format and private characters go (the two joiners that scripts need stay), addresses of web pages go, and a
    dot inside a word gets a space, so that `evil.example` is no link while `J.Smith` stays readable.
    """
    if _HARMLESS.fullmatch(name):
        return name
    kept = "".join(map(_kept, name[: 10 * NAME_LIMIT]))
    without_urls = _URL.sub(" ", kept)
    spaced = _DOT_IN_WORD.sub(lambda found: found[0] + " ", without_urls)
    return " ".join(spaced.split())[:NAME_LIMIT].strip()


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "C":
        return character if character in _JOINERS else " "
    return " " if category[0] == "Z" else character


def number(address: str) -> str:
    """The phone number, in E.164. Raises BadAddressError for anything else."""
    if not _NUMBER.fullmatch(address):
        raise BadAddressError("not a number")
    return address


def mailbox(address: str) -> str:
    """The address in the form that goes to the server and into a header: ASCII, its domain in IDNA form.

    Raises BadAddressError for anything else, a local part outside ASCII included (it would need SMTPUTF8).
    """
    found = _ADDRESS.fullmatch(address)
    if not found or len(address) > ADDRESS_LIMIT:
        raise BadAddressError("not an address")
    domain = found[1]
    try:
        encoded = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise BadAddressError("not a domain") from None
    if len(encoded) > 253 or not all(_LABEL.fullmatch(label) for label in encoded.split(".")):
        raise BadAddressError("not a domain")
    return f"{address[: found.start(1)]}{encoded}"
