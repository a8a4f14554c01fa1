"""Records of ten kinds that can never be processed.

Their keys carry their kind, by which the oracle recognises them.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.contracts.envelope import Headers

PREFIX = "poison-"
TYPES = {
    "roster.parent": "roster.parent.renamed.v1",
    "invitations.invitation": "invitations.invitation.issued.v1",
    "notifier.commands": "notifier.message.send.v1",
    "notifier.message": "notifier.message.sent.v1",
    "signup.submission": "signup.submission.sign_up_submitted.v1",
}
_LARGE = 900_000
_DEEP = 50_000


@dataclass(frozen=True, slots=True)
class Poison:
    """A poison record.

    If `parked`, every group that reads the topic has to park it once; otherwise every group skips it.
    """

    kind: str
    key: bytes
    value: bytes | None
    headers: Headers
    parked: bool = True


def make(topic: str, kind: str, dice: random.Random) -> Poison:
    """Build a record of this kind. Raises KeyError for an unknown kind."""
    subject = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": f"{PREFIX}{subject}",
        "ce_source": "/elsewhere",
        "ce_type": TYPES[topic],
        "ce_subject": subject,
        "ce_time": "2026-01-01T00:00:00+00:00",
        "ce_schoolid": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "ce_aggregateversion": "1",
        "content-type": "application/json",
    }
    key = f"{PREFIX}{kind}-{subject}".encode()
    good = Poison(kind, key, b"{}", [(name, text.encode()) for name, text in attributes.items()])
    return KINDS[kind](good)


def _with(poison: Poison, name: str, value: bytes) -> Poison:
    headers = [(header, value if header == name else text) for header, text in poison.headers]
    return replace(poison, headers=headers)


KINDS: dict[str, Callable[[Poison], Poison]] = {
    "bad json": lambda good: replace(good, value=b'{"parent_id": '),
    "wrong schema": lambda good: replace(
        good, value=json.dumps({"parent_id": 7, "generation": "x"}).encode()
    ),
    "too large": lambda good: replace(good, value=json.dumps({"parent_id": "x" * _LARGE}).encode()),
    "no value": lambda good: replace(good, value=None),
    "unknown type": lambda good: replace(_with(good, "ce_type", b"roster.parent.painted.v1"), parked=False),
    "no headers": lambda good: replace(good, headers=[]),
    "bad utf-8": lambda good: _with(good, "ce_source", b"\xff\xfe"),
    "wrong school": lambda good: _with(good, "ce_schoolid", b"no school"),
    "deep nesting": lambda good: replace(good, value=b"[" * _DEEP + b"]" * _DEEP),
    "future version": lambda good: _with(good, "ce_aggregateversion", str(2**63).encode()),
}
PARKED = frozenset(KINDS) - {"unknown type"}


def poison_kind(key: str) -> str | None:
    """Return the kind of poison from a key, or None for a record of ours."""
    if not key.startswith(PREFIX):
        return None
    return key.removeprefix(PREFIX).partition("-")[0] if "utf-8" not in key else "bad utf-8"
