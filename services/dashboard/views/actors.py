"""Names of the actors in events, for pages and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.dashboard.storage.staff import find_emails
from shared.runtime.database import Transaction
from shared.runtime.web import API_CLIENT_PREFIX


async def list_actor_names(tx: Transaction, actors: Sequence[str | None]) -> dict[str, str]:
    """Return a name for each actor.

    Staff (`staff:<id>`) are named by e-mail address, API clients are marked as programs, other actors keep their name.
    """
    ids: dict[UUID, str] = {}
    names: dict[str, str] = {}
    for actor in {actor for actor in actors if actor}:
        kind, _, identity = actor.partition(":")
        try:
            ids[UUID(identity if kind == "staff" else "")] = actor
        except ValueError:
            names[actor] = f"the program “{identity}”" if actor.startswith(API_CLIENT_PREFIX) else actor
    emails = await find_emails(tx, ids)
    return names | {actor: emails.get(staff_id, "former staff") for staff_id, actor in ids.items()}
