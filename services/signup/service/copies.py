"""Keeping the copies of other owners' facts, a batch at a time.

Of each aggregate only the newest fact of a batch counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.signup.domain.links import InvitationState, Purpose
from services.signup.storage import copies, links
from shared.contracts.envelope import Received
from shared.contracts.roster import ParentAdded, ParentRemoved, SchoolRegistered, StudentAdded, StudentRemoved
from shared.runtime.database import Transaction

Batch = Sequence[Received[Any]]


async def save_schools(transaction: Transaction, facts: Sequence[Received[SchoolRegistered]]) -> None:
    """Names and languages of schools; any fact that carries a `School`."""
    newest = _newest(facts)
    columns = {
        "school_ids": [fact.data.school_id for fact in newest],
        "versions": [fact.version for fact in newest],
        "names": [fact.data.school.name for fact in newest],
        "languages": [fact.data.school.language for fact in newest],
    }
    await copies.save_schools(transaction, columns)


async def save_students(
    transaction: Transaction, facts: Sequence[Received[StudentAdded] | Received[StudentRemoved]]
) -> None:
    """Names of pupils; a removed one loses name and class."""
    newest = _newest(facts)
    details = [getattr(fact.data, "student", None) for fact in newest]
    columns = {
        "student_id": [fact.data.student_id for fact in newest],
        "school_id": [fact.school_id for fact in newest],
        "version": [fact.version for fact in newest],
        "name": [None if detail is None else detail.name for detail in details],
        "class_name": [None if detail is None else detail.class_name for detail in details],
        "removed": [detail is None for detail in details],
    }
    await copies.save_students(transaction, columns)


async def save_parents(
    transaction: Transaction, facts: Sequence[Received[ParentAdded] | Received[ParentRemoved]]
) -> None:
    """Which children each parent may see. Access that ended ends the membership; no name or address is kept."""
    newest = _newest(facts)
    columns: dict[str, list[Any]] = {
        "parent_id": [fact.data.parent_id for fact in newest],
        "school_id": [fact.school_id for fact in newest],
        "version": [fact.version for fact in newest],
        "language": [],
        "visible": [],
        "removed": [],
    }
    for fact in newest:
        details = getattr(fact.data, "parent", None)
        children = getattr(fact.data, "children", ())
        visible = sorted({str(child.student_id) for child in children if child.rights == "full"})
        columns["language"].append(None if details is None else details.language)
        columns["visible"].append("{" + ",".join(visible) + "}")
        columns["removed"].append(details is None)
    await copies.save_parents(transaction, columns)


async def save_invitations(transaction: Transaction, facts: Batch, state: InvitationState) -> None:
    """The invitations of these facts are in `state` now, each in the fact's generation."""
    newest = _newest(facts)
    columns = {
        "invitation_id": [fact.data.invitation_id for fact in newest],
        "school_id": [fact.school_id for fact in newest],
        "parent_id": [fact.data.parent_id for fact in newest],
        "version": [fact.version for fact in newest],
        "generation": [fact.data.generation for fact in newest],
        "state": [state.value for _ in newest],
    }
    await links.save_invitations(transaction, columns)


async def save_links(transaction: Transaction, facts: Batch, purpose: Purpose) -> None:
    """The digests of links that are on their way."""
    columns = {
        "token_digest": [fact.data.token_digest for fact in facts],
        "invitation_id": [fact.data.invitation_id for fact in facts],
        "generation": [fact.data.generation for fact in facts],
        "expires_at": [fact.data.expires_at for fact in facts],
    }
    await links.save_links(transaction, purpose, columns)


def _newest(facts: Iterable[Received[Any]]) -> list[Received[Any]]:
    newest: dict[str, Received[Any]] = {}
    for fact in facts:
        known = newest.get(fact.aggregate_id)
        if known is None or known.version < fact.version:
            newest[fact.aggregate_id] = fact
    return list(newest.values())
