"""Idempotency keys: a request with a known key and the same body gets the stored response, and nothing is done again.

Scope: credential, route, key. Responses are kept 24 hours; bulk runs keep their key for ever in a table of their own.
The key is the header `Idempotency-Key` or the body field `idempotency_key`; two different ones are an error.
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
    """Request with an idempotency key."""

    credential: str
    route: str
    key: str
    body_digest: str


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """Response to the first request with the key."""

    status: int
    body: Any


def keyed_request(
    principal: Principal, route: str, header: str | None, field: str | None, body: Any
) -> Request | None:
    """Return the request, or None without a key. Raises Problem 400 for two different keys or an overlong one."""
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
    """Return the stored response, or None for a first request, which then owns the key until the transaction ends.

    Raises Problem 409 while another request with the key is in progress, and 422 if the key came with another body.
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
    """Store the response, in the transaction that did the work. `body` must be JSON."""
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
