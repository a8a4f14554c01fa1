"""Use cases of parents: changing and removing one, and recording who signed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.roster.domain.errors import FieldErrors, parent_not_found
from services.roster.domain.people import Parent, School
from services.roster.spreadsheet.addresses import normalise_email, normalise_phone
from services.roster.spreadsheet.normalise import (
    ParentInput,
    normalise_language,
    normalise_names,
    normalise_value,
)
from services.roster.storage.parents import save_sign_ups
from services.roster.storage.schools import claim_school
from services.roster.use_cases.save_changes import ChangeOrigin, load_roster, save_changes
from shared.contracts.values import ContactKind
from shared.runtime.core import new_id
from shared.runtime.database import Transaction

NAME_FIELDS = frozenset({"name", "first_name", "last_name"})


@dataclass(frozen=True, slots=True)
class ContactInput:
    """Contact in a list that replaces all contacts of a parent. `kind` is `email` or `phone`."""

    kind: str
    address: str
    preferred: bool = False


@dataclass(frozen=True, slots=True)
class ParentChange:
    """Change of a parent: the values of the named `fields`.

    `contacts` replaces the whole list; the fields `email` and `phone` replace the preferred contact of their kind.
    """

    parent: ParentInput
    fields: frozenset[str]
    contacts: tuple[ContactInput, ...] | None = None


async def change_parent(
    tx: Transaction, school_id: UUID, parent_id: UUID, change: ParentChange, *, actor: str | None
) -> None:
    """Change the name, the language or contacts of a parent (P17). Raises NotFound or InvalidInput."""
    school = await claim_school(tx, school_id)
    changes = await load_roster(tx, school, parent_ids=[parent_id])
    before = changes.parents.get(parent_id)
    if before is None:
        raise parent_not_found()
    errors = FieldErrors()
    after = _change_names(before, change, errors)
    after = _change_contacts(after, change, school, errors)
    errors.raise_if_any()
    if after.contacts != before.contacts:
        key = after.make_family_key(school.contact_context)
        changes = await load_roster(tx, school, parent_ids=[parent_id], family_keys=[key] if key else [])
        after = changes.with_family_key(after)
    changes.put_parent(after)
    await save_changes(tx, school_id, changes, ChangeOrigin(actor))


async def remove_parent(tx: Transaction, school_id: UUID, parent_id: UUID, *, actor: str | None) -> None:
    """Remove a parent record with all its access. Raises NotFound."""
    school = await claim_school(tx, school_id)
    changes = await load_roster(tx, school, parent_ids=[parent_id])
    if parent_id not in changes.parents:
        raise parent_not_found()
    changes.remove_parent(parent_id)
    await save_changes(tx, school_id, changes, ChangeOrigin(actor))


async def record_sign_ups(tx: Transaction, sign_ups: Sequence[tuple[UUID, UUID, datetime]]) -> None:
    """Record that parents signed up, given as (school, parent, moment).

    The earliest moment of a parent stays. Parents who were removed are ignored.
    """
    await save_sign_ups(tx, sign_ups)


def _change_names(parent: Parent, change: ParentChange, errors: FieldErrors) -> Parent:
    after = parent
    if change.fields & NAME_FIELDS:
        names = normalise_names(change.parent, "", errors)
        if not names and not errors.items:
            errors.add("name", "", "required", "A parent needs a name.")
        after = replace(after, names=names)
    if "language" in change.fields:
        after = replace(after, language=normalise_language(change.parent.language, "language", errors))
    return after


def _change_contacts(parent: Parent, change: ParentChange, school: School, errors: FieldErrors) -> Parent:
    after = parent
    if change.contacts is not None:
        wanted = []
        for i, contact in enumerate(change.contacts):
            kind = ContactKind(contact.kind)
            address = _normalise_address(kind, contact.address, f"contacts.{i}.address", school, errors)
            if address is not None:
                wanted.append((kind, address, contact.preferred))
        after = after.with_contacts(wanted, new_id)
    for kind, value in ((ContactKind.EMAIL, change.parent.email), (ContactKind.PHONE, change.parent.phone)):
        if kind.value in change.fields:
            address = None if value is None else _normalise_address(kind, value, kind.value, school, errors)
            after = after.with_preferred(kind, address, new_id)
    return after


def _normalise_address(
    kind: ContactKind, value: str, name: str, school: School, errors: FieldErrors
) -> str | None:
    if kind is ContactKind.EMAIL:
        return normalise_value(value, name, errors, normalise_email)
    return normalise_value(value, name, errors, lambda raw: normalise_phone(raw, school.country))
