"""Replicas of schools."""

from __future__ import annotations

from collections.abc import Sequence

from services.signup.domain.replicas import School
from shared.runtime.database import ReplicaTable, Transaction

_SCHOOLS = ReplicaTable(
    "schools", "school_id", {"school_id": "uuid", "version": "bigint", "name": "text", "language": "text"}
)


async def save_schools(tx: Transaction, schools: Sequence[School]) -> None:
    """Save the newest version of each school."""
    await _SCHOOLS.save(tx, schools)
