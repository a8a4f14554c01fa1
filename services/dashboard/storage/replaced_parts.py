"""What hangs on a parent's row, put in place with it: the links to children, and the timeline."""

from typing import Any

from services.dashboard.storage.replaced import PARENTS, UNTOUCHED, Key, Range, bounded, bounds
from shared.runtime.database import Transaction

_KEYS = ("school_id", "parent_id")
_LINK = "kept.school_id = made.school_id AND kept.parent_id = made.parent_id AND kept.student_id = made.student_id"
_LINE = (
    "kept.school_id = made.school_id AND kept.parent_id = made.parent_id "
    "AND kept.aggregate_id = made.aggregate_id AND kept.version = made.version AND kept.kind = made.kind"
)
_AS_MADE = f"""
    SELECT made.school_id, made.parent_id
      FROM parents AS shown JOIN pg_temp.parents AS made USING (school_id, parent_id)
     WHERE {bounded("made", _KEYS)} AND shown.person_version IS NOT DISTINCT FROM made.person_version
"""
_DROP_LINKS = f"""
DELETE FROM links AS kept
 WHERE {bounded("kept", _KEYS)}
   AND NOT EXISTS (SELECT FROM pg_temp.links AS made WHERE {_LINK})
   AND ((kept.school_id, kept.parent_id) IN ({_AS_MADE})
        OR {UNTOUCHED} AND NOT EXISTS (SELECT FROM parents WHERE parents.school_id = kept.school_id
                                          AND parents.parent_id = kept.parent_id))
RETURNING kept.school_id, kept.parent_id
"""
_PUT_LINKS = f"""
INSERT INTO links AS kept (school_id, parent_id, student_id, relation, rights, reason)
SELECT school_id, parent_id, student_id, relation, rights, reason FROM pg_temp.links
 WHERE (school_id, parent_id) IN ({_AS_MADE})
ON CONFLICT (school_id, parent_id, student_id) DO UPDATE
   SET relation = excluded.relation, rights = excluded.rights, reason = excluded.reason
 WHERE ROW(kept.relation, kept.rights, kept.reason)
       IS DISTINCT FROM ROW(excluded.relation, excluded.rights, excluded.reason)
RETURNING kept.school_id, kept.parent_id
"""
# A line that is not known goes only where the owner's history reaches back as far as the line.
_DROP_LINES = f"""
DELETE FROM timeline AS kept
 WHERE {bounded("kept", _KEYS)} AND {UNTOUCHED}
   AND NOT EXISTS (SELECT FROM pg_temp.timeline AS made WHERE {_LINE})
   AND (EXISTS (SELECT FROM pg_temp.timeline AS made
                 WHERE made.school_id = kept.school_id AND made.parent_id = kept.parent_id
                   AND made.aggregate_id = kept.aggregate_id AND made.version <= kept.version)
        OR NOT EXISTS (SELECT FROM parents WHERE parents.school_id = kept.school_id
                          AND parents.parent_id = kept.parent_id))
RETURNING kept.school_id, kept.parent_id
"""
_PUT_LINES = f"""
INSERT INTO timeline AS kept
       (school_id, parent_id, aggregate_id, version, kind, at, channel, template, reason, actor)
SELECT school_id, parent_id, aggregate_id, version, kind, at, channel, template, reason, actor
  FROM pg_temp.timeline AS made WHERE {bounded("made", _KEYS)}
ON CONFLICT (school_id, parent_id, aggregate_id, version, kind) DO UPDATE
   SET at = excluded.at, channel = excluded.channel, template = excluded.template,
       reason = excluded.reason, actor = excluded.actor
 WHERE ROW(kept.at, kept.channel, kept.template, kept.reason, kept.actor)
       IS DISTINCT FROM ROW(excluded.at, excluded.channel, excluded.template, excluded.reason, excluded.actor)
RETURNING kept.school_id, kept.parent_id
"""


async def put_parts(tx: Transaction, within: Range, begun: str) -> set[Key]:
    """To be called after the parents of the range were put, in the same transaction; the parents with a difference."""
    parameters: dict[str, Any] = {"begun": begun, **bounds(PARENTS, within)}
    changed: set[Key] = set()
    for statement in (_DROP_LINKS, _PUT_LINKS, _DROP_LINES, _PUT_LINES):
        wanted = {name: value for name, value in parameters.items() if f":{name}" in statement}
        changed |= {tuple(row) for row in await tx.rows(statement, wanted)}
    return changed
