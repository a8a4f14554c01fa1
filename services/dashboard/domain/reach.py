"""Which way of writing reaches a parent, and which they have closed by answering STOP."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.dashboard.domain.family import Contact

CHANNELS = ("email", "sms", "whatsapp")
CHANNEL_NAMES = {"email": "e-mail", "sms": "SMS", "whatsapp": "WhatsApp"}
KIND_OF_CHANNEL = {"email": "email", "sms": "phone", "whatsapp": "phone"}
Stopped = frozenset[tuple[str, str]]
"""(channel, digest of the address) of each address that takes no more."""


@dataclass(frozen=True, slots=True)
class OptOut:
    """Whether an address of a parent takes messages on a channel, as notifier knew it at `version`."""

    school_id: UUID
    parent_id: UUID
    channel: str
    address_digest: str
    version: int
    opted_out: bool


def first_way(ways: Sequence[str], last: str | None) -> str:
    """What the button without a word of its own means: the way of the last message, else the first open one."""
    return last if last is not None and last in ways else next(iter(ways), "email")


def digest_of(address: str) -> str:
    """SHA-256 (hex) of an address, letter case and outer blanks aside: tells it again without keeping it."""
    return hashlib.sha256(address.strip().casefold().encode()).hexdigest()


def closed_channels(contact: Contact, stopped: Stopped) -> list[str]:
    """On which channels the contact takes no more."""
    return [
        channel
        for channel in CHANNELS
        if KIND_OF_CHANNEL[channel] == contact.kind and (channel, digest_of(contact.address)) in stopped
    ]


def open_channels(contacts: Sequence[Contact], stopped: Stopped, usable: Collection[str]) -> list[str]:
    """By which of the usable channels a message can go out; the contact is chosen as invitations chooses it."""
    found = []
    for channel in CHANNELS:
        kind = [contact for contact in contacts if contact.kind == KIND_OF_CHANNEL[channel]]
        chosen = next((contact for contact in kind if contact.preferred), next(iter(kind), None))
        if channel in usable and chosen and (channel, digest_of(chosen.address)) not in stopped:
            found.append(channel)
    return found
