"""What every use case has at hand: the link maker and the brakes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.invitations.domain.models import Limits, Link, Stamp
from services.invitations.domain.states import Channel, Purpose
from shared.runtime.core import LinkTokenKeys, new_id, token_digest


@dataclass(frozen=True, slots=True)
class Desk:
    """Made once by the composition root."""

    keys: LinkTokenKeys
    limits: Limits
    channels: frozenset[Channel] = frozenset({Channel.EMAIL})
    """What this installation can send by."""

    def stamp(self, now: datetime) -> Stamp:
        """A fresh message id and the means to make its link, at the database's `now`."""
        return Stamp(now, new_id(), self.seal)

    def seal(self, purpose: Purpose, invitation_id: UUID, generation: int) -> Link:
        """The digest of the link of this generation, made with the current key."""
        key_id = self.keys.current_id
        token = self.keys.derive(purpose.value, invitation_id, generation, key_id)
        return Link(key_id, token_digest(token))
