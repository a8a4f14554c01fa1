"""Meaning of SMTP replies: one table from reply codes to the errors of a channel.

Sources: RFC 5321 (reply codes), RFC 3463 and its registry (enhanced codes), RFC 7505 (null MX).
"""

from __future__ import annotations

import re
from enum import StrEnum

from services.notifier.channels.base import Refused, SendError, TryLater, Unavailable

_ENHANCED = re.compile(r"(?<![\d.])([245])\.\d{1,3}\.\d{1,3}(?!\.?\d)")

_HARD = {
    "5.1.1": "There is no mailbox with this address.",
    "5.1.2": "The part of the address after the @ does not exist.",
    "5.1.3": "The address is not written correctly.",
    "5.1.6": "The mailbox has moved and left no new address.",
    "5.1.10": "This domain does not accept e-mail.",
    "5.2.1": "The mailbox is switched off.",
    "5.4.4": "There is no route to the recipient's mail server.",
}
_HARD_WITHOUT_ENHANCED = {
    501: "The address is not written correctly.",
    550: "There is no mailbox with this address.",
    551: "The mailbox is not at this server.",
    553: "The address is not written correctly.",
}
_POLICY = (
    "The mail system refused our mail by its rules ({code}). "
    "This is about how the school's mail is sent, not about the parent's address."
)
_SENDER_CODES = frozenset({"5.1.7", "5.1.8"})
_POLICY_REPLIES = frozenset({530, 534, 535, 538})
_MAILBOX_FULL = "The mailbox is full."


class Stage(StrEnum):
    """Stage of an SMTP session at which a reply came. Before `RECIPIENT` a reply is never about a single message."""

    CONNECT = "connect"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"


def find_enhanced_code(code: int, text: str) -> str | None:
    """Return the enhanced status code in a reply, if its class is that of the reply; some servers write it last."""
    match = _ENHANCED.search(text[:200])
    return match.group(0) if match and match.group(1) == str(code)[:1] else None


def error_for(stage: Stage, code: int, text: str) -> SendError:
    """Return the error that a negative reply means. A malformed reply (code -1) counts as temporary."""
    enhanced = find_enhanced_code(code, text)
    shown = enhanced or str(code)
    detail = f"{code} {text}"
    if stage in (Stage.CONNECT, Stage.SENDER):
        return Unavailable(shown, f"The mail server does not take our mail now ({shown}).", detail=detail)
    if _is_mailbox_full(code, enhanced):
        return TryLater(shown, _MAILBOX_FULL, detail=detail)
    if not 500 <= code <= 599:
        reason = f"The recipient's mail system asked us to try again later ({shown})."
        return TryLater(shown, reason, detail=detail)
    return _permanent(stage, code, enhanced, detail)


def _is_mailbox_full(code: int, enhanced: str | None) -> bool:
    """Return whether the mailbox is full. X.2.2 is temporary even as 5.2.2, because the address is right."""
    return enhanced.endswith(".2.2") if enhanced else code in (452, 552)


def _permanent(stage: Stage, code: int, enhanced: str | None, detail: str) -> SendError:
    if enhanced is None:
        if code in _POLICY_REPLIES or stage is Stage.DATA:
            return Refused(f"policy_{code}", _POLICY.format(code=code), detail=detail)
        reason = _HARD_WITHOUT_ENHANCED.get(code, f"The recipient's mail system refused the mail ({code}).")
        return Refused(str(code), reason, detail=detail)
    if enhanced.startswith("5.7.") or enhanced in _SENDER_CODES:
        return Refused(f"policy_{enhanced}", _POLICY.format(code=enhanced), detail=detail)
    reason = _HARD.get(enhanced, f"The recipient's mail system refused the mail ({enhanced}).")
    return Refused(enhanced, reason, detail=detail)
