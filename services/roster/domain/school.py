"""A school and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.roster.domain.contacts import Surroundings


@dataclass(frozen=True, slots=True)
class School:
    """`country` ISO 3166 alpha-2, `language` BCP 47, `timezone` IANA; `phone` and `email` are the school's own."""

    school_id: UUID
    name: str
    country: str
    language: str
    timezone: str
    credentials_mode: str
    invitation_lifetime_days: int = 7
    reminder_days: tuple[int, ...] = (3, 6)
    phone: str | None = None
    email: str | None = None
    version: int = 0

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(self.country, self.phone, self.email)
