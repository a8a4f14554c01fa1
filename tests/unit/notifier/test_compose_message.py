"""Composed messages: their link, and how long the provider may hold them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from services.notifier.use_cases.compose_message import MessageComposer
from shared.runtime.core import LinkTokenKeys
from tests.support.apps import TOKEN_KEYS
from tests.unit.notifier.test_messages import MESSAGE

KEYS = LinkTokenKeys.from_setting(TOKEN_KEYS)
COMPOSER = MessageComposer("https://kinvite.example", KEYS)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("template", "purpose"),
    [("verify", "verify"), ("verify_reminder", "verify"), ("invite", "join"), ("invite_reminder", "join")],
)
def test_the_link_leads_to_the_page_of_its_template(template: str, purpose: str) -> None:
    message = replace(MESSAGE, template=template, generation=3)
    token = KEYS.derive(purpose, message.invitation_id, 3, "k1")  # type: ignore[arg-type]
    assert COMPOSER.derive_link(message) == f"https://kinvite.example/{purpose}/{token}"


def test_a_key_that_is_not_installed_is_an_error() -> None:
    with pytest.raises(KeyError):
        COMPOSER.derive_link(replace(MESSAGE, token_key_id="k9"))


def test_the_provider_may_hold_it_until_quiet_hours_or_its_expiry() -> None:
    outbound = COMPOSER.compose(MESSAGE, NOW, lambda: True)
    assert outbound.valid_seconds == (MESSAGE.expires_at - NOW).total_seconds()
    quiet = replace(MESSAGE, quiet_from=time(20), quiet_until=time(8))
    assert COMPOSER.compose(quiet, NOW, lambda: True).valid_seconds == 8 * 3_600


def test_it_takes_over_what_the_recipient_is_to_read() -> None:
    outbound = COMPOSER.compose(MESSAGE, NOW, lambda: False)
    assert (outbound.address, outbound.name) == ("maria@example.org", "Maria Lopez")
    assert (outbound.school_name, outbound.language, outbound.timezone) == ("Forest School", "en", "UTC")
    assert not outbound.is_held()
