"""WhatsApp templates that the mailbox treats as approved: the texts that an operator submits for approval."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files

from services.notifier.channels.catalogues import TEMPLATES
from services.notifier.channels.twilio.sms_text import template_text


def list_languages() -> list[str]:
    """Return the codes of the languages in which messages are available, sorted."""
    folder = files("services.notifier") / "templates"
    return sorted(entry.name[: -len(".toml")] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def content_sids() -> Mapping[str, str]:
    """Return the content SID of each template by `template/language`."""
    return {f"{template}/{language}": _sid(template, language) for template, language in _all_templates()}


def template_texts() -> Mapping[str, str]:
    """Return the text of each template by its content SID."""
    return {
        _sid(template, language): template_text(language, template) for template, language in _all_templates()
    }


def content_sids_setting() -> str:
    """Return the content SIDs in the format of NOTIFIER_TWILIO_CONTENT_SIDS."""
    return ",".join(f"{name}={sid}" for name, sid in content_sids().items())


def _all_templates() -> list[tuple[str, str]]:
    return [(template, language) for template in TEMPLATES for language in list_languages()]


def _sid(template: str, language: str) -> str:
    return "HX" + hashlib.sha256(f"{template}/{language}".encode()).hexdigest()[:32]
