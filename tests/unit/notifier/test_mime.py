"""E-mail messages: the spliced message equals the one that the email package builds."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.notifier.channels.catalogues import TEMPLATES, placeholder_values
from services.notifier.channels.email.mime import EmailTemplate, Headers, build
from services.notifier.channels.email.template import render
from services.notifier.channels.sanitise import sanitise_name
from tests.unit.notifier.builders import outbound_message

SENDER = Address("Kinvite", "no-reply", "kinvite.example")
DATE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LANGUAGES = ("en", "de", "ar")
_TEMPLATES = {
    (language, template): EmailTemplate(SENDER, language, template)
    for language in LANGUAGES
    for template in TEMPLATES
}
_NAMES = st.text(max_size=200) | st.sampled_from(
    ["Jörg Müller", 'Ann "Nan" O\\Neil', "Lee, Kim", "=?utf-8?q?x?="]
)
_SCHOOLS = st.text(max_size=200) | st.sampled_from(
    ["Grundschule am Wald, Köln", "x" * 120, "学校 " * 30, "Hill =?utf-8?q?x=0D=0ABcc:_a?= School"]
)


def _headers(name: str, address: str = "maria@example.org") -> Headers:
    return Headers(sanitise_name(name), address, "0123456789abcdef@kinvite.example", DATE)


def _parsed(raw: bytes) -> EmailMessage:
    parsed = message_from_bytes(raw, policy=policy.SMTP)
    assert isinstance(parsed, EmailMessage)
    return parsed


@settings(max_examples=60, deadline=None)
@given(name=_NAMES, school=_SCHOOLS, key=st.sampled_from(sorted(_TEMPLATES)))
@example(name="Maria\r\nBcc: x@example.org", school="School\r\n\r\n<script>", key=("en", "verify"))
@example(name="\ue000link\ue001", school="\ue000greeting\ue001", key=("ar", "invite"))
@example(name=".", school=".", key=("en", "verify"))
def test_splicing_equals_a_full_build(name: str, school: str, key: tuple[str, str]) -> None:
    language, template = key
    message = outbound_message(name=name, school_name=school, language=language, template=template)
    values = placeholder_values(message)
    headers = _headers(name)
    spliced = _TEMPLATES[key].to_bytes(headers, values)
    content = render(language, template, values)
    is_encoded = "=?" in content.subject  # the email package would decode it; a test of its own covers that
    built = build(SENDER, headers, language, replace(content, subject="x") if is_encoded else content)
    assert _body(spliced) == _body(built)
    spliced_message, built_message = _parsed(spliced), _parsed(built)
    assert spliced_message.keys() == built_message.keys()
    for field in (
        "From",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Content-Language",
    ):
        if field != "Subject" or not is_encoded:
            assert spliced_message[field] == built_message[field], field
    assert _recipient(spliced) == (sanitise_name(name), "maria@example.org")


def _recipient(raw: bytes) -> tuple[str, str]:
    """Return name and address of the To header.

    White space between encoded words is no part of the name (RFC 2047); the newer parser of the standard library keeps
    it in some versions.
    """
    name, address = parseaddr(str(message_from_bytes(raw)["To"]))
    return str(make_header(decode_header(name))) if "=?" in name else name, address


def _body(raw: bytes) -> bytes:
    """Return everything after the headers."""
    return raw.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("key", sorted(_TEMPLATES), ids="-".join)
def test_a_plain_name_gives_the_same_bytes(key: tuple[str, str]) -> None:
    language, template = key
    values = placeholder_values(outbound_message(language=language, template=template))
    headers = _headers("Maria Lopez")
    built = build(SENDER, headers, language, render(language, template, values))
    assert _TEMPLATES[key].to_bytes(headers, values) == built


@settings(max_examples=60, deadline=None)
@given(name=_NAMES, school=_SCHOOLS)
def test_the_wire_form_is_ascii_in_short_lines_with_one_header_each(name: str, school: str) -> None:
    raw = _TEMPLATES["en", "invite"].to_bytes(
        _headers(name), placeholder_values(outbound_message(name=name, school_name=school))
    )
    head = raw.partition(b"\r\n\r\n")[0]
    fields = re.findall(rb"^([A-Za-z-]+):", head, re.MULTILINE)
    assert sorted(fields) == sorted(
        [
            b"From",
            b"To",
            b"Subject",
            b"Date",
            b"Message-ID",
            b"Auto-Submitted",
            b"MIME-Version",
            b"Content-Type",
            b"Content-Language",
        ]
    )
    assert raw.isascii()
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert all(len(line) <= 76 for line in raw.split(b"\r\n") if not line.startswith(b"Subject:"))
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


@pytest.mark.parametrize(
    "school", ["Hill =?utf-8?q?Bcc=3A_x?= School", "=?utf-8?b?QmNjOiB4?=", "学校 =?utf-8?b?QmNjOiB4?=" * 4]
)
def test_an_encoded_word_in_a_name_is_shown_as_it_is_written(school: str) -> None:
    values = placeholder_values(outbound_message(name=school, school_name=school))
    raw = _TEMPLATES["en", "verify"].to_bytes(_headers(school), values)
    head = message_from_bytes(raw)
    assert sanitise_name(school) in str(make_header(decode_header(head["Subject"])))
    assert _recipient(raw)[0] == sanitise_name(school)


def test_both_parts_hold_the_link() -> None:
    parsed = _parsed(
        _TEMPLATES["en", "verify"].to_bytes(_headers("Maria"), placeholder_values(outbound_message()))
    )
    assert parsed.get_content_type() == "multipart/alternative"
    text, html = parsed.iter_parts()
    for part in (text, html):
        assert "https://kinvite.example/verify/abcdefghijklmnopqrstuv" in part.get_content()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")


def test_a_template_contains_no_recipient() -> None:
    template = _TEMPLATES["en", "verify"]
    first = template.to_bytes(_headers("Maria", "maria@example.org"), placeholder_values(outbound_message()))
    second = template.to_bytes(
        _headers("Sam", "sam@example.org"), placeholder_values(outbound_message(name="Sam"))
    )
    assert b"Maria" in first
    assert b"maria" not in second.lower()
