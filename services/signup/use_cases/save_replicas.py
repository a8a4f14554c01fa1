"""Save replicas of what the roster and invitations services own. Of each aggregate only the newest version counts."""

from __future__ import annotations

from collections.abc import Sequence

from services.signup.domain.links import Purpose
from services.signup.domain.replicas import Invitation, IssuedLink, Parent, School, Student
from services.signup.storage import invitations as invitation_storage
from services.signup.storage import memberships
from services.signup.storage import parents as parent_storage
from services.signup.storage import schools as school_storage
from services.signup.storage import students as student_storage
from shared.runtime.database import Transaction


async def save_schools(tx: Transaction, schools: Sequence[School]) -> None:
    """Save names and languages of schools."""
    await school_storage.save_schools(tx, schools)


async def save_students(tx: Transaction, students: Sequence[Student]) -> None:
    """Save names and classes of students."""
    await student_storage.save_students(tx, students)


async def save_parents(tx: Transaction, parents: Sequence[Parent]) -> None:
    """Save which students each parent may see, and end or reopen memberships accordingly."""
    await parent_storage.save_parents(tx, parents)
    await memberships.update_membership_ends(tx, [parent.parent_id for parent in parents])


async def save_invitations(tx: Transaction, invitations: Sequence[Invitation]) -> None:
    """Save the states of invitations."""
    await invitation_storage.save_invitations(tx, invitations)


async def save_issued_links(
    tx: Transaction, purpose: Purpose, invitations: Sequence[Invitation], links: Sequence[IssuedLink]
) -> None:
    """Save invitations together with the links of this purpose that were sent for them."""
    await invitation_storage.save_invitations(tx, invitations)
    await invitation_storage.insert_links(tx, purpose, links)
