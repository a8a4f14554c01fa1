"""Link tokens: derived, never stored. The issuing service keeps a digest; senders derive the same token again.

token = first 128 bits of HMAC-SHA256(key[key_id]; purpose, invitation_id, generation), as 22 URL characters.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self
from uuid import UUID

LinkPurpose = Literal["verify", "join"]
TOKEN_BYTES = 16
TOKEN_CHARACTERS = 22
MIN_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class LinkTokenKeys:
    """Keys of the installation by id. The first in the setting derives new tokens; the others still derive old ones."""

    current_id: str
    _keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def from_setting(cls, setting: str) -> Self:
        """Parse `key_id:hex,key_id:hex`. Raises ValueError, whose text contains no key."""
        keys: dict[str, bytes] = {}
        for part in setting.split(","):
            key_id, separator, digits = part.strip().partition(":")
            if not separator or not key_id or key_id in keys:
                raise ValueError("token keys must read key_id:hex,key_id:hex with different ids")
            try:
                keys[key_id] = bytes.fromhex(digits)
            except ValueError:
                raise ValueError(f"token key {key_id} is not hexadecimal") from None
            if len(keys[key_id]) < MIN_KEY_BYTES:
                raise ValueError(f"token key {key_id} is shorter than {MIN_KEY_BYTES} bytes")
        return cls(next(iter(keys)), keys)

    def derive(self, purpose: LinkPurpose, invitation_id: UUID, generation: int, key_id: str) -> str:
        """Return the token of a link. Raises KeyError for a key that the installation no longer has."""
        text = f"{purpose}\n{invitation_id}\n{generation}".encode()
        mac = hmac.new(self._keys[key_id], text, hashlib.sha256).digest()[:TOKEN_BYTES]
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def digest(self, purpose: LinkPurpose, invitation_id: UUID, generation: int, key_id: str) -> str:
        """Return the digest of the token that `derive` returns."""
        return token_digest(self.derive(purpose, invitation_id, generation, key_id))


def token_digest(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal. 128 random bits need no salt (ASVS 6.5.2)."""
    return hashlib.sha256(token.encode()).hexdigest()
