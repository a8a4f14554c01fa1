"""Header lines that differ from message to message, with their line ends."""

from __future__ import annotations

import re
from binascii import b2a_base64
from datetime import datetime
from email import policy
from email.utils import format_datetime
from functools import lru_cache

from services.notifier.channels.email.quoted_printable import LINE_LIMIT

POLICY = policy.SMTP.clone(max_line_length=LINE_LIMIT)
NAME_ON_ONE_LINE = 60
ENCODED_WORD_BYTES, SUBJECT_WORD_BYTES = 45, 36
_PLAIN_NAME = re.compile(r"[A-Za-z0-9'-]+(?: [A-Za-z0-9'-]+)*")


def recipient_line(name: str, address: str) -> str:
    """Return the To header.

    A plain name is written as atoms, another short ASCII name as a quoted string, every other name as encoded words
    (RFC 2047).
    """
    if not name:
        return f"To: {address}\r\n"
    if len(name) <= NAME_ON_ONE_LINE and _PLAIN_NAME.fullmatch(name):
        phrase = name
    elif len(name) <= NAME_ON_ONE_LINE and name.isascii() and "=?" not in name:
        phrase = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    else:
        phrase = "\r\n ".join(_encoded_words(name))
    room = LINE_LIMIT - len(phrase.rpartition("\n")[2]) - len("To:  <>")
    separator = " " if len(address) <= room else "\r\n "
    return f"To: {phrase}{separator}<{address}>\r\n"


def _encoded_words(text: str, limit: int = ENCODED_WORD_BYTES) -> list[str]:
    """Encode a text as RFC 2047 words in base64 of at most `limit` bytes of text each, no character split."""
    chunks, chunk = [], b""
    for character in text:
        encoded = character.encode()
        if len(chunk) + len(encoded) > limit:
            chunks.append(chunk)
            chunk = b""
        chunk += encoded
    return [f"=?utf-8?b?{b2a_base64(part, newline=False).decode('ascii')}?=" for part in [*chunks, chunk]]


def subject_line(subject: str) -> str:
    """Return the Subject header, folded by the email package.

    That package decodes encoded words (RFC 2047) in the text. A name that contains one is to be shown as it is written.
    """
    if "=?" in subject:
        return "Subject: " + "\r\n ".join(_encoded_words(subject, SUBJECT_WORD_BYTES)) + "\r\n"
    line: str = POLICY.header_factory("Subject", subject).fold(policy=POLICY)
    return line


@lru_cache(maxsize=8)
def format_date(moment: datetime) -> str:
    """Format a moment as RFC 5322 requires."""
    return format_datetime(moment)
