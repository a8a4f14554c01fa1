"""Digests of what browsers send: only these are stored, and any text may be given."""

from __future__ import annotations

import hashlib
import hmac


def secret_digest(secret: str) -> str:
    """Return the SHA-256 (hex) of a link token, of the secret of a result page, or of a session cookie."""
    return _sha256(secret)


def client_digest(client: str) -> str:
    """Return the digest under which failed attempts of a client are counted, so that no address is stored."""
    return _sha256(f"kinvite guess {client}")


def form_token(session_secret: str) -> str:
    """Return the token that forms of a session carry. Only a holder of the session's cookie can compute it."""
    return _sha256(f"kinvite form {session_secret}")[:32]


def is_form_token(session_secret: str, given: str) -> bool:
    """Return whether the given token is the one of the session's forms, in constant time."""
    return hmac.compare_digest(form_token(session_secret).encode(), given.encode(errors="replace"))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
