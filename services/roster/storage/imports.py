"""Imports: their states, and who works on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.importing import Counts, ImportState
from shared.runtime.database import Transaction

IMPORTS = "roster_imports"
"""The channel on which workers hear, when it is committed, that there is an import to work on."""
CLAIM_SECONDS = 15
MAX_CLAIMS = 5
_CREATE = text(
    """
    INSERT INTO imports (school_id, import_id, state, dry_run, skip_bad_rows, filename, size_bytes, actor, traceparent)
    VALUES (:school_id, :import_id, 'validating', :dry_run, :skip_bad_rows, :filename, :size_bytes, :actor,
            :traceparent)
    """
)
_CLAIM = text(
    f"""
    UPDATE imports SET claims = claims + 1, claimed_until = clock_timestamp() + interval '{CLAIM_SECONDS} s'
     WHERE (school_id, import_id) = (
           SELECT school_id, import_id FROM imports
            WHERE state IN ('validating', 'applying') AND (claimed_until IS NULL OR claimed_until < now())
            ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING school_id, import_id, state, dry_run, skip_bad_rows, claims, actor, traceparent, counts
    """
)
_RENEW = text(
    f"""
    UPDATE imports SET claimed_until = clock_timestamp() + interval '{CLAIM_SECONDS} s'
     WHERE school_id = :school_id AND import_id = :import_id AND claims = :claims
       AND state IN ('validating', 'applying')
    RETURNING import_id
    """
)
_HOLD = text(
    """
    SELECT import_id FROM imports
     WHERE school_id = :school_id AND import_id = :import_id AND claims = :claims
       AND state IN ('validating', 'applying') FOR UPDATE
    """
)
_MOVE = text(
    """
    UPDATE imports
       SET state = :state, counts = CAST(:counts AS jsonb), failure = :failure,
           finished_at = CASE WHEN :final THEN now() END
     WHERE school_id = :school_id AND import_id = :import_id
    """
)
_IGNORED = text(
    """
    UPDATE imports SET ignored_columns = CAST(:columns AS text[])
     WHERE school_id = :school_id AND import_id = :import_id
    """
)
_RELEASE = text(
    """
    UPDATE imports SET state = 'applying', skip_bad_rows = skip_bad_rows OR :skip_bad_rows, claims = 0,
                       claimed_until = NULL, actor = :actor
     WHERE school_id = :school_id AND import_id = :import_id
    """
)
_LOCK = text(
    """
    SELECT state, counts, skip_bad_rows FROM imports WHERE school_id = :school_id AND import_id = :import_id FOR UPDATE
    """
)
_TELL = text("SELECT pg_notify(:channel, '')")
_BY_INDEX = text(
    "SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)"
)


@dataclass(frozen=True, slots=True)
class ImportClaim:
    """An import that this worker works on, as long as nobody else has claimed it since."""

    school_id: UUID
    import_id: UUID
    state: ImportState
    dry_run: bool
    skip_bad_rows: bool
    claims: int
    actor: str | None
    traceparent: str | None
    counts: Counts

    @property
    def ids(self) -> dict[str, Any]:
        return {"school_id": self.school_id, "import_id": self.import_id}


async def create_import(tx: Transaction, values: dict[str, Any]) -> None:
    """A new import in `validating`; workers look for it when the transaction commits."""
    await tx.execute(_CREATE, values)
    await tx.execute(_TELL, {"channel": IMPORTS})


async def claim_import(tx: Transaction) -> ImportClaim | None:
    """The oldest import with work to do that nobody is at; it is ours for CLAIM_SECONDS at a time."""
    row = await tx.row(_CLAIM)
    if row is None:
        return None
    return ImportClaim(
        row.school_id,
        row.import_id,
        ImportState(row.state),
        row.dry_run,
        row.skip_bad_rows,
        row.claims,
        row.actor,
        row.traceparent,
        Counts(**row.counts),
    )


async def renew_claim(tx: Transaction, claim: ImportClaim) -> bool:
    """Whether the import is still ours, for another CLAIM_SECONDS."""
    return await tx.scalar(_RENEW, {**claim.ids, "claims": claim.claims}) is not None


async def expect_many_rows(tx: Transaction) -> None:
    """Until the transaction ends, look rows up by index: it fills tables that the planner still takes for empty."""
    await tx.execute(_BY_INDEX)


async def hold_claim(tx: Transaction, claim: ImportClaim) -> bool:
    """Whether the import is still ours, and until this transaction ends nobody else's."""
    return await tx.scalar(_HOLD, {**claim.ids, "claims": claim.claims}) is not None


async def note_ignored_columns(tx: Transaction, claim: ImportClaim, columns: list[str]) -> None:
    """Columns that mean nothing to us, for staff to see."""
    await tx.execute(_IGNORED, {**claim.ids, "columns": columns})


async def move_import(
    tx: Transaction, claim: ImportClaim, state: ImportState, counts: Counts, failure: str | None = None
) -> None:
    """Into its next state."""
    final = state in (ImportState.APPLIED, ImportState.REFUSED, ImportState.FAILED)
    await tx.execute(
        _MOVE,
        {
            **claim.ids,
            "state": state,
            "counts": json.dumps(counts.plain()),
            "failure": failure,
            "final": final,
        },
    )


@dataclass(frozen=True, slots=True)
class LockedImport:
    """What decides whether an import may be applied."""

    state: ImportState
    counts: Counts
    skip_bad_rows: bool


async def lock_import(tx: Transaction, school_id: UUID, import_id: UUID) -> LockedImport | None:
    """An import, held until the transaction ends."""
    row = await tx.row(_LOCK, {"school_id": school_id, "import_id": import_id})
    return (
        None if row is None else LockedImport(ImportState(row.state), Counts(**row.counts), row.skip_bad_rows)
    )


async def start_applying(
    tx: Transaction, school_id: UUID, import_id: UUID, *, skip_bad_rows: bool, actor: str | None
) -> None:
    """A person has seen the preview and said yes; workers look for it when the transaction commits."""
    await tx.execute(
        _RELEASE,
        {"school_id": school_id, "import_id": import_id, "skip_bad_rows": skip_bad_rows, "actor": actor},
    )
    await tx.execute(_TELL, {"channel": IMPORTS})
