"""Reading a kept mail, also one that is no mail at all."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.embedded.mailbox.parse import Content, content_of
from deploy.embedded.mailbox.store import Kept

_VERIFY = "http://127.0.0.1:8080/verify/AbC-_123?lang=en&x=1"


def _read(raw: bytes) -> Content:
    _read.count += 1  # type: ignore[attr-defined]
    return content_of(Kept(_read.count, "email", "a@x.example", raw, 0, 1))  # type: ignore[attr-defined]


_read.count = 0  # type: ignore[attr-defined]


def _mail(text: str | None, html: str | None) -> bytes:
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
    content = _read(_mail(f"Hallo Zoë,\n\nöffnen Sie {_VERIFY}.\n(http://school.example/a_(b))\n", html))
    assert content.subject == "Grüße von der Schule ✓"
    assert content.text.startswith("Hallo Zoë,\n\nöffnen")
    assert content.html.strip() == html
    assert content.links == (_VERIFY, "http://school.example/a_(b)", "http://school.example/help")


def test_a_mail_of_one_kind_has_the_other_empty() -> None:
    only_html = _read(_mail(None, f"<a href='{_VERIFY}'>x</a>"))
    assert (only_html.text, only_html.links) == ("", (_VERIFY,))
    assert _read(_mail("no link", None)).html == ""


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
    assert _read(_mail(text, None)).code == code


def test_an_attachment_is_no_body() -> None:
    message = EmailMessage()
    message.set_content("body")
    message.add_attachment("attached http://a.example", filename="a.txt")
    assert _read(message.as_bytes()).links == ()


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"Subject: =?x?q?=FF?=\r\n", b"Content-Type: text/html; charset=no\r\n"]),
)
def test_any_bytes_are_read_without_an_error(body: bytes, head: bytes) -> None:
    _read(head + b"\r\n" + body)
    _read(head + body)
