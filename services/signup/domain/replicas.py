"""Replicas of what the roster and invitations services own, each in the version of the event that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.signup.domain.links import InvitationState


@dataclass(frozen=True, slots=True)
class School:
    """A school: its name, and its language as a BCP 47 tag."""

    school_id: UUID
    version: int
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Student:
    """A student. A removed one has neither name nor class."""

    student_id: UUID
    school_id: UUID
    version: int
    name: str | None = None
    class_name: str | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Parent:
    """A parent record: the students that it may see, and its language (BCP 47).

    Names and contacts are not stored, only their words, hidden with the parent's id as salt (`personal_words`).
    """

    parent_id: UUID
    school_id: UUID
    version: int
    language: str | None = None
    visible_student_ids: tuple[UUID, ...] = ()
    name_words: tuple[str, ...] = ()
    address_words: tuple[str, ...] = ()
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation in its newest generation."""

    invitation_id: UUID
    school_id: UUID
    parent_id: UUID
    version: int
    generation: int
    state: InvitationState


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A link that was sent to a parent. `token_digest` is the SHA-256 (hex) of its token."""

    token_digest: str
    invitation_id: UUID
    generation: int
    expires_at: datetime
