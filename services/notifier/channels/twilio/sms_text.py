"""Texts for phones: SMS texts of at most two segments, and the variables of approved WhatsApp templates."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.notifier.channels.base import OutboundMessage
from services.notifier.channels.catalogues import fill, format_moment, get_catalogue, placeholder_values
from services.notifier.channels.sanitise import sanitise_name

MAX_SEGMENTS = 2
SHORTEST_SCHOOL_NAME = 10
LONGEST_QUEUE_SECONDS = 36_000
# GSM 03.38: characters of one septet, and those of two.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("^{}\\[~]|€\f")


def count_segments(text: str) -> int:
    """Return the number of SMS segments: one up to 160 septets or 70 UTF-16 units, else 153 or 67 in each."""
    if all(character in _GSM or character in _GSM_EXTENDED for character in text):
        length, single, joined = (
            sum(2 if character in _GSM_EXTENDED else 1 for character in text),
            160,
            153,
        )
    else:
        length, single, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= single else math.ceil(length / joined)


def sms_text(message: OutboundMessage) -> str:
    """Return the text of an SMS. A long school name is shortened where it would cost a third segment."""
    texts = get_catalogue(message.language)["sms"]
    school = sanitise_name(message.school_name)
    values = {
        "link": message.link,
        "until": format_moment(texts["moment"], message.language, message.expires_at, message.timezone),
    }
    while True:
        text = fill(texts[message.template], {**values, "school": school})
        if count_segments(text) <= MAX_SEGMENTS or len(school) <= SHORTEST_SCHOOL_NAME:
            return text
        school = school[:-1].rstrip()


def template_variables(message: OutboundMessage) -> dict[str, str]:
    """Return the variables of an approved template: 1 is the school, 2 the link, 3 the expiry."""
    values = placeholder_values(message)
    return {"1": values["school"], "2": values["link"], "3": values["expires"]}


def template_text(language: str, template: str) -> str:
    """Return the text of a WhatsApp template as it is submitted for approval, with `{{1}}` to `{{3}}`."""
    text: str = get_catalogue(language)["whatsapp"][template]
    return text


def queue_seconds(message: OutboundMessage) -> int:
    """Return how long a text may wait at the provider, within Twilio's limits, so that it is never sent too late."""
    if message.valid_seconds is None:
        return LONGEST_QUEUE_SECONDS
    return min(max(int(message.valid_seconds), 1), LONGEST_QUEUE_SECONDS)


def find_content_sid(content_sids: Mapping[str, str], message: OutboundMessage) -> str | None:
    """Find the approved template of a message in its language, in its base language, or for all languages."""
    language = message.language.lower()
    names = (
        f"{message.template}/{language}",
        f"{message.template}/{language.partition('-')[0]}",
        message.template,
    )
    return next((content_sids[name] for name in names if name in content_sids), None)
