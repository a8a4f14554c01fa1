"""Save replicas of what the roster and invitations services own. Of each aggregate only the newest version counts."""

from __future__ import annotations

from collections.abc import Sequence

from services.signup.domain.links import Purpose
from services.signup.domain.replicas import Invitation, IssuedLink, Parent, School, Student
from services.signup.storage import invitations, memberships, parents, schools, students
from shared.runtime.database import Transaction


async def save_schools(tx: Transaction, replicas: Sequence[School]) -> None:
    """Save names and languages of schools."""
    await schools.save_schools(tx, replicas)


async def save_students(tx: Transaction, replicas: Sequence[Student]) -> None:
    """Save names and classes of students."""
    await students.save_students(tx, replicas)


async def save_parents(tx: Transaction, replicas: Sequence[Parent]) -> None:
    """Save which students each parent may see, and end or reopen memberships accordingly."""
    await parents.save_parents(tx, replicas)
    await memberships.update_membership_ends(tx, [parent.parent_id for parent in replicas])


async def save_invitations(tx: Transaction, replicas: Sequence[Invitation]) -> None:
    """Save the states of invitations."""
    await invitations.save_invitations(tx, replicas)


async def save_issued_links(
    tx: Transaction, purpose: Purpose, replicas: Sequence[Invitation], links: Sequence[IssuedLink]
) -> None:
    """Save invitations together with the links of this purpose that were sent for them."""
    await invitations.save_invitations(tx, replicas)
    await invitations.insert_links(tx, purpose, links)
