"""docs/settings.md says what the settings classes say."""

from __future__ import annotations

from deploy.cli.services import SERVICES, settings_class
from deploy.cli.settings_page import PAGE, page
from shared.runtime.core import variable_name


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run make docs"


def test_it_names_every_setting_and_marks_secrets() -> None:
    text = page()
    for service in SERVICES:
        settings = settings_class(service)
        for name in settings.model_fields:
            assert f"| `{variable(settings, name)}` |" in text
    secret = next(line for line in text.splitlines() if "KINVITE_AUTH_SECRET" in line)
    assert "| yes |" in secret
    unit = next(line for line in text.splitlines() if "INVITATIONS_COOL_DOWN_HOURS" in line)
    assert "| hours | `24` |" in unit
