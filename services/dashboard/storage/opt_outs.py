"""Table `opt_outs`: the newest opt-out or opt-in of each address of a parent on a channel."""

from __future__ import annotations

from collections.abc import Sequence

from services.dashboard.domain.reachability import OptOut
from services.dashboard.storage.versioned_columns import VersionedColumns, build_upsert, newest_per_key
from shared.runtime.database import Transaction

OPT_OUT_KEYS = (
    ("school_id", "uuid"),
    ("parent_id", "uuid"),
    ("channel", "text"),
    ("address_digest", "text"),
)
OPT_OUT = VersionedColumns((("version", "bigint"), ("opted_out", "boolean")))


async def save_opt_outs(tx: Transaction, opt_outs: Sequence[OptOut]) -> None:
    """Save the newest version for each parent, channel and address, unless the stored one is as new."""
    newest = newest_per_key(opt_outs, lambda o: (o.school_id, o.parent_id, o.channel, o.address_digest))
    await tx.execute(*build_upsert("opt_outs", OPT_OUT_KEYS, (OPT_OUT,)).bind(newest))
