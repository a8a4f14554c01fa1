"""Refusals as problem details."""

from __future__ import annotations

import math
from collections.abc import Collection

from services.invitations.domain.rules import Stop
from services.invitations.domain.states import Channel, Hindrance
from services.invitations.domain.words import hindrance, unconfigured
from shared.runtime.web import Problem

_STATUS = {Hindrance.REMOVED: 404, Hindrance.TOO_SOON: 429, Hindrance.COOL_DOWN: 429}
_FIELD = {
    Hindrance.MESSAGE_CAP: "override_reason",
    Hindrance.NOT_KNOWN_YET: "parent_id",
    Hindrance.REMOVED: "parent_id",
}


def refused(stop: Stop, *, contact_named: bool) -> Problem:
    """Why the parent was not invited: 404 removed, 409 as things stand, 422 a wrong contact, 429 too soon."""
    why = stop.hindrance
    if why is Hindrance.NO_CONTACT and contact_named:
        detail = "This is no contact of the parent that the channel can reach."
        return Problem(422, "unknown_contact", detail, field="contact_id")
    headers = {}
    if why is Hindrance.NOT_KNOWN_YET:
        headers["Retry-After"] = "2"
    if stop.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(stop.retry_after.total_seconds())))
    return Problem(_STATUS.get(why, 409), why.value, hindrance(why), field=_FIELD.get(why), headers=headers)


def check_channel(channel: Channel, usable: Collection[Channel]) -> Channel:
    """The channel. Raises Problem 422 where this installation cannot send by it."""
    if channel not in usable:
        raise Problem(422, "channel_not_configured", unconfigured(channel), field="channel")
    return channel


def parent_not_found() -> Problem:
    """404: no such parent in this school."""
    return Problem(404, "parent_not_found", "There is no such parent in this school.", field="parent_id")
