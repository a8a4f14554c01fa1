"""From forms to entries: every value checked and normalised, every fault noted with its field."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime

from services.roster.domain.contacts import Surroundings
from services.roster.domain.entries import ParentEntry, StudentEntry, classe365_parent
from services.roster.domain.text import TextError, clean, is_blank, is_filler, split_names
from services.roster.service.addresses import normalise_email, normalise_phone
from services.roster.service.forms import Faults, ParentForm, StudentForm

MAX_SHORT = 60
EARLIEST_BIRTH = date(1900, 1, 1)
_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")
_DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%d %H:%M:%S")


def read_student(form: StudentForm, school: Surroundings, faults: Faults) -> StudentEntry:
    """The entry of a form; use it only when `faults` stayed empty."""
    first = read_text(form.first_name, "first_name", faults)
    last = read_text(form.last_name, "last_name", faults)
    name = read_text(form.name, "name", faults) or " ".join(part for part in (first, last) if part)
    if not name and not any(fault.field in ("name", "first_name", "last_name") for fault in faults.found):
        faults.add("name", "", "required", "A student needs a name, or a first and a last name.")
    return StudentEntry(
        name=name,
        first_name=first or None,
        last_name=last or None,
        number=read_text(form.number, "number", faults, limit=MAX_SHORT) or None,
        class_name=read_text(form.class_name, "class_name", faults, limit=MAX_SHORT) or None,
        birth_date=read_birth_date(form.birth_date, school, faults),
        parents=_parents(form, school, faults),
    )


def read_parent(form: ParentForm, prefix: str, school: Surroundings, faults: Faults) -> ParentEntry:
    """One named adult. `prefix` stands before the field's name in a fault, like `parents.0.`."""
    return ParentEntry(
        names=read_names(form, prefix, faults),
        relation=read_text(form.relation, f"{prefix}relation", faults, limit=MAX_SHORT) or None,
        phone=read_value(
            form.phone, f"{prefix}phone", faults, lambda value: normalise_phone(value, school.country)
        ),
        email=read_value(form.email, f"{prefix}email", faults, normalise_email),
        language=read_language(form.language, f"{prefix}language", faults),
    )


def read_names(form: ParentForm, prefix: str, faults: Faults) -> tuple[str, ...]:
    """The one or two names of a record, from `name` or from first and last name."""
    first = read_text(form.first_name, f"{prefix}first_name", faults)
    last = read_text(form.last_name, f"{prefix}last_name", faults)
    name = read_full_name(form.name, f"{prefix}name", faults) or " ".join(
        part for part in (first, last) if part
    )
    return split_names(name)


def read_text(value: str | None, name: str, faults: Faults, *, limit: int = 200) -> str:
    """Cleaned; a blank word (`n/a`) is nothing."""
    text = read_value(value, name, faults, lambda raw: clean(raw, limit=limit))
    return "" if text is None or is_blank(text) else text


def read_full_name(value: str | None, name: str, faults: Faults) -> str:
    """A parent's name; words like `unknown` are nothing."""
    text = read_text(value, name, faults)
    return "" if is_filler(text) else text


def read_value(value: str | None, name: str, faults: Faults, read: Callable[[str], str | None]) -> str | None:
    """The value as `read` has it; a TextError becomes a fault of this field."""
    if value is None:
        return None
    try:
        return read(value)
    except TextError as error:
        faults.add(name, value, error.code, error.message)
        return None


def read_language(value: str | None, name: str, faults: Faults) -> str | None:
    """A BCP 47 tag, or nothing."""
    text = read_text(value, name, faults, limit=MAX_SHORT)
    if not text:
        return None
    if not _LANGUAGE.match(text):
        faults.add(name, text, "language_invalid", "Use a language tag such as de, fr or pt-BR.")
        return None
    return text


def read_birth_date(value: str | date | None, school: Surroundings, faults: Faults) -> date | None:
    """ISO, or day.month.year, or with slashes in the order of the school's country."""
    if isinstance(value, date):
        found: date | None = value
    else:
        text = read_text(value, "birth_date", faults, limit=MAX_SHORT)
        if not text:
            return None
        slashed = "%m/%d/%Y" if school.country in ("US", "PH", "PR", "GU") else "%d/%m/%Y"
        found = _date(text, (*_DATE_FORMATS, slashed))
    if found is None or not EARLIEST_BIRTH <= found <= date(2100, 1, 1):
        faults.add("birth_date", value, "date_invalid", "Use a date like 2015-08-31.")
        return None
    return found


def _parents(form: StudentForm, school: Surroundings, faults: Faults) -> tuple[ParentEntry, ...]:
    entries = [read_parent(parent, f"parents.{i}.", school, faults) for i, parent in enumerate(form.parents)]
    shared = classe365_parent(
        read_full_name(form.father_name, "father_name", faults),
        read_full_name(form.mother_name, "mother_name", faults),
        read_value(
            form.parents_contact, "parents_contact", faults, lambda raw: normalise_phone(raw, school.country)
        ),
        read_value(form.parents_email, "parents_email", faults, normalise_email),
    )
    entries += [shared] if shared else []
    return tuple(entry for entry in entries if not entry.empty)


def _date(text: str, formats: tuple[str, ...]) -> date | None:
    for form in formats:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a birthday has no time zone
        except ValueError:
            continue
    return None
