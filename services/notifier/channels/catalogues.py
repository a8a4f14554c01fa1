"""Catalogues of message texts by language, and the values that are inserted for their placeholders.

Only the placeholders of the catalogues exist: no value is ever interpreted as a template.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

from services.notifier.channels.base import OutboundMessage
from services.notifier.channels.sanitise import sanitise_name
from shared.contracts.quiet_hours import zone_of
from shared.contracts.values import Template

FALLBACK_LANGUAGE = "en"
TEMPLATES = tuple(template.value for template in Template)
PLACEHOLDERS = ("greeting", "school", "expires", "link")
TEMPLATE_FOLDER = files("services.notifier") / "templates"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=256)
def get_catalogue(language: str) -> Mapping[str, Any]:
    """Return the catalogue of a language (BCP 47), of its base language, or of English."""
    for name in (language.lower(), language.lower().partition("-")[0], FALLBACK_LANGUAGE):
        path = TEMPLATE_FOLDER / f"{name}.toml"
        if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", name) and path.is_file():
            return tomllib.loads(path.read_text("utf-8"))
    raise FileNotFoundError(f"{FALLBACK_LANGUAGE}.toml")


def placeholder_values(message: OutboundMessage) -> dict[str, str]:
    """Return the values of `PLACEHOLDERS`: sanitised names, and the expiry in the time zone of the school."""
    school, expires = shared_values(message)
    return {
        "greeting": greeting(message.language, sanitise_name(message.name)),
        "school": school,
        "expires": expires,
        "link": message.link,
    }


def shared_values(message: OutboundMessage) -> tuple[str, str]:
    """Return the two values that all messages of a bulk run share: school and expiry."""
    expires_at = message.expires_at.replace(second=0, microsecond=0)
    return _sanitise_school(message.school_name), _format_expiry(
        message.language, expires_at, message.timezone
    )


def greeting(language: str, name: str) -> str:
    """Return the greeting for a sanitised name, or the one without a name if it is empty."""
    texts = get_catalogue(language)
    return fill(texts["greeting"], {"name": name}) if name else str(texts["greeting_without_name"])


_sanitise_school = lru_cache(maxsize=1024)(sanitise_name)


def format_moment(pattern: str, language: str, moment: datetime, timezone: str) -> str:
    """Format a moment in a time zone by a pattern of the catalogue; an unknown time zone is shown as UTC."""
    texts = get_catalogue(language)
    zone = _zone(timezone)
    local = moment.astimezone(zone)
    offset = local.strftime("%z") or "+0000"
    return fill(
        pattern,
        {
            "weekday": texts["weekdays"][local.weekday()],
            "day": str(local.day),
            "month": texts["months"][local.month - 1],
            "month_number": str(local.month),
            "year": str(local.year),
            "time": f"{local.hour:02}:{local.minute:02}",
            "zone": zone.key.replace("_", " "),
            "offset": f"{offset[:3]}:{offset[3:5]}",
        },
    )


@lru_cache(maxsize=4096)
def _format_expiry(language: str, expires_at: datetime, timezone: str) -> str:
    """Format an expiry with date, time, zone and offset, because a date alone misleads."""
    return format_moment(get_catalogue(language)["moment"], language, expires_at, timezone)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders of a text once; braces within a value stay braces."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


_zone = lru_cache(maxsize=1024)(zone_of)
