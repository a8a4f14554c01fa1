"""Channels by which a parent can be reached."""

from __future__ import annotations

from uuid import uuid4

from services.dashboard.domain.parent_projection import Contact
from services.dashboard.domain.reachability import (
    CHANNELS,
    default_channel,
    list_open_channels,
    list_opted_out_channels,
)
from shared.contracts.values import ContactKind, address_digest

EMAIL = Contact(uuid4(), ContactKind.EMAIL, "amal@example.org")
PHONE = Contact(uuid4(), ContactKind.PHONE, "+441632960000")
OTHER_PHONE = Contact(uuid4(), ContactKind.PHONE, "+441632960001", preferred=True)


def test_the_default_is_the_last_channel_if_it_is_available() -> None:
    assert default_channel(["email", "sms"], "sms") == "sms"
    assert default_channel(["email", "sms"], "whatsapp") == "email"
    assert default_channel(["sms"], None) == "sms"
    assert default_channel([], "sms") == "email"


def test_each_kind_of_contact_opens_its_channels() -> None:
    assert list_open_channels([EMAIL], frozenset(), CHANNELS) == ["email"]
    assert list_open_channels([PHONE], frozenset(), CHANNELS) == ["sms", "whatsapp"]
    assert list_open_channels([PHONE, EMAIL], frozenset(), CHANNELS) == ["email", "sms", "whatsapp"]
    assert list_open_channels([PHONE, EMAIL], frozenset(), ("sms",)) == ["sms"]
    assert list_open_channels([], frozenset(), CHANNELS) == []


def test_an_opt_out_closes_one_channel_of_one_address() -> None:
    opt_outs = frozenset({("sms", address_digest(PHONE.address))})
    assert list_open_channels([PHONE], opt_outs, CHANNELS) == ["whatsapp"]
    assert list_opted_out_channels(PHONE, opt_outs) == ["sms"]
    assert list_opted_out_channels(OTHER_PHONE, opt_outs) == []
    assert list_opted_out_channels(EMAIL, frozenset({("sms", address_digest(EMAIL.address))})) == []


def test_the_preferred_contact_of_a_kind_decides_otherwise_the_first() -> None:
    opt_outs = frozenset({("sms", address_digest(PHONE.address))})
    assert list_open_channels([PHONE, OTHER_PHONE], opt_outs, ("sms",)) == ["sms"]
    unpreferred = OTHER_PHONE._replace(preferred=False)
    assert list_open_channels([PHONE, unpreferred], opt_outs, ("sms",)) == []
    assert list_open_channels([unpreferred, PHONE], opt_outs, ("sms",)) == ["sms"]
