"""What open pages are told: which rows of a school have changed. No personal data travels this way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

MOST_PARENTS = 60
"""As many fit into one notification of PostgreSQL (8,000 bytes); for more, everything counts as changed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a parent's row stands now; `status` None: it is no longer listed."""

    status: str | None
    delivery: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows of parents by id; `everything`: more than that, so look at all that is shown."""

    parents: Mapping[UUID, Standing] = field(default_factory=dict)
    everything: bool = False

    def then(self, later: "Changes") -> "Changes":
        """Both as one: of one row the later word counts, and a long list becomes everything."""
        parents = {**self.parents, **later.parents}
        if self.everything or later.everything or len(parents) > MOST_PARENTS:
            return Changes(everything=True)
        return Changes(parents)


def read_changes(told: Mapping[str, Any]) -> Changes:
    """The `parents` of a notification: a list of [id, status, delivery], or null for everything."""
    if told["parents"] is None:
        return Changes(everything=True)
    return Changes({UUID(parent): Standing(status, delivery) for parent, status, delivery in told["parents"]})
