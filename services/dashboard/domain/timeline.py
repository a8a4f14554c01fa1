"""Timeline of a parent record: one entry per event, stored without personal data and shown as a sentence."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import NamedTuple

TEMPLATE_PHRASES = {
    "verify": "the request to confirm the contact",
    "verify_reminder": "the reminder to confirm the contact",
    "invite": "the invitation",
    "invite_reminder": "the reminder",
}

REFUSAL_PHRASES = {
    "expired": "the link had expired",
    "replaced": "a newer link had been sent",
    "used": "the link had been used",
    "withdrawn": "the invitation had been withdrawn",
    "no_access": "no right of access was left",
}

CHANNEL_PHRASES = {"email": "by e-mail", "sms": "by SMS", "whatsapp": "by WhatsApp", "paper": "by letter"}

SENTENCES = {
    "parent_added": "Added to the roster",
    "parent_renamed": "Name changed",
    "parent_contact_changed": "Contact details changed",
    "parent_access_changed": "Children or access changed",
    "parent_removed": "Removed from the roster",
    "siblings_linked": "Children linked as siblings",
    "siblings_unlinked": "Sibling link undone",
    "invitation_requested": "Invitation asked for",
    "verification_requested": "Asked to confirm the contact {channel}",
    "verification_waits": "Will be asked to confirm the contact {channel}, after quiet hours",
    "contact_verified": "Confirmed the contact",
    "invitation_issued": "Invited {channel}",
    "invitation_waits": "Will be invited {channel}, after quiet hours",
    "invitation_accepted": "Filled in the sign-up form",
    "invitation_refused": "A sign-up was refused: {refusal}",
    "invitation_expired": "The invitation expired",
    "invitation_withdrawn": "The invitation was withdrawn",
    "invitation_blocked": "No longer invited: no right of access is left",
    "message_sent": "Sent {template} {channel}",
    "message_delivered": "Delivered {template}",
    "message_deferred": "Could not deliver {template} yet: {reason}",
    "message_failed": "Could not deliver {template}: {reason}",
    "message_outcome_unknown": "It is not known whether {template} arrived: {reason}",
    "recipient_opted_out": "Answered STOP: takes no more messages {channel}",
    "recipient_opted_in": "Answered START: takes messages {channel} again",
    "signed_up": "Signed up",
}


class TimelineEntry(NamedTuple):
    """Event in a timeline. `kind` is a key of SENTENCES; the other fields fill the placeholders of its sentence."""

    kind: str
    at: datetime
    channel: str | None = None
    template: str | None = None
    reason: str | None = None
    actor: str | None = None


@cache
def kind_of_event(class_name: str) -> str:
    """Return the kind of an event by its class name: `ParentAdded` becomes `parent_added`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


def format_entry(entry: TimelineEntry) -> str:
    """Return the sentence without a full stop. A kind that this version does not know is shown as its name."""
    pattern = SENTENCES.get(entry.kind, entry.kind.replace("_", " ").capitalize())
    sentence = pattern.format(
        channel=CHANNEL_PHRASES.get(entry.channel or "", ""),
        template=TEMPLATE_PHRASES.get(entry.template or "", "the message"),
        refusal=REFUSAL_PHRASES.get(entry.reason or "", entry.reason or "no reason was given"),
        reason=(entry.reason or "no reason was given").rstrip("."),
    )
    return " ".join(sentence.split())
