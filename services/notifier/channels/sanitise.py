"""Sanitising of names and validation of addresses: whatever a roster contains, a name stays a name."""

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
    """Error for a text that is no address or phone number to send to. It never contains the text."""


def sanitise_name(name: str) -> str:
    """Return a name as one line of at most `NAME_LIMIT` characters that no email program turns into a link.

    Control, format and private-use characters are removed, except the two joiners that some scripts need. Web addresses
    are removed, and a dot within a word gets a space, so that `evil.example` is no link while `J.Smith` stays readable.
    """
    if _HARMLESS.fullmatch(name):
        return name
    cleaned = "".join(map(_clean_character, name[: 10 * NAME_LIMIT]))
    without_urls = _URL.sub(" ", cleaned)
    spaced = _DOT_IN_WORD.sub(lambda match: match[0] + " ", without_urls)
    return " ".join(spaced.split())[:NAME_LIMIT].strip()


def _clean_character(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "C":
        return character if character in _JOINERS else " "
    return " " if category[0] == "Z" else character


def validate_number(address: str) -> str:
    """Return the phone number, which must be in E.164. Raises BadAddressError for anything else."""
    if not _NUMBER.fullmatch(address):
        raise BadAddressError("not a number")
    return address


def encode_mailbox(address: str) -> str:
    """Return the address as it is sent to the server and written into a header: ASCII, its domain in IDNA form.

    Raises BadAddressError for anything else, including a local part outside ASCII, which would need SMTPUTF8.
    """
    match = _ADDRESS.fullmatch(address)
    if not match or len(address) > ADDRESS_LIMIT:
        raise BadAddressError("not an address")
    domain = match[1]
    try:
        encoded = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise BadAddressError("not a domain") from None
    if len(encoded) > 253 or not all(_LABEL.fullmatch(label) for label in encoded.split(".")):
        raise BadAddressError("not a domain")
    return f"{address[: match.start(1)]}{encoded}"
