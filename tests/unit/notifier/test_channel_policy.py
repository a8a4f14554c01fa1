"""Channel policy: which messages are refused at once, and why."""

from __future__ import annotations

import pytest

from services.notifier.domain.messages import Verdict
from services.notifier.use_cases.channel_policy import ChannelPolicy

POLICY = ChannelPolicy(frozenset({"email", "sms"}), frozenset({"DE", "AT"}))


@pytest.mark.parametrize(
    ("channel", "address"),
    [("email", "maria@example.org"), ("sms", "+4915112345678"), ("sms", "+436601234567")],
)
def test_what_is_set_up_and_allowed_is_sent(channel: str, address: str) -> None:
    assert POLICY.find_refusal(channel, address) is None


def test_a_channel_that_is_not_set_up_is_refused_by_its_name() -> None:
    refusal = POLICY.find_refusal("whatsapp", "+4915112345678")
    assert refusal is not None
    assert (refusal.verdict, refusal.code) == (Verdict.REFUSED, "not_configured")
    assert refusal.reason == "WhatsApp is not set up in this installation."


@pytest.mark.parametrize("address", ["+39333000000", "+999123456", "no number"])
def test_i37_a_text_to_another_country_is_refused(address: str) -> None:
    refusal = POLICY.find_refusal("sms", address)
    assert refusal is not None
    assert (refusal.verdict, refusal.code) == (Verdict.REFUSED, "policy_country")


def test_without_countries_a_text_goes_to_any() -> None:
    assert ChannelPolicy(frozenset({"sms"})).find_refusal("sms", "+39333000000") is None
