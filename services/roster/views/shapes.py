"""Pieces of SQL and helpers that several lists share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from shared.runtime.web import encode_cursor, page_body

CHILDREN = """
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'student_id', s.student_id, 'name', s.name, 'number', s.number, 'class_name', s.class_name,
                'relation', l.relation, 'rights', l.rights, 'reason', l.reason, 'sibling_group_id', l.sibling_group_id)
                ORDER BY l.linked_at, s.student_id), '[]')
       FROM student_parents l JOIN students s ON s.school_id = l.school_id AND s.student_id = l.student_id
      WHERE l.school_id = p.school_id AND l.parent_id = p.parent_id) AS children
"""
CONTACTS = """
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'contact_id', c.contact_id, 'kind', c.kind, 'address', c.address, 'preferred', c.preferred,
                'verified', c.verified) ORDER BY c.contact_id), '[]')
       FROM contacts c WHERE c.school_id = p.school_id AND c.parent_id = p.parent_id) AS contacts
"""


def pattern(q: str) -> str:
    """A LIKE pattern that finds `q` anywhere, its own wildcards taken literally."""
    return f"%{_literal(' '.join(q.split()))}%"


def whole_words(q: str) -> list[str]:
    """LIKE patterns for text between blanks that has each word of `q` as a whole.

    A record of two names (`Ada & Bo Example`) is found by either whole name.
    """
    return [f"% {_literal(word)} %" for word in q.split()]


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def paged(
    rows: Sequence[Any],
    limit: int,
    render: Callable[[Any], dict[str, Any]],
    cursor: Callable[[Any], Sequence[str]],
) -> dict[str, Any]:
    """A page of at most `limit` rows, from one row more than that."""
    items = [render(row) for row in rows[:limit]]
    following = encode_cursor(*cursor(rows[limit - 1])) if len(rows) > limit else None
    return page_body(items, following)
