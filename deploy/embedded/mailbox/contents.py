"""WhatsApp templates that count as approved here: the texts that an operator hands in for approval."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files

from services.notifier.channels.twilio.sms_text import template_text
from services.notifier.channels.catalogues import TEMPLATES


def languages() -> list[str]:
    """The languages that messages are written in."""
    folder = files("services.notifier") / "templates"
    return sorted(entry.name[: -len(".toml")] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def content_sids() -> Mapping[str, str]:
    """The sid of each template, by `template/language`."""
    return {f"{template}/{language}": _sid(template, language) for template, language in _every()}


def contents() -> Mapping[str, str]:
    """The text of each template, by its sid."""
    return {_sid(template, language): template_text(language, template) for template, language in _every()}


def content_sids_setting() -> str:
    """The sids as the notifier's setting has them."""
    return ",".join(f"{name}={sid}" for name, sid in content_sids().items())


def _every() -> list[tuple[str, str]]:
    return [(template, language) for template in TEMPLATES for language in languages()]


def _sid(template: str, language: str) -> str:
    return "HX" + hashlib.sha256(f"{template}/{language}".encode()).hexdigest()[:32]
