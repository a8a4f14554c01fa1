"""Events of the dashboard: revoked API tokens."""

from __future__ import annotations

from uuid import UUID

from shared.contracts.bounds import Moment
from shared.contracts.message import Message, contract
from shared.contracts.topics import DASHBOARD_ACCESS

INSTALLATION = UUID(int=0)
"""The envelope's school of a fact that belongs to no single school: a token for several schools, or for all."""


@contract(
    "dashboard.access.token_revoked.v1",
    topic=DASHBOARD_ACCESS,
    key="token_id",
    triggered_by="staff, or an operator, revoked a token",
)
class AccessTokenRevoked(Message):
    """The token is refused from now on, for ever. `school_id` is the token's only school, else INSTALLATION."""

    token_id: UUID
    revoked_at: Moment
