"""The words of a message: languages, values made safe, and the templates rendered in full.

Only the placeholders of the catalogues exist: no value is ever read as a template, and every value is escaped.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import DictLoader, Environment, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from services.notifier.channels.base import Letter
from services.notifier.channels.safe import tame

FALLBACK_LANGUAGE = "en"
TEMPLATES = ("verify", "invite", "verify_reminder", "invite_reminder")
VALUES = ("greeting", "school", "expires", "link")
_FOLDER = files("services.notifier") / "templates"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Content:
    """A message in full. `html` and `text` end with a line break and hold no carriage return."""

    subject: str
    text: str
    html: str


@lru_cache(maxsize=256)
def catalogue(language: str) -> Mapping[str, Any]:
    """The words in `language` (BCP 47), or in its base language, or in English."""
    for name in (language.lower(), language.lower().partition("-")[0], FALLBACK_LANGUAGE):
        path = _FOLDER / f"{name}.toml"
        if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", name) and path.is_file():
            return tomllib.loads(path.read_text("utf-8"))
    raise FileNotFoundError(f"{FALLBACK_LANGUAGE}.toml")


def values_of(letter: Letter) -> dict[str, str]:
    """What is put in for the placeholders: names tamed, the expiry as a moment in the school's time zone."""
    school, expires = run_values(letter)
    return {
        "greeting": greeting(letter.language, tame(letter.name)),
        "school": school,
        "expires": expires,
        "link": letter.link,
    }


def run_values(letter: Letter) -> tuple[str, str]:
    """The two values that all letters of a run share: school and expiry."""
    minute = letter.expires_at.replace(second=0, microsecond=0)
    return _tame_school(letter.school_name), _moment(letter.language, minute, letter.timezone)


def greeting(language: str, name: str) -> str:
    """The first words, to a name that was tamed or to nobody."""
    words = catalogue(language)
    return fill(words["greeting"], {"name": name}) if name else str(words["greeting_without_name"])


_tame_school = lru_cache(maxsize=1024)(tame)


def local_moment(pattern: str, language: str, at: datetime, timezone: str) -> str:
    """A moment in the school's time zone, written as `pattern` says; an unknown zone is shown as UTC."""
    words = catalogue(language)
    zone = _zone(timezone)
    local = at.astimezone(zone)
    offset = local.strftime("%z") or "+0000"
    return fill(
        pattern,
        {
            "weekday": words["weekdays"][local.weekday()],
            "day": str(local.day),
            "month": words["months"][local.month - 1],
            "month_number": str(local.month),
            "year": str(local.year),
            "time": f"{local.hour:02}:{local.minute:02}",
            "zone": zone.key.replace("_", " "),
            "offset": f"{offset[:3]}:{offset[3:5]}",
        },
    )


@lru_cache(maxsize=4096)
def _moment(language: str, at: datetime, timezone: str) -> str:
    """A moment with date, time, zone and offset, since a date alone misleads."""
    return local_moment(catalogue(language)["moment"], language, at, timezone)


def fill(words: str, values: Mapping[str, str]) -> str:
    """Put the values in, once: braces inside a value stay braces."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], words)


def render(language: str, template: str, values: Mapping[str, str]) -> Content:
    """The message in full; `template` is one of `TEMPLATES`, `values` has the names of `VALUES`."""
    words = catalogue(language)
    text = words[template]
    context = {"words": words, "text": text, "values": values}
    return Content(
        subject=fill(text["subject"], values),
        text=_environment(html=False).get_template("mail.txt.j2").render(context) + "\n",
        html=_environment(html=True).get_template("mail.html.j2").render(context) + "\n",
    )


@lru_cache(maxsize=2)
def _environment(*, html: bool) -> Environment:
    environment = Environment(
        loader=DictLoader(
            {name: (_FOLDER / name).read_text("utf-8") for name in ("mail.html.j2", "mail.txt.j2")}
        ),
        autoescape=html,  # noqa: S701 - the other template is the plain text
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["fill"] = _fill_escaped if html else _fill_plain
    return environment


@pass_context
def _fill_plain(context: Context, words: str) -> str:
    return fill(words, context["values"])


@pass_context
def _fill_escaped(context: Context, words: str) -> Markup:
    values = {name: str(escape(value)) for name, value in context["values"].items()}
    return Markup(fill(str(escape(words)), values))  # noqa: S704 - both parts were escaped


@lru_cache(maxsize=1024)
def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (KeyError, OSError, ValueError):
        return ZoneInfo("UTC")
