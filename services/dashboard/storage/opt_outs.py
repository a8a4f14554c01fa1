"""Who takes no more messages at an address on a channel; notifier's last word counts."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import text

from services.dashboard.domain.reach import OptOut, Stopped
from services.dashboard.storage.registers import arrays_of
from shared.runtime.database import Transaction

_SAVE = text(
    """
    INSERT INTO opt_outs AS kept (school_id, parent_id, channel, address_digest, version, opted_out)
    SELECT * FROM unnest(CAST(:school_id AS uuid[]), CAST(:parent_id AS uuid[]), CAST(:channel AS text[]),
                         CAST(:address_digest AS text[]), CAST(:version AS bigint[]), CAST(:opted_out AS boolean[]))
    ON CONFLICT (school_id, parent_id, channel, address_digest) DO UPDATE
       SET version = excluded.version, opted_out = excluded.opted_out
     WHERE kept.version < excluded.version
    """
)
_FIND = text(
    """
    SELECT parent_id, channel, address_digest FROM opt_outs
     WHERE school_id = :school_id AND parent_id = ANY(CAST(:parent_ids AS uuid[])) AND opted_out
    """
)
_KEY = ("school_id", "parent_id", "channel", "address_digest")


async def save(tx: Transaction, changes: Sequence[OptOut]) -> None:
    """Keep what was said last of each parent, channel and address."""
    newest: dict[tuple[object, ...], OptOut] = {}
    for change in sorted(changes, key=lambda change: change.version):
        newest[tuple(getattr(change, name) for name in _KEY)] = change
    names = [*_KEY, "version", "opted_out"]
    rows = [{name: getattr(newest[key], name) for name in names} for key in sorted(newest)]
    await tx.execute(_SAVE, arrays_of(rows, names))


async def find(tx: Transaction, school_id: UUID, parent_ids: Collection[UUID]) -> dict[UUID, Stopped]:
    """By parent, what is closed; parents of whom nothing is are left out."""
    found: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for row in await tx.rows(_FIND, {"school_id": school_id, "parent_ids": list(parent_ids)}):
        found[row.parent_id].add((row.channel, row.address_digest))
    return {parent_id: frozenset(pairs) for parent_id, pairs in found.items()}
