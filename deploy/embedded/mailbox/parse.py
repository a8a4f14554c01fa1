"""Reads a kept message: subject, both bodies, every link, and the typed code."""

import json
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from functools import lru_cache
from html.parser import HTMLParser

from deploy.embedded.mailbox.store import Kept

_URL = re.compile(r"https?://[^\s<>\"'\\^`{|}]+", re.IGNORECASE)
_LINKING_ATTRIBUTES = frozenset({"href", "src", "action", "background"})
_BLOCKS_WITHOUT_WORDS = frozenset({"style", "script"})
# A typed code is 60 bits in Crockford's base32 (no I, L, O, U), written in three groups of four.
_CODE = re.compile(r"(?<![\w-])([0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2})(?![\w-])")


@dataclass(frozen=True)
class Content:
    """`links` are the http and https addresses of both bodies, each once, in the order of their appearance."""

    subject: str
    text: str
    html: str
    links: tuple[str, ...]
    code: str | None
    sid: str | None = None
    """A text message's name at the provider; of several copies the first one's."""


def content_of(kept: Kept) -> Content:
    return _parse(kept.id, kept.raw) if kept.channel == "email" else _parse_text(kept.raw)


def _parse_text(raw: bytes) -> Content:
    text = json.loads(raw)
    body = str(text["body"])
    code = _CODE.search(body)
    return Content(
        "", body, "", tuple(dict.fromkeys(_links_in_text(body))), code[1] if code else None, text.get("sid")
    )


@lru_cache(maxsize=2048)
def _parse(_message_id: int, raw: bytes) -> Content:
    message = message_from_bytes(raw, policy=policy.compat32)  # a fifth of the work of the newer policies
    text, html = _body(message, "text/plain"), _body(message, "text/html")
    links = dict.fromkeys([*_links_in_text(text), *_links_in_html(html)])
    code = _CODE.search(text) or _CODE.search(html)
    return Content(_subject(message), text, html, tuple(links), code[1] if code else None)


def _subject(message: Message) -> str:
    raw = str(message.get("subject", ""))
    try:
        return " ".join(str(make_header(decode_header(raw))).split())
    except (MessageError, LookupError, ValueError):
        return " ".join(raw.split())


def _body(message: Message, content_type: str) -> str:
    """The decoded body, its lines ended by a bare line feed; empty when the mail has none of this kind."""
    for part in message.walk():
        if part.get_content_type() == content_type and part.get_content_disposition() != "attachment":
            payload = part.get_payload(decode=True)
            data = payload if isinstance(payload, bytes) else b""
            try:
                decoded = data.decode(part.get_content_charset("utf-8"), "replace")
            except LookupError:  # a charset that nobody knows
                decoded = data.decode("utf-8", "replace")
            return decoded.replace("\r\n", "\n")
    return ""


def _links_in_text(text: str) -> list[str]:
    return [_trimmed(found[0]) for found in _URL.finditer(text)]


def _trimmed(url: str) -> str:
    """Without the full stop or bracket of the sentence around it."""
    while url and (url[-1] in ".,;:!?*_" or (url[-1] == ")" and url.count(")") > url.count("("))):
        url = url[:-1]
    return url


def _links_in_html(html: str) -> list[str]:
    reader = _LinkReader()
    reader.feed(html)
    reader.close()
    return reader.links


class _LinkReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self._silent: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag if tag in _BLOCKS_WITHOUT_WORDS else None
        for name, value in attrs:
            if name in _LINKING_ATTRIBUTES and value and _URL.match(value.strip()):
                self.links.append(value.strip())

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._silent = None

    def handle_data(self, data: str) -> None:
        if self._silent is None:
            self.links.extend(_links_in_text(data))
