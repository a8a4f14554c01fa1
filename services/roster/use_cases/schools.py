"""Use cases of schools: registering one and changing its settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import time
from typing import Literal
from uuid import UUID
from zoneinfo import available_timezones

from services.roster.domain.errors import FieldErrors
from services.roster.domain.people import School
from services.roster.spreadsheet.addresses import is_country, normalise_email, normalise_phone
from services.roster.spreadsheet.normalise import (
    normalise_language,
    normalise_text,
    normalise_value,
)
from services.roster.storage.parents import clear_family_keys_of_school_contacts
from services.roster.storage.schools import claim_school, save_school
from shared.contracts import roster as events
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit

CredentialsMode = Literal["self_service", "issued"]
MAX_LIFETIME_DAYS = 60


@dataclass(frozen=True, slots=True)
class SchoolInput:
    """School as an operator describes it; None leaves a setting as it is."""

    name: str | None = None
    country: str | None = None
    language: str | None = None
    timezone: str | None = None
    credentials_mode: CredentialsMode | None = None
    invitation_lifetime_days: int | None = None
    reminder_days: tuple[int, ...] | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None
    phone: str | None = None
    email: str | None = None


async def add_school(tx: Transaction, settings: SchoolInput, *, actor: str | None) -> School:
    """Register a school. Raises InvalidInput."""
    blank = School(new_id(), "", "", "en", "UTC", "self_service")
    school = replace(_apply_settings(blank, settings), version=1)
    await save_school(tx, school)
    event = events.SchoolRegistered(school_id=school.school_id, school=_public_settings(school))
    await emit(tx, OutboxMessage(event, school.school_id, school.version, actor=actor))
    return school


async def change_school(
    tx: Transaction, school_id: UUID, settings: SchoolInput, *, actor: str | None
) -> School:
    """Change the settings that are given. Raises NotFound or InvalidInput."""
    before = await claim_school(tx, school_id)
    after = _apply_settings(before, settings)
    if after == before:
        return before
    if _public_settings(after) != _public_settings(before):
        after = replace(after, version=before.version + 1)
        event = events.SchoolSettingsChanged(school_id=school_id, school=_public_settings(after))
        await emit(tx, OutboxMessage(event, school_id, after.version, actor=actor))
    await save_school(tx, after)
    if after.contact_context != before.contact_context:
        await clear_family_keys_of_school_contacts(tx, school_id, after.contact_context)
    return after


def _apply_settings(school: School, settings: SchoolInput) -> School:
    """Return the school with the settings that are given. Raises InvalidInput."""
    errors = FieldErrors()
    changed = replace(
        school,
        name=_required_text(settings.name, "name", school.name, errors),
        country=_required_text(settings.country, "country", school.country, errors).upper(),
        timezone=_required_text(settings.timezone, "timezone", school.timezone, errors),
        language=normalise_language(settings.language, "language", errors) or school.language,
        credentials_mode=settings.credentials_mode or school.credentials_mode,
        invitation_lifetime_days=settings.invitation_lifetime_days or school.invitation_lifetime_days,
        reminder_days=school.reminder_days if settings.reminder_days is None else settings.reminder_days,
        quiet_from=school.quiet_from if settings.quiet_from is None else settings.quiet_from,
        quiet_until=school.quiet_until if settings.quiet_until is None else settings.quiet_until,
    )
    _check_settings(changed, errors)
    errors.raise_if_any()
    return _apply_own_contacts(changed, settings, errors)


def _check_settings(school: School, errors: FieldErrors) -> None:
    if school.country and not is_country(school.country):
        errors.add(
            "country",
            school.country,
            "country_invalid",
            "Use an ISO 3166 code of two letters, such as CH or US.",
        )
    if school.timezone not in available_timezones():
        errors.add(
            "timezone", school.timezone, "timezone_invalid", "Use an IANA name, such as Europe/Zurich."
        )
    if sorted(set(school.reminder_days)) != list(school.reminder_days) or any(
        not 0 < day < school.invitation_lifetime_days for day in school.reminder_days
    ):
        errors.add(
            "reminder_days",
            school.reminder_days,
            "reminder_days_invalid",
            "Use rising days before the expiry.",
        )


def _apply_own_contacts(school: School, settings: SchoolInput, errors: FieldErrors) -> School:
    """Return the school with its own contacts, which are read in the country that it has by now."""
    phone = normalise_value(
        settings.phone, "phone", errors, lambda value: normalise_phone(value, school.country)
    )
    email = normalise_value(settings.email, "email", errors, normalise_email)
    errors.raise_if_any()
    return replace(
        school,
        phone=school.phone if settings.phone is None else phone,
        email=school.email if settings.email is None else email,
    )


def _required_text(value: str | None, name: str, present: str, errors: FieldErrors) -> str:
    if value is None and present:
        return present
    text = normalise_text(value, name, errors)
    if not text and not errors.has(name):
        errors.add(name, "", "required", "This must not be empty.")
    return text


def _public_settings(school: School) -> events.School:
    return events.School(
        name=school.name,
        country=school.country,
        language=school.language,
        timezone=school.timezone,
        credentials_mode="issued" if school.credentials_mode == "issued" else "self_service",
        invitation_lifetime_days=school.invitation_lifetime_days,
        reminder_days=school.reminder_days,
        quiet_from=school.quiet_from,
        quiet_until=school.quiet_until,
    )
