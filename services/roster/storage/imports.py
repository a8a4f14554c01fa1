"""Table `imports`: states of imports, and the claims of the workers that process them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.import_state import ImportCounts, ImportState
from shared.runtime.database import Transaction, not_set_aside

IMPORTS_CHANNEL = "roster_imports"
"""Channel on which workers are notified, at commit, that an import is waiting for them."""
CLAIM_SECONDS = 15
MAX_CLAIMS = 5
_INSERT = text(
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
              AND {not_set_aside("imports", "import_id")}
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
_LOCK_CLAIM = text(
    """
    SELECT import_id FROM imports
     WHERE school_id = :school_id AND import_id = :import_id AND claims = :claims
       AND state IN ('validating', 'applying') FOR UPDATE
    """
)
_SAVE_STATE = text(
    """
    UPDATE imports
       SET state = :state, counts = CAST(:counts AS jsonb), failure = :failure,
           finished_at = CASE WHEN :final THEN now() END
     WHERE school_id = :school_id AND import_id = :import_id
    """
)
_SAVE_IGNORED_COLUMNS = text(
    """
    UPDATE imports SET ignored_columns = CAST(:columns AS text[])
     WHERE school_id = :school_id AND import_id = :import_id
    """
)
_START_APPLYING = text(
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
_NOTIFY = text("SELECT pg_notify(:channel, '')")
_PREFER_INDEXES = text(
    "SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)"
)


@dataclass(frozen=True, slots=True)
class ImportClaim:
    """Import that a worker processes until another worker has claimed it since."""

    school_id: UUID
    import_id: UUID
    state: ImportState
    dry_run: bool
    skip_bad_rows: bool
    claims: int
    actor: str | None
    traceparent: str | None
    counts: ImportCounts

    @property
    def ids(self) -> dict[str, Any]:
        """Return the primary key as parameters of a statement."""
        return {"school_id": self.school_id, "import_id": self.import_id}


@dataclass(frozen=True, slots=True)
class LockedImport:
    """Part of an import that decides whether it may be applied."""

    state: ImportState
    counts: ImportCounts
    skip_bad_rows: bool


async def insert_import(tx: Transaction, values: dict[str, Any]) -> None:
    """Insert an import in `validating`, and notify workers at commit."""
    await tx.execute(_INSERT, values)
    await tx.execute(_NOTIFY, {"channel": IMPORTS_CHANNEL})


async def claim_import(tx: Transaction) -> ImportClaim | None:
    """Claim the oldest import that waits for a worker, for CLAIM_SECONDS; `renew_claim` extends the claim."""
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
        ImportCounts(**row.counts),
    )


async def renew_claim(tx: Transaction, claim: ImportClaim) -> bool:
    """Extend a claim to CLAIM_SECONDS from now; return False if another worker has claimed the import."""
    return await tx.scalar(_RENEW, {**claim.ids, "claims": claim.claims}) is not None


async def lock_claim(tx: Transaction, claim: ImportClaim) -> bool:
    """Keep other workers from claiming the import until the transaction ends; return False if one has claimed it."""
    return await tx.scalar(_LOCK_CLAIM, {**claim.ids, "claims": claim.claims}) is not None


async def prefer_indexes(tx: Transaction) -> None:
    """Make the rest of the transaction use indexes: it fills tables that the planner still takes for empty."""
    await tx.execute(_PREFER_INDEXES)


async def save_ignored_columns(tx: Transaction, claim: ImportClaim, columns: list[str]) -> None:
    """Save the titles of the file's columns that are not read, for staff to see."""
    await tx.execute(_SAVE_IGNORED_COLUMNS, {**claim.ids, "columns": columns})


async def save_state(
    tx: Transaction, claim: ImportClaim, state: ImportState, counts: ImportCounts, failure: str | None = None
) -> None:
    """Save the next state of an import. `failure` is written for staff."""
    await tx.execute(
        _SAVE_STATE,
        {
            **claim.ids,
            "state": state,
            "counts": json.dumps(counts.as_dict()),
            "failure": failure,
            "final": state.is_final,
        },
    )


async def lock_import(tx: Transaction, school_id: UUID, import_id: UUID) -> LockedImport | None:
    """Return an import, locked until the transaction ends; None if there is none."""
    row = await tx.row(_LOCK, {"school_id": school_id, "import_id": import_id})
    if row is None:
        return None
    return LockedImport(ImportState(row.state), ImportCounts(**row.counts), row.skip_bad_rows)


async def start_applying(
    tx: Transaction, school_id: UUID, import_id: UUID, *, skip_bad_rows: bool, actor: str | None
) -> None:
    """Move a confirmed preview to `applying`, and notify workers at commit."""
    await tx.execute(
        _START_APPLYING,
        {"school_id": school_id, "import_id": import_id, "skip_bad_rows": skip_bad_rows, "actor": actor},
    )
    await tx.execute(_NOTIFY, {"channel": IMPORTS_CHANNEL})
