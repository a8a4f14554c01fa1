"""What a phone shows: short texts that fit two SMS, and the values of approved WhatsApp templates."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.notifier.channels.base import Letter
from services.notifier.channels.safe import tame
from services.notifier.channels.words import catalogue, fill, local_moment, values_of

MOST_SEGMENTS = 2
SHORTEST_SCHOOL_NAME = 10
LONGEST_QUEUE_SECONDS = 36_000
# GSM 03.38: one septet each, and those that take two.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€\f")


def segments(text: str) -> int:
    """How many SMS a text takes: 160 septets or 70 UTF-16 units in one, 153 or 67 in each of several."""
    if all(character in _GSM or character in _GSM_TWICE for character in text):
        length, alone, joined = sum(2 if character in _GSM_TWICE else 1 for character in text), 160, 153
    else:
        length, alone, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= alone else math.ceil(length / joined)


def sms_text(letter: Letter) -> str:
    """The whole message. A long school name is cut where it would cost a third SMS."""
    words = catalogue(letter.language)["sms"]
    school = tame(letter.school_name)
    values = {
        "link": letter.link,
        "until": local_moment(words["moment"], letter.language, letter.expires_at, letter.timezone),
    }
    while True:
        text = fill(words[letter.template], {**values, "school": school})
        if segments(text) <= MOST_SEGMENTS or len(school) <= SHORTEST_SCHOOL_NAME:
            return text
        school = school[:-1].rstrip()


def template_values(letter: Letter) -> dict[str, str]:
    """The variables of an approved template: 1 the school, 2 the link, 3 when it ends."""
    values = values_of(letter)
    return {"1": values["school"], "2": values["link"], "3": values["expires"]}


def template_text(language: str, template: str) -> str:
    """The text of a WhatsApp template as it is handed in for approval, with `{{1}}` to `{{3}}`."""
    text: str = catalogue(language)["whatsapp"][template]
    return text


def queue_seconds(letter: Letter) -> int:
    """How long a text may wait at the provider, within Twilio's limits, so that it comes in time or not at all."""
    left = LONGEST_QUEUE_SECONDS if letter.valid_seconds is None else int(letter.valid_seconds)
    return min(max(left, 1), LONGEST_QUEUE_SECONDS)


def content_sid(sids: Mapping[str, str], letter: Letter) -> str | None:
    """The approved template for a letter in its language, in its base language, or for all languages."""
    language = letter.language.lower()
    names = (
        f"{letter.template}/{language}",
        f"{letter.template}/{language.partition('-')[0]}",
        letter.template,
    )
    return next((sids[name] for name in names if name in sids), None)
