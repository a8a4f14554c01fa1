"""Unit tests of message parsing, also of bytes that are no e-mail message."""

from __future__ import annotations

from email.message import EmailMessage
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.embedded.mailbox.parsing import Content, parse_message
from deploy.embedded.mailbox.store import StoredMessage

_VERIFY = "http://127.0.0.1:8080/verify/AbC-_123?lang=en&x=1"


_IDS = count(1)


def _parse(raw: bytes) -> Content:
    return parse_message(StoredMessage(next(_IDS), "email", "a@x.example", raw, 0, 1))


def _build_email(text: str | None, html: str | None) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Grüße von der Schule ✓"
    if text is not None:
        message.set_content(text)
    if html is not None:
        if text is None:
            message.set_content(html, subtype="html")
        else:
            message.add_alternative(html, subtype="html")
    return message.as_bytes()


def test_both_bodies_and_every_link_once_in_order() -> None:
    html = f'<style>a{{background:url(http://no.example)}}</style><a href="{_VERIFY.replace("&", "&amp;")}">x</a>'
    html += (
        '<p>or http://school.example/help.</p><a href="mailto:a@x.example">m</a><a href="javascript:x">j</a>'
    )
    content = _parse(
        _build_email(f"Hallo Zoë,\n\nöffnen Sie {_VERIFY}.\n(http://school.example/a_(b))\n", html)
    )
    assert content.subject == "Grüße von der Schule ✓"
    assert content.text.startswith("Hallo Zoë,\n\nöffnen")
    assert content.html.strip() == html
    assert content.links == (_VERIFY, "http://school.example/a_(b)", "http://school.example/help")


def test_without_a_body_of_one_kind_that_kind_is_empty() -> None:
    only_html = _parse(_build_email(None, f"<a href='{_VERIFY}'>x</a>"))
    assert (only_html.text, only_html.links) == ("", (_VERIFY,))
    assert _parse(_build_email("no link", None)).html == ""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Your code: 7K2M-9QXZ-0ABC.", "7K2M-9QXZ-0ABC"),
        ("id 018f6e4c-7a1b-7c2d-8e3f-1234-5678-9012x", None),
        ("LOIL-UUUU-0000", None),
        ("none", None),
    ],
)
def test_a_typed_code_is_found(text: str, code: str | None) -> None:
    assert _parse(_build_email(text, None)).code == code


def test_an_attachment_is_no_body() -> None:
    message = EmailMessage()
    message.set_content("body")
    message.add_attachment("attached http://a.example", filename="a.txt")
    assert _parse(message.as_bytes()).links == ()


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"Subject: =?x?q?=FF?=\r\n", b"Content-Type: text/html; charset=no\r\n"]),
)
def test_any_bytes_are_parsed_without_an_error(body: bytes, head: bytes) -> None:
    _parse(head + b"\r\n" + body)
    _parse(head + body)
