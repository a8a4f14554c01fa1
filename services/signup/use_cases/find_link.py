"""Find the link that a request names by its token."""

from __future__ import annotations

from services.signup.domain.links import Link, Purpose
from services.signup.storage import invitations
from services.signup.use_cases.digests import secret_digest
from shared.runtime.database import SchoolsOf, Transaction


def schools_of_link(token: str) -> SchoolsOf:
    """Return the scope of a transaction that reads this link."""
    return SchoolsOf("schools_of_link", secret_digest(token))


async def find_link(tx: Transaction, purpose: Purpose, token: str) -> Link | None:
    """Return the link of this token and purpose, or None. Any text may be given; the database gets only its digest."""
    return await invitations.find_link(tx, purpose, secret_digest(token))
