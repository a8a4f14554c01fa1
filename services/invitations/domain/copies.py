"""What comes from the roster, with the owner's version that decides which state is the newest."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.invitations.domain.models import Parent, School
from services.invitations.domain.states import Channel


@dataclass(frozen=True, slots=True)
class SchoolCopy:
    """A school as its owner knew it at `version`."""

    school: School
    version: int


@dataclass(frozen=True, slots=True)
class ParentCopy:
    """A parent as their owner knew them at `version`, with all pupils they are linked to."""

    parent: Parent
    version: int
    students: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Requested:
    """Somebody ticked "invite" on a parent who may not have arrived here yet."""

    parent_id: UUID
    school_id: UUID
    channel: Channel
    contact_id: UUID | None
    actor: str | None
