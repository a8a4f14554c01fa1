"""A school and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from uuid import UUID

from services.roster.domain.contacts import Surroundings


@dataclass(frozen=True, slots=True)
class School:
    """`country` ISO 3166 alpha-2, `language` BCP 47, `timezone` IANA; `phone` and `email` are the school's own.

    Phones are left alone from `quiet_from` until `quiet_until`, local time; equal moments: never.
    """

    school_id: UUID
    name: str
    country: str
    language: str
    timezone: str
    credentials_mode: str
    invitation_lifetime_days: int = 7
    reminder_days: tuple[int, ...] = (3, 6)
    quiet_from: time = time(20)
    quiet_until: time = time(8)
    phone: str | None = None
    email: str | None = None
    version: int = 0

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(self.country, self.phone, self.email)
