"""Texts of the pages, and the choice of language."""

import re
from string import Formatter

import pytest

from services.signup.http.pages import Pages

PAGES = Pages()
ENGLISH = PAGES.texts["en"]


def _placeholders(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", ["de", "ar"])
def test_every_language_has_every_text_with_the_same_placeholders(language: str) -> None:
    texts = PAGES.texts[language]
    assert texts.keys() == ENGLISH.keys()
    assert {key for key in ENGLISH if _placeholders(texts[key]) != _placeholders(ENGLISH[key])} == set()


def test_dead_links_and_errors_name_nobody() -> None:
    spoken = {key: text for key, text in ENGLISH.items() if key.startswith(("dead.", "error.", "fresh."))}
    assert spoken
    assert {key for key, text in spoken.items() if _placeholders(text)} == set()


@pytest.mark.parametrize(
    ("preferred", "accepted", "chosen"),
    [
        ("de", "ar", "de"),
        ("de-CH", "", "de"),
        ("tlh", "ar;q=0.5, de;q=0.9", "de"),
        (None, "fr-FR, ar-EG;q=0.8", "ar"),
        (None, "", "en"),
        (None, "*;q=x,,;;=", "en"),
        (None, "x" * 100_000, "en"),
    ],
)
def test_the_parents_language_wins_then_the_browsers(
    preferred: str | None, accepted: str, chosen: str
) -> None:
    assert PAGES.language(preferred, accepted) == chosen


def test_values_are_escaped_and_isolated() -> None:
    text = PAGES.text("en", "done.text", {"school": "<script>alert(1)</script> {school}"})
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt; {school}</bdi>" in text


def test_texts_are_plain_sentences() -> None:
    assert not [key for key, text in ENGLISH.items() if re.search(r"</?\w|&\w+;|!!|  ", text)]
