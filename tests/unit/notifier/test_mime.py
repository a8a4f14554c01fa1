"""The spliced mail is the mail that the email package builds."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.notifier.channels.mime import Headers, Skeleton, build
from services.notifier.channels.safe import tame
from services.notifier.channels.words import TEMPLATES, render, values_of
from tests.unit.notifier.letters import letter

SENDER = Address("Kinvite", "no-reply", "kinvite.example")
DATE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LANGUAGES = ("en", "de", "ar")
_SKELETONS = {
    (language, template): Skeleton(SENDER, language, template)
    for language in LANGUAGES
    for template in TEMPLATES
}
_NAMES = st.text(max_size=200) | st.sampled_from(
    ["Jörg Müller", 'Ann "Nan" O\\Neil', "Lee, Kim", "=?utf-8?q?x?="]
)
_SCHOOLS = st.text(max_size=200) | st.sampled_from(["Grundschule am Wald, Köln", "x" * 120, "学校 " * 30])


def _headers(name: str, address: str = "maria@example.org") -> Headers:
    return Headers(tame(name), address, "0123456789abcdef@kinvite.example", DATE)


def _parsed(mail: bytes) -> EmailMessage:
    parsed = message_from_bytes(mail, policy=policy.SMTP)
    assert isinstance(parsed, EmailMessage)
    return parsed


@settings(max_examples=60, deadline=None)
@given(name=_NAMES, school=_SCHOOLS, key=st.sampled_from(sorted(_SKELETONS)))
@example(name="Maria\r\nBcc: x@example.org", school="School\r\n\r\n<script>", key=("en", "verify"))
@example(name="\ue000link\ue001", school="\ue000greeting\ue001", key=("ar", "invite"))
@example(name=".", school=".", key=("en", "verify"))
def test_splicing_equals_a_full_build(name: str, school: str, key: tuple[str, str]) -> None:
    language, template = key
    written = letter(name=name, school_name=school, language=language, template=template)
    values = values_of(written)
    headers = _headers(name)
    spliced = _SKELETONS[key].mail(headers, values)
    built = build(SENDER, headers, language, render(language, template, values))
    assert _body(spliced) == _body(built)
    ours, theirs = _parsed(spliced), _parsed(built)
    assert ours.keys() == theirs.keys()
    for field in (
        "From",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Content-Language",
    ):
        assert ours[field] == theirs[field], field
    assert _recipient(spliced) == (tame(name), "maria@example.org")


def _recipient(mail: bytes) -> tuple[str, str]:
    """As RFC 2047 has it: white space between encoded words is no part of the name. (The newer parser of the standard
    library keeps it in some versions.)
    """
    name, address = parseaddr(str(message_from_bytes(mail)["To"]))
    return str(make_header(decode_header(name))) if "=?" in name else name, address


def _body(mail: bytes) -> bytes:
    """Everything after the head, without the head's own fields."""
    return mail.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("key", sorted(_SKELETONS), ids="-".join)
def test_a_plain_name_gives_the_same_bytes(key: tuple[str, str]) -> None:
    language, template = key
    values = values_of(letter(language=language, template=template))
    headers = _headers("Maria Lopez")
    built = build(SENDER, headers, language, render(language, template, values))
    assert _SKELETONS[key].mail(headers, values) == built


@settings(max_examples=60, deadline=None)
@given(name=_NAMES, school=_SCHOOLS)
def test_the_wire_form_is_ascii_in_short_lines_with_one_header_each(name: str, school: str) -> None:
    mail = _SKELETONS["en", "invite"].mail(_headers(name), values_of(letter(name=name, school_name=school)))
    head = mail.partition(b"\r\n\r\n")[0]
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
    assert mail.isascii()
    assert b"\r" not in mail.replace(b"\r\n", b"")
    assert b"\n" not in mail.replace(b"\r\n", b"")
    assert all(len(line) <= 76 for line in mail.split(b"\r\n") if not line.startswith(b"Subject:"))
    assert all(len(line) <= 998 for line in mail.split(b"\r\n"))


def test_both_parts_hold_the_link() -> None:
    parsed = _parsed(_SKELETONS["en", "verify"].mail(_headers("Maria"), values_of(letter())))
    assert parsed.get_content_type() == "multipart/alternative"
    text, html = parsed.iter_parts()
    for part in (text, html):
        assert "https://kinvite.example/verify/abcdefghijklmnopqrstuv" in part.get_content()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")


def test_the_skeleton_knows_no_recipient() -> None:
    skeleton = _SKELETONS["en", "verify"]
    first = skeleton.mail(_headers("Maria", "maria@example.org"), values_of(letter()))
    second = skeleton.mail(_headers("Sam", "sam@example.org"), values_of(letter(name="Sam")))
    assert b"Maria" in first
    assert b"maria" not in second.lower()
