"""Many rows in one statement: a JSON array, unfolded by the database, or an array of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    """The argument of `jsonb_to_recordset`; UUIDs, dates and enumerations as their text."""
    return to_json(rows).decode()


def keys_of(name: str, kind: str) -> str:
    """Rows of `school_id` and `key`, for the keys in the parameter `name`; to be joined by both.

    A school has many rows and the planner thinks it has few (`plan_alike_for_every_school`): told the school and five
    hundred keys apart, it reads all that the school has. OFFSET keeps it from telling them apart.
    """
    return f"(SELECT CAST(:school_id AS uuid) AS school_id, key FROM unnest(CAST(:{name} AS {kind}[])) AS key OFFSET 0)"


def pairs_of(first: str, second: str) -> str:
    """The same for pairs of ids, in the parameter `rows`."""
    columns = f"{first} uuid, {second} uuid"
    return (
        f"(SELECT CAST(:school_id AS uuid) AS school_id, r.* "
        f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r ({columns}) OFFSET 0)"
    )
