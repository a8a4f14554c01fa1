"""Texts for phones: at most two SMS, with the school and the whole link."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.notifier.channels.catalogues import TEMPLATES
from services.notifier.channels.twilio.sms_text import (
    count_segments,
    find_content_sid,
    sms_text,
    template_text,
    template_variables,
)
from tests.unit.notifier.builders import LINK, outbound_message

LANGUAGES = ("ar", "de", "en")
LONG = "Städtische Gemeinschaftsgrundschule am Alten Rathaus Nordrhein-Westfalen, Zweigstelle Süd"
each_template = pytest.mark.parametrize(
    ("language", "template"), [(a, b) for a in LANGUAGES for b in TEMPLATES]
)


@each_template
@pytest.mark.parametrize("school", ["Forest School", LONG, "مدرسة الغابة الابتدائية للبنين والبنات"])
def test_a_text_fits_two_sms_and_keeps_its_link(language: str, template: str, school: str) -> None:
    link = f"https://{'k' * 30}.example/verify/abcdefghijklmnopqrstuv"
    text = sms_text(outbound_message(language=language, template=template, school_name=school, link=link))
    foreign = school.startswith("م") and language != "ar"
    assert count_segments(text) <= (3 if foreign else 2)
    assert link in text
    assert school[:10] in text
    assert "{" not in text


@each_template
def test_a_whatsapp_template_takes_three_values_and_no_other(language: str, template: str) -> None:
    text = template_text(language, template)
    values = template_variables(outbound_message(language=language, template=template))
    for name in ("1", "2", "3"):
        assert text.count(f"{{{{{name}}}}}") == 1
    assert text.count("{{") == 3
    assert values["1"] == "Forest School"
    assert values["2"] == LINK
    assert "13:05" in values["3"] or "14:05" in values["3"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("é" * 160, 1),
        ("ё" * 70, 1),
        ("ё" * 71, 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
        ("", 1),
    ],
)
def test_segments_are_counted_as_networks_do(text: str, count: int) -> None:
    assert count_segments(text) == count


def test_a_school_that_calls_itself_a_web_address_is_no_link() -> None:
    text = sms_text(outbound_message(school_name="Evil http://evil.example www.evil.example evil.example"))
    assert "evil.example" not in text


def test_the_expiry_is_given_in_the_schools_time_zone() -> None:
    ends = datetime(2026, 3, 7, 23, 30, tzinfo=UTC)
    assert "8 March 00:30" in sms_text(outbound_message(expires_at=ends))


def test_the_template_of_the_nearest_language_is_taken() -> None:
    sids = {"verify": "HX1", "verify/de": "HX2", "verify/de-at": "HX3"}
    chosen = [
        find_content_sid(sids, outbound_message(language=name)) for name in ("fr", "de", "de-CH", "de-AT")
    ]
    assert chosen == ["HX1", "HX2", "HX2", "HX3"]
    assert find_content_sid(sids, outbound_message(template="invite")) is None
