"""Catalogues of texts, and the messages rendered from them."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.notifier.channels.catalogues import (
    PLACEHOLDERS,
    TEMPLATES,
    fill,
    get_catalogue,
    placeholder_values,
)
from services.notifier.channels.email.template import render
from tests.unit.notifier.builders import LINK, outbound_message

_FOLDER = Path(__file__).parents[3] / "services" / "notifier" / "templates"
_LANGUAGES = sorted(path.stem for path in _FOLDER.glob("*.toml"))
_EVERY = [(language, template) for language in _LANGUAGES for template in TEMPLATES]


@pytest.mark.parametrize(("language", "template"), _EVERY)
def test_every_message_names_school_link_and_expiry(language: str, template: str) -> None:
    message = outbound_message(language=language, template=template)
    values = placeholder_values(message)
    content = render(language, template, values)
    for part in (content.text, content.html):
        assert "Forest School" in part
        assert LINK in part
        assert "Maria Lopez" in part
        assert values["expires"] in part
        assert not re.search(r"\{\w+\}", part)
    assert "Forest School" in content.subject
    assert f'href="{LINK}"' in content.html
    assert content.html.count(LINK) == 3


@pytest.mark.parametrize("language", _LANGUAGES)
def test_catalogues_have_the_same_shape_and_only_known_placeholders(language: str) -> None:
    words = tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))
    english = get_catalogue("en")
    assert words.keys() == english.keys()
    assert (len(words["months"]), len(words["weekdays"])) == (12, 7)
    for template in TEMPLATES:
        assert words[template].keys() == english[template].keys()
        placeholders = set(re.findall(r"\{(\w+)\}", str(words[template]) + words["why"] + words["expiry"]))
        assert placeholders <= set(PLACEHOLDERS)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("AR", "ar"),
        ("xx", "en"),
        ("", "en"),
        ("../settings", "en"),
        ("fr-CA", "en"),
    ],
)
def test_an_unknown_language_falls_back_to_english(language: str, expected: str) -> None:
    assert get_catalogue(language)["language"] == expected


def test_arabic_is_written_from_right_to_left() -> None:
    assert (
        '<html lang="ar" dir="rtl">'
        in render("ar", "invite", placeholder_values(outbound_message(language="ar"))).html
    )


def test_the_expiry_has_time_and_zone_of_the_school() -> None:
    assert placeholder_values(outbound_message())["expires"] == (
        "Saturday 7 March 2026, 14:05 (time zone Europe/Berlin, UTC+01:00)"
    )
    winter = outbound_message(timezone="America/New_York", expires_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    assert (
        placeholder_values(winter)["expires"]
        == "Thursday 1 January 2026, 22:04 (time zone America/New York, UTC-05:00)"
    )
    assert (
        "time zone UTC, UTC+00:00"
        in placeholder_values(outbound_message(timezone="../etc/passwd"))["expires"]
    )


def test_p12_the_first_message_requests_to_confirm_the_address() -> None:
    content = render("en", "verify", placeholder_values(outbound_message()))
    assert content.subject == "Forest School: please confirm your e-mail address"
    assert "Confirm my address" in content.text


def test_the_invitation_carries_detailed_instructions() -> None:
    content = render("en", "invite", placeholder_values(outbound_message(template="invite")))
    assert content.subject == "Forest School invites you to sign up"
    for step in ("1. Press the button", "2. Choose a username and a password", "3. You are signed up"):
        assert step in content.text


@pytest.mark.parametrize(("language", "template"), _EVERY)
def test_decision_7_no_message_has_a_place_for_anything_about_a_student(language: str, template: str) -> None:
    assert set(PLACEHOLDERS) == {"greeting", "school", "expires", "link"}
    plain = render(language, template, dict.fromkeys(PLACEHOLDERS, ""))
    words = "student|pupil|child|son|daughter|class|grade|Schüler|Kind|Klasse|الطالب|طفل|ابن"
    assert not re.search(rf"\b({words})", plain.text + plain.subject, re.IGNORECASE)


def test_a_nameless_recipient_is_greeted_too() -> None:
    assert placeholder_values(outbound_message(name=" "))["greeting"] == "Hello,"
    assert placeholder_values(outbound_message(name="https://evil.example"))["greeting"] == "Hello,"


def test_c6_two_names_in_one_record_are_greeted_together() -> None:
    assert (
        placeholder_values(outbound_message(name="Ali & Sara Khan"))["greeting"] == "Hello Ali & Sara Khan,"
    )


@pytest.mark.parametrize("name", ["{{7*7}}", "<a href=x>y</a>", "{link}", "{school}", "{% raw %}", "'\"&<>"])
def test_values_are_never_read_as_a_template(name: str) -> None:
    content = render("en", "verify", placeholder_values(outbound_message(name=name, school_name=name)))
    assert name in content.text
    assert "49" not in content.text
    assert "<a href=x>" not in content.html


def test_filling_is_done_once() -> None:
    assert fill("{a}{b}", {"a": "{b}", "b": "x"}) == "{b}x"
