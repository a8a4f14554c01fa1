"""HTTP: problem details, bearer tokens and their revocation, pagination, idempotency keys, the server."""

from __future__ import annotations

from shared.runtime.web.bearer_auth import (
    API_CLIENT_PREFIX,
    Principal,
    ReadInvitations,
    ReadNotifier,
    ReadRoster,
    Right,
    Unauthenticated,
    WriteInvitations,
    WriteRoster,
    mint_token,
    reject_revoked,
    requires,
    school_not_found,
    verify_token,
)
from shared.runtime.web.form_origin import is_from_other_site
from shared.runtime.web.idempotency import find_stored_response, keyed_request, store_response
from shared.runtime.web.middleware import DEFAULT_BODY_BYTES, UploadLimit, too_large
from shared.runtime.web.pagination import DEFAULT_LIMIT, MAX_LIMIT, decode_cursor, encode_cursor, page_body
from shared.runtime.web.problem_details import Problem
from shared.runtime.web.server import shutdown_event
from shared.runtime.web.token_revocations import TokenRevocations, read_revocations

__all__ = [
    "API_CLIENT_PREFIX",
    "DEFAULT_BODY_BYTES",
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "Principal",
    "Problem",
    "ReadInvitations",
    "ReadNotifier",
    "ReadRoster",
    "Right",
    "TokenRevocations",
    "Unauthenticated",
    "UploadLimit",
    "WriteInvitations",
    "WriteRoster",
    "decode_cursor",
    "encode_cursor",
    "find_stored_response",
    "is_from_other_site",
    "keyed_request",
    "mint_token",
    "page_body",
    "read_revocations",
    "reject_revoked",
    "requires",
    "school_not_found",
    "shutdown_event",
    "store_response",
    "too_large",
    "verify_token",
]
