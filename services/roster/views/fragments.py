"""SQL fragments, search patterns and paging that several lists share."""

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


def substring_pattern(q: str) -> str:
    """Return a LIKE pattern that finds `q` anywhere; wildcards in `q` are taken literally."""
    return f"%{_escape(' '.join(q.split()))}%"


def word_patterns(q: str) -> list[str]:
    """Return LIKE patterns that find each word of `q` as a whole word, in a text with a blank at both ends.

    They find a record of two names (`Ada & Bo Example`) by either full name.
    """
    return [f"% {_escape(word)} %" for word in q.split()]


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def make_page(
    rows: Sequence[Any],
    limit: int,
    render: Callable[[Any], dict[str, Any]],
    cursor: Callable[[Any], Sequence[str]],
) -> dict[str, Any]:
    """Return a page of at most `limit` rows; one more row means that another page follows."""
    items = [render(row) for row in rows[:limit]]
    next_cursor = encode_cursor(*cursor(rows[limit - 1])) if len(rows) > limit else None
    return page_body(items, next_cursor)
