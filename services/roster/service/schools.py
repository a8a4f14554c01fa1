"""Registering a school and changing its settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import time
from typing import Literal
from uuid import UUID
from zoneinfo import available_timezones

from services.roster.domain.school import School
from services.roster.service.addresses import is_country, normalise_email, normalise_phone
from services.roster.service.forms import Faults
from services.roster.service.reading import read_language, read_text, read_value
from services.roster.service.refusals import claim_school, refuse
from services.roster.storage.schools import release_own_contacts, save_school
from shared.contracts import roster as facts
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit

CredentialsMode = Literal["self_service", "issued"]
MAX_LIFETIME_DAYS = 60


@dataclass(frozen=True, slots=True)
class SchoolForm:
    """A school as an operator describes it; None leaves a setting as it is."""

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


async def add_school(tx: Transaction, form: SchoolForm, *, actor: str | None) -> School:
    """Register a school. Raises Problem 422."""
    blank = School(new_id(), "", "", "en", "UTC", "self_service")
    school = replace(_told(blank, form), version=1)
    await save_school(tx, school)
    fact = facts.SchoolRegistered(school_id=school.school_id, school=_public(school))
    await emit(tx, OutboxMessage(fact, school.school_id, school.version, actor=actor))
    return school


async def change_school(tx: Transaction, school_id: UUID, form: SchoolForm, *, actor: str | None) -> School:
    """Change what the form names. Raises Problem 404 or 422."""
    before = await claim_school(tx, school_id)
    after = _told(before, form)
    if after == before:
        return before
    if _public(after) != _public(before):
        after = replace(after, version=before.version + 1)
        fact = facts.SchoolSettingsChanged(school_id=school_id, school=_public(after))
        await emit(tx, OutboxMessage(fact, school_id, after.version, actor=actor))
    await save_school(tx, after)
    if after.surroundings != before.surroundings:
        await release_own_contacts(tx, school_id, after.surroundings)
    return after


def _told(school: School, form: SchoolForm) -> School:
    faults = Faults()
    told = replace(
        school,
        name=_text(form.name, "name", school.name, faults),
        country=_text(form.country, "country", school.country, faults).upper(),
        timezone=_text(form.timezone, "timezone", school.timezone, faults),
        language=read_language(form.language, "language", faults) or school.language,
        credentials_mode=form.credentials_mode or school.credentials_mode,
        invitation_lifetime_days=form.invitation_lifetime_days or school.invitation_lifetime_days,
        reminder_days=school.reminder_days if form.reminder_days is None else form.reminder_days,
        quiet_from=school.quiet_from if form.quiet_from is None else form.quiet_from,
        quiet_until=school.quiet_until if form.quiet_until is None else form.quiet_until,
    )
    if told.country and not is_country(told.country):
        faults.add(
            "country",
            told.country,
            "country_invalid",
            "Use an ISO 3166 code of two letters, such as CH or US.",
        )
    if told.timezone not in available_timezones():
        faults.add("timezone", told.timezone, "timezone_invalid", "Use an IANA name, such as Europe/Zurich.")
    if sorted(set(told.reminder_days)) != list(told.reminder_days) or any(
        not 0 < day < told.invitation_lifetime_days for day in told.reminder_days
    ):
        faults.add(
            "reminder_days", told.reminder_days, "reminder_days_invalid", "Use rising days before the expiry."
        )
    refuse(faults)
    return _with_own_contacts(told, form, faults)


def _with_own_contacts(school: School, form: SchoolForm, faults: Faults) -> School:
    phone = read_value(form.phone, "phone", faults, lambda raw: normalise_phone(raw, school.country))
    email = read_value(form.email, "email", faults, normalise_email)
    refuse(faults)
    return replace(
        school,
        phone=school.phone if form.phone is None else phone,
        email=school.email if form.email is None else email,
    )


def _text(value: str | None, name: str, present: str, faults: Faults) -> str:
    if value is None and present:
        return present
    text = read_text(value, name, faults)
    if not text and not any(fault.field == name for fault in faults.found):
        faults.add(name, "", "required", "This must not be empty.")
    return text


def _public(school: School) -> facts.School:
    return facts.School(
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
