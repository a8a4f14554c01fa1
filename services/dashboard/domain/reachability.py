"""Channels by which a parent can be reached, taking account of opt-outs by STOP."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.dashboard.domain.parent_projection import Contact
from shared.contracts.values import ContactKind, address_digest

CHANNELS = ("email", "sms", "whatsapp")
KIND_OF_CHANNEL = {"email": ContactKind.EMAIL, "sms": ContactKind.PHONE, "whatsapp": ContactKind.PHONE}
OptedOutAddresses = frozenset[tuple[str, str]]
"""Pairs (channel, address digest) of the addresses that have opted out."""


@dataclass(frozen=True, slots=True)
class OptOut:
    """Whether an address of a parent has opted out of a channel, as notifier reported it in `version`."""

    school_id: UUID
    parent_id: UUID
    channel: str
    address_digest: str
    version: int
    opted_out: bool


def default_channel(channels: Sequence[str], last_channel: str | None) -> str:
    """Return the channel of the unlabelled button: that of the last message, otherwise the first available one."""
    if last_channel is not None and last_channel in channels:
        return last_channel
    return next(iter(channels), "email")


def list_opted_out_channels(contact: Contact, opt_outs: OptedOutAddresses) -> list[str]:
    """Return the channels on which the contact takes no more messages."""
    return [
        channel
        for channel in CHANNELS
        if KIND_OF_CHANNEL[channel] == contact.kind and (channel, address_digest(contact.address)) in opt_outs
    ]


def list_open_channels(
    contacts: Sequence[Contact], opt_outs: OptedOutAddresses, usable: Collection[str]
) -> list[str]:
    """Return the usable channels by which a message can be sent.

    The contact of a kind is chosen as the service invitations chooses it: the preferred one, otherwise the first.
    """
    channels = []
    for channel in CHANNELS:
        candidates = [contact for contact in contacts if contact.kind == KIND_OF_CHANNEL[channel]]
        chosen = next((contact for contact in candidates if contact.preferred), next(iter(candidates), None))
        if channel in usable and chosen and (channel, address_digest(chosen.address)) not in opt_outs:
            channels.append(channel)
    return channels
