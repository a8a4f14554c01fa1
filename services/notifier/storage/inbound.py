"""What people wrote to us, by the provider's id: a signature has no date, so a copy of a request stays genuine."""

from __future__ import annotations

from sqlalchemy import text

from shared.runtime.database import Transaction

_NOTE = text(
    "INSERT INTO inbound (message_sid) VALUES (:sid) ON CONFLICT (message_sid) DO NOTHING RETURNING message_sid"
)
_FORGET = text("DELETE FROM inbound WHERE heard_at < now() - interval '2 years'")


async def note(tx: Transaction, message_sid: str) -> bool:
    """Note a reply; False where it was heard before."""
    return await tx.row(_NOTE, {"sid": message_sid}) is not None


async def forget_old(tx: Transaction) -> None:
    """Forget replies of long ago."""
    await tx.execute(_FORGET)
