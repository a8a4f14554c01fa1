"""Table `inbound`: replies of people that were processed, by the provider's id.

A signature of the provider carries no date, so a repeated request stays genuine; its id shows that it is a repetition.
"""

from __future__ import annotations

from sqlalchemy import text

from shared.runtime.database import Transaction

_INSERT = text(
    "INSERT INTO inbound (message_sid) VALUES (:sid) ON CONFLICT (message_sid) DO NOTHING RETURNING message_sid"
)
_DELETE_OLD = text("DELETE FROM inbound WHERE heard_at < now() - interval '2 years'")


async def insert_reply(tx: Transaction, reply_id: str) -> bool:
    """Insert the id of a reply, and return whether it is new."""
    return await tx.row(_INSERT, {"sid": reply_id}) is not None


async def delete_old_replies(tx: Transaction) -> None:
    """Delete the ids of replies that are older than two years."""
    await tx.execute(_DELETE_OLD)
