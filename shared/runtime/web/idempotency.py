"""Idempotency keys: the same key with the same body answers as before; nothing is done twice.

Scope: credential, route, key. Kept 24 hours, for bulk runs for ever (their own table holds the key). Header
`Idempotency-Key` or body field `idempotency_key`; both and different is an error.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from shared.runtime.database.transaction import Transaction
from shared.runtime.web.bearer_auth import Principal
from shared.runtime.web.problem_details import Problem

MAX_KEY_CHARACTERS = 200

_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(:scope, 0))"
_FIND = """
SELECT body_digest, status, response FROM idempotency_keys
 WHERE credential = :credential AND route = :route AND key = :key AND created_at > now() - interval '24 hours'
"""
_SAVE = """
INSERT INTO idempotency_keys (credential, route, key, body_digest, status, response)
VALUES (:credential, :route, :key, :body_digest, :status, CAST(:response AS jsonb))
ON CONFLICT (credential, route, key) DO UPDATE
   SET body_digest = excluded.body_digest, status = excluded.status, response = excluded.response, created_at = now()
"""


@dataclass(frozen=True, slots=True)
class Request:
    """One keyed request."""

    credential: str
    route: str
    key: str
    body_digest: str


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What was answered the first time."""

    status: int
    body: Any


def keyed_request(
    principal: Principal, route: str, header: str | None, field: str | None, body: Any
) -> Request | None:
    """The keyed request, or None without a key. Raises Problem 400 for two different or an overlong key."""
    if header and field and header != field:
        raise Problem(
            400,
            "idempotency_keys_differ",
            "The Idempotency-Key header and idempotency_key differ.",
            field="idempotency_key",
        )
    key = header or field
    if not key:
        return None
    if len(key) > MAX_KEY_CHARACTERS or not key.isprintable():
        raise Problem(
            400,
            "bad_idempotency_key",
            f"Use at most {MAX_KEY_CHARACTERS} printable characters.",
            field="idempotency_key",
        )
    canonical = json.dumps(body, sort_keys=True, default=str, separators=(",", ":"))
    return Request(principal.id, route, key, hashlib.sha256(canonical.encode()).hexdigest())


async def find_stored_response(transaction: Transaction, request: Request) -> StoredResponse | None:
    """The earlier answer, or None for a first request, which then owns the key until this transaction ends.

    Raises Problem 409 while another request with the key is at work, 422 where the key came with another body.
    """
    scope = f"{request.credential}\n{request.route}\n{request.key}"
    if not await transaction.scalar(_LOCK, {"scope": scope}):
        raise Problem(
            409,
            "request_in_flight",
            "A request with this key is being worked on.",
            headers={"Retry-After": "1"},
        )
    row = await transaction.row(_FIND, _scope(request))
    if row is None:
        return None
    if row.body_digest != request.body_digest:
        raise Problem(
            422,
            "idempotency_key_reused",
            "This key was used with another body.",
            field="idempotency_key",
        )
    return StoredResponse(row.status, row.response)


async def store_response(transaction: Transaction, request: Request, status: int, body: Any) -> None:
    """Keep the answer, in the transaction that did the work. `body` must be JSON."""
    await transaction.execute(
        _SAVE,
        {
            **_scope(request),
            "body_digest": request.body_digest,
            "status": status,
            "response": json.dumps(body, default=str),
        },
    )


def _scope(request: Request) -> dict[str, str]:
    return {"credential": request.credential, "route": request.route, "key": request.key}
