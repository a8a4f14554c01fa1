"""Changes that open pages are notified of: ids, statuses and deliveries, without personal data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

MAX_PARENTS = 60
"""Number of parents that fit into one PostgreSQL notification (8,000 bytes); beyond it everything counts as changed."""


@dataclass(frozen=True, slots=True)
class ParentStatus:
    """New status and delivery of a parent's row; `status` is None if the row is no longer listed."""

    status: str | None
    delivery: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Changed parents by id; with `everything`, any row of the school may have changed."""

    parents: Mapping[UUID, ParentStatus] = field(default_factory=dict)
    everything: bool = False

    def merge(self, later: Changes) -> Changes:
        """Combine with later changes: the later status of a parent wins, and a long list becomes `everything`."""
        parents = {**self.parents, **later.parents}
        if self.everything or later.everything or len(parents) > MAX_PARENTS:
            return Changes(everything=True)
        return Changes(parents)


def parse_changes(notification: Mapping[str, Any]) -> Changes:
    """Parse the `parents` of a notification: a list of [id, status, delivery], or null for everything."""
    parents = notification["parents"]
    if parents is None:
        return Changes(everything=True)
    return Changes(
        {UUID(parent_id): ParentStatus(status, delivery) for parent_id, status, delivery in parents}
    )
