"""Normalisation of input: students and parents as forms and files give them, to parsed rows and errors by field."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from services.roster.domain.errors import FieldErrors
from services.roster.domain.parsed_rows import ParsedParent, ParsedStudent, parent_from_classe365
from services.roster.domain.people import SchoolContactContext
from services.roster.domain.text import TextError, clean, is_blank, is_placeholder, split_names
from services.roster.spreadsheet.addresses import normalise_email, normalise_phone

MAX_SHORT = 60
EARLIEST_BIRTH, LATEST_BIRTH = date(1900, 1, 1), date(2100, 1, 1)
_MONTH_FIRST_COUNTRIES = ("US", "PH", "PR", "GU")
_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")
_DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class ParentInput:
    """Parent as a form or a file gives it, before any check. Every field is optional."""

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    relation: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class StudentInput:
    """Student as a form or a file gives it, before any check.

    Parents come by name (`parents`), in the four Classe365 fields (C2), in both ways or not at all.
    """

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    number: str | None = None
    class_name: str | None = None
    birth_date: str | date | None = None
    parents: tuple[ParentInput, ...] = ()
    father_name: str | None = None
    mother_name: str | None = None
    parents_contact: str | None = None
    parents_email: str | None = None


def normalise_student(
    student: StudentInput, school: SchoolContactContext, errors: FieldErrors
) -> ParsedStudent:
    """Return the parsed student; it is meaningless if `errors` were added."""
    first_name = normalise_text(student.first_name, "first_name", errors)
    last_name = normalise_text(student.last_name, "last_name", errors)
    name = normalise_text(student.name, "name", errors) or _join(first_name, last_name)
    if not name and not errors.has("name", "first_name", "last_name"):
        errors.add("name", "", "required", "A student needs a name, or a first and a last name.")
    return ParsedStudent(
        name=name,
        first_name=first_name or None,
        last_name=last_name or None,
        number=normalise_text(student.number, "number", errors, limit=MAX_SHORT) or None,
        class_name=normalise_text(student.class_name, "class_name", errors, limit=MAX_SHORT) or None,
        birth_date=normalise_birth_date(student.birth_date, school, errors),
        parents=_normalise_parents(student, school, errors),
    )


def normalise_parent(
    parent: ParentInput, prefix: str, school: SchoolContactContext, errors: FieldErrors
) -> ParsedParent:
    """Return the parsed parent; in errors, `prefix` (such as `parents.0.`) stands before the name of a field."""
    return ParsedParent(
        names=normalise_names(parent, prefix, errors),
        relation=normalise_text(parent.relation, f"{prefix}relation", errors, limit=MAX_SHORT) or None,
        phone=normalise_value(
            parent.phone, f"{prefix}phone", errors, lambda value: normalise_phone(value, school.country)
        ),
        email=normalise_value(parent.email, f"{prefix}email", errors, normalise_email),
        language=normalise_language(parent.language, f"{prefix}language", errors),
    )


def normalise_names(parent: ParentInput, prefix: str, errors: FieldErrors) -> tuple[str, ...]:
    """Return the names of a parent record, at most two, from `name` or from the first and last name."""
    first_name = normalise_text(parent.first_name, f"{prefix}first_name", errors)
    last_name = normalise_text(parent.last_name, f"{prefix}last_name", errors)
    name = normalise_full_name(parent.name, f"{prefix}name", errors)
    return split_names(name or _join(first_name, last_name))


def normalise_text(value: str | None, name: str, errors: FieldErrors, *, limit: int = 200) -> str:
    """Return a cleaned text of at most `limit` characters; a blank mark such as `n/a` becomes empty."""
    text = normalise_value(value, name, errors, lambda raw: clean(raw, limit=limit))
    return "" if text is None or is_blank(text) else text


def normalise_full_name(value: str | None, name: str, errors: FieldErrors) -> str:
    """Return a parent's name; a placeholder such as `unknown` becomes empty."""
    text = normalise_text(value, name, errors)
    return "" if is_placeholder(text) else text


def normalise_value(
    value: str | None, name: str, errors: FieldErrors, parse: Callable[[str], str | None]
) -> str | None:
    """Return `parse(value)`; a TextError is added to the errors of the field."""
    if value is None:
        return None
    try:
        return parse(value)
    except TextError as error:
        errors.add(name, value, error.code, error.message)
        return None


def normalise_language(value: str | None, name: str, errors: FieldErrors) -> str | None:
    """Return a BCP 47 tag, or None for a blank value."""
    text = normalise_text(value, name, errors, limit=MAX_SHORT)
    if not text:
        return None
    if not _LANGUAGE.match(text):
        errors.add(name, text, "language_invalid", "Use a language tag such as de, fr or pt-BR.")
        return None
    return text


def normalise_birth_date(
    value: str | date | None, school: SchoolContactContext, errors: FieldErrors
) -> date | None:
    """Return a date of birth, given in ISO 8601, as day.month.year, or with slashes in the order of the country."""
    if isinstance(value, date):
        birth_date: date | None = value
    else:
        text = normalise_text(value, "birth_date", errors, limit=MAX_SHORT)
        if not text:
            return None
        slashed = "%m/%d/%Y" if school.country in _MONTH_FIRST_COUNTRIES else "%d/%m/%Y"
        birth_date = _parse_date(text, (*_DATE_FORMATS, slashed))
    if birth_date is None or not EARLIEST_BIRTH <= birth_date <= LATEST_BIRTH:
        errors.add("birth_date", value, "date_invalid", "Use a date like 2015-08-31.")
        return None
    return birth_date


def _normalise_parents(
    student: StudentInput, school: SchoolContactContext, errors: FieldErrors
) -> tuple[ParsedParent, ...]:
    parents = [
        normalise_parent(parent, f"parents.{i}.", school, errors) for i, parent in enumerate(student.parents)
    ]
    shared = parent_from_classe365(
        normalise_full_name(student.father_name, "father_name", errors),
        normalise_full_name(student.mother_name, "mother_name", errors),
        normalise_value(
            student.parents_contact,
            "parents_contact",
            errors,
            lambda value: normalise_phone(value, school.country),
        ),
        normalise_value(student.parents_email, "parents_email", errors, normalise_email),
    )
    parents += [shared] if shared else []
    return tuple(parent for parent in parents if not parent.is_empty)


def _join(first_name: str, last_name: str) -> str:
    return " ".join(part for part in (first_name, last_name) if part)


def _parse_date(text: str, formats: tuple[str, ...]) -> date | None:
    for date_format in formats:
        try:
            return datetime.strptime(text, date_format).date()  # noqa: DTZ007 - a birthday has no time zone
        except ValueError:
            continue
    return None
