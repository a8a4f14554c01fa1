"""Changing and removing a parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.roster.domain.contacts import ContactKind
from services.roster.domain.families import with_contacts, with_family_key, with_preferred
from services.roster.domain.people import Parent
from services.roster.domain.school import School
from services.roster.service.addresses import normalise_email, normalise_phone
from services.roster.service.forms import Faults, ParentForm
from services.roster.service.reading import read_language, read_names, read_value
from services.roster.service.refusals import claim_school, parent_not_found, refuse
from services.roster.service.settling import Origin, settle
from services.roster.storage import parents as rows
from services.roster.storage.loading import load_register
from shared.runtime.core import new_id
from shared.runtime.database import Transaction


@dataclass(frozen=True, slots=True)
class ContactForm:
    """One contact of the whole list that a parent shall have. `kind` is `email` or `phone`."""

    kind: str
    address: str
    preferred: bool = False


@dataclass(frozen=True, slots=True)
class ParentChange:
    """`named` are the fields given; `contacts` replaces the whole list, `email` and `phone` the preferred one."""

    form: ParentForm
    named: frozenset[str]
    contacts: tuple[ContactForm, ...] | None = None


async def change_parent(
    tx: Transaction, school_id: UUID, parent_id: UUID, change: ParentChange, *, actor: str | None
) -> None:
    """Change a name, the language or contacts (P17). Raises Problem 404 or 422."""
    school = await claim_school(tx, school_id)
    register = await load_register(tx, school, parents=[parent_id])
    before = register.parents.get(parent_id)
    if before is None:
        raise parent_not_found()
    faults = Faults()
    after = _named(before, change, faults)
    after = _reachable(after, change, school, faults)
    refuse(faults)
    if after.contacts != before.contacts:
        key = after.family_key(school.surroundings)
        others = await load_register(tx, school, parents=[parent_id], keys=[key] if key else [])
        register = others
        after = with_family_key(others, after)
    register.put_parent(after)
    await settle(tx, school_id, register, Origin(actor))


async def remove_parent(tx: Transaction, school_id: UUID, parent_id: UUID, *, actor: str | None) -> None:
    """The record goes, with every right of access. Raises Problem 404."""
    school = await claim_school(tx, school_id)
    register = await load_register(tx, school, parents=[parent_id])
    if parent_id not in register.parents:
        raise parent_not_found()
    register.drop_parent(parent_id)
    await settle(tx, school_id, register, Origin(actor))


async def mark_signed_up(tx: Transaction, signed_up: Sequence[tuple[UUID, UUID, datetime]]) -> None:
    """Parents (school, parent, moment) have accounts; the earliest moment stays. Removed parents are passed over."""
    await rows.mark_signed_up(tx, signed_up)


def _named(parent: Parent, change: ParentChange, faults: Faults) -> Parent:
    after = parent
    if change.named & {"name", "first_name", "last_name"}:
        names = read_names(change.form, "", faults)
        if not names and not faults.found:
            faults.add("name", "", "required", "A parent needs a name.")
        after = replace(after, names=names)
    if "language" in change.named:
        after = replace(after, language=read_language(change.form.language, "language", faults))
    return after


def _reachable(parent: Parent, change: ParentChange, school: School, faults: Faults) -> Parent:
    after = parent
    if change.contacts is not None:
        wanted = []
        for i, contact in enumerate(change.contacts):
            kind = ContactKind(contact.kind)
            address = _address(kind, contact.address, f"contacts.{i}.address", school, faults)
            if address is not None:
                wanted.append((kind, address, contact.preferred))
        after = with_contacts(after, wanted, new_id)
    for kind, value in ((ContactKind.EMAIL, change.form.email), (ContactKind.PHONE, change.form.phone)):
        if kind.value in change.named:
            address = None if value is None else _address(kind, value, kind.value, school, faults)
            after = with_preferred(after, kind, address, new_id)
    return after


def _address(kind: ContactKind, value: str, name: str, school: School, faults: Faults) -> str | None:
    if kind is ContactKind.EMAIL:
        return read_value(value, name, faults, normalise_email)
    return read_value(value, name, faults, lambda raw: normalise_phone(raw, school.country))
