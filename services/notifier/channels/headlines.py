"""The lines of a mail's head that differ from mail to mail, with their line ends."""

from __future__ import annotations

import re
from binascii import b2a_base64
from datetime import datetime
from email import policy
from email.utils import format_datetime
from functools import lru_cache

from services.notifier.channels.quoted import LINE_LIMIT

POLICY = policy.SMTP.clone(max_line_length=LINE_LIMIT)
NAME_ON_ONE_LINE = 60
WORD_BYTES = 45
_PLAIN_NAME = re.compile(r"[A-Za-z0-9'-]+(?: [A-Za-z0-9'-]+)*")


def recipient_line(name: str, address: str) -> str:
    """The To header: a plain name as atoms, another short ASCII one quoted, every other one as RFC 2047 words."""
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


def _encoded_words(text: str) -> list[str]:
    """RFC 2047 words in base64, none over 75 characters, no character torn apart."""
    words, chunk = [], b""
    for character in text:
        encoded = character.encode()
        if len(chunk) + len(encoded) > WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += encoded
    return [f"=?utf-8?b?{b2a_base64(word, newline=False).decode('ascii')}?=" for word in [*words, chunk]]


def subject_line(subject: str) -> str:
    """The Subject header, folded by the email package."""
    folded: str = POLICY.header_factory("Subject", subject).fold(policy=POLICY)
    return folded


@lru_cache(maxsize=8)
def date_text(date: datetime) -> str:
    """A moment as RFC 5322 has it."""
    return format_datetime(date)
