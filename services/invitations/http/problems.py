"""Problem details of the API."""

from __future__ import annotations

import math
from collections.abc import Collection

from services.invitations.domain.explanations import explain_denial, explain_unconfigured
from services.invitations.domain.models import DenialReason
from services.invitations.domain.rules import Denied
from shared.contracts.values import Channel
from shared.runtime.web import Problem

_STATUS = {DenialReason.REMOVED: 404, DenialReason.TOO_SOON: 429, DenialReason.COOL_DOWN: 429}
_FIELD = {
    DenialReason.MESSAGE_CAP: "override_reason",
    DenialReason.NOT_KNOWN_YET: "parent_id",
    DenialReason.REMOVED: "parent_id",
}


def invitation_denied(denied: Denied, *, contact_named: bool) -> Problem:
    """Return the problem of a parent who was not invited.

    404 if the parent was removed, 422 for a contact that is not the parent's, 429 if it is too soon, else 409.
    """
    reason = denied.reason
    if reason is DenialReason.NO_CONTACT and contact_named:
        detail = "This is no contact of the parent that the channel can reach."
        return Problem(422, "unknown_contact", detail, field="contact_id")
    headers = {}
    if reason is DenialReason.NOT_KNOWN_YET:
        headers["Retry-After"] = "2"
    if denied.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(denied.retry_after.total_seconds())))
    return Problem(
        _STATUS.get(reason, 409),
        reason.value,
        explain_denial(reason),
        field=_FIELD.get(reason),
        headers=headers,
    )


def check_channel(channel: Channel, usable: Collection[Channel]) -> Channel:
    """Return the channel. Raises Problem 422 if this installation cannot send on it."""
    if channel not in usable:
        raise Problem(422, "channel_not_configured", explain_unconfigured(channel), field="channel")
    return channel


def parent_not_found() -> Problem:
    """Return the problem 404 of a parent whom this school does not have."""
    return Problem(404, "parent_not_found", "There is no such parent in this school.", field="parent_id")


def invitation_not_found() -> Problem:
    """Return the problem 404 of a parent without an invitation."""
    return Problem(404, "invitation_not_found", "This parent has no invitation.", field="parent_id")


def bulk_run_not_found() -> Problem:
    """Return the problem 404 of a bulk run that this school does not have."""
    return Problem(404, "bulk_not_found", "There is no such run in this school.", field="bulk_id")
