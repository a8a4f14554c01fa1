"""Parsing of stored messages: subject, both bodies, all links, and the code to type in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from functools import lru_cache
from html.parser import HTMLParser

from deploy.embedded.mailbox.store import StoredMessage

_URL = re.compile(r"https?://[^\s<>\"'\\^`{|}]+", re.IGNORECASE)
_LINK_ATTRIBUTES = frozenset({"href", "src", "action", "background"})
_ELEMENTS_WITHOUT_TEXT = frozenset({"style", "script"})
# A code is 60 bits in Crockford's base32 (without I, L, O and U), written in three groups of four.
_CODE = re.compile(r"(?<![\w-])([0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2})(?![\w-])")


@dataclass(frozen=True)
class Content:
    """Parsed message. `links` holds the http and https URLs of both bodies without duplicates, in order of appearance.

    `sid` is the provider's id of a text message; if the message was accepted several times, of the first one.
    """

    subject: str
    text: str
    html: str
    links: tuple[str, ...]
    code: str | None
    sid: str | None = None


def parse_message(message: StoredMessage) -> Content:
    """Parse a message of any channel. Malformed e-mail does not raise."""
    if message.channel == "email":
        return _parse_email(message.id, message.raw)
    return _parse_text(message.raw)


def _parse_text(raw: bytes) -> Content:
    fields = json.loads(raw)
    body = str(fields["body"])
    code = _CODE.search(body)
    links = tuple(dict.fromkeys(_find_links(body)))
    return Content("", body, "", links, code[1] if code else None, fields.get("sid"))


@lru_cache(maxsize=2048)
def _parse_email(_message_id: int, raw: bytes) -> Content:
    message = message_from_bytes(raw, policy=policy.compat32)  # a fifth of the work of the newer policies
    text, html = _decode_body(message, "text/plain"), _decode_body(message, "text/html")
    links = dict.fromkeys([*_find_links(text), *_find_html_links(html)])
    code = _CODE.search(text) or _CODE.search(html)
    return Content(_decode_subject(message), text, html, tuple(links), code[1] if code else None)


def _decode_subject(message: Message) -> str:
    raw = str(message.get("subject", ""))
    try:
        return " ".join(str(make_header(decode_header(raw))).split())
    except (MessageError, LookupError, ValueError):
        return " ".join(raw.split())


def _decode_body(message: Message, content_type: str) -> str:
    """Return the first body of this type with its lines ended by a line feed; empty if there is none."""
    for part in message.walk():
        if part.get_content_type() == content_type and part.get_content_disposition() != "attachment":
            payload = part.get_payload(decode=True)
            data = payload if isinstance(payload, bytes) else b""
            try:
                body = data.decode(part.get_content_charset("utf-8"), "replace")
            except LookupError:  # an unknown charset
                body = data.decode("utf-8", "replace")
            return body.replace("\r\n", "\n")
    return ""


def _find_links(text: str) -> list[str]:
    return [_strip_punctuation(match[0]) for match in _URL.finditer(text)]


def _strip_punctuation(url: str) -> str:
    """Remove the punctuation of the surrounding sentence from the end of a URL."""
    while url and (url[-1] in ".,;:!?*_" or (url[-1] == ")" and url.count(")") > url.count("("))):
        url = url[:-1]
    return url


def _find_html_links(html: str) -> list[str]:
    parser = _LinkParser()
    parser.feed(html)
    parser.close()
    return parser.links


class _LinkParser(HTMLParser):
    """Collects URLs in attributes and in visible text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self._is_text = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_text = tag not in _ELEMENTS_WITHOUT_TEXT
        for name, value in attrs:
            if name in _LINK_ATTRIBUTES and value and _URL.match(value.strip()):
                self.links.append(value.strip())

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._is_text = True

    def handle_data(self, data: str) -> None:
        if self._is_text:
            self.links.extend(_find_links(data))
