"""Recognition of columns by their titles, without case, spaces and punctuation (C2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_COLUMNS = 500
GUARDIANS = 6
FATHER, MOTHER = GUARDIANS + 1, GUARDIANS + 2
NAME_FIELDS = frozenset({"name", "first_name", "last_name"})
_NON_WORD = re.compile(r"[\W_]+")
_STUDENT = {
    "name": "name student_name student pupil pupil_name child child_name full_name student_full_name learner "
    "schüler nom_élève",
    "first_name": "first_name student_first_name given_name forename firstname vorname prénom pupil_first_name "
    "child_first_name",
    "last_name": "last_name student_last_name family_name surname lastname nachname pupil_last_name child_last_name",
    "number": "number student_number student_id student_no pupil_id pupil_number roll_no roll_number admission_number "
    "admission_no enrolment_number enrollment_number upn schülernummer id",
    "class_name": "class class_name grade form year_group homeroom section klasse classe year grade_level",
    "birth_date": "birth_date date_of_birth birthdate birthday dob geburtsdatum",
    "father_name": "father_name fathers_name father father_full_name",
    "mother_name": "mother_name mothers_name mother mother_full_name",
    "parents_contact": "parents_contact parents_phone parents_mobile parents_phone_number",
    "parents_email": "parents_email parents_e_mail parents_email_address parents_mail",
}
_PARENT = {
    "name": "name full_name",
    "first_name": "first_name given_name forename",
    "last_name": "last_name family_name surname",
    "relation": "relation relationship type role",
    "email": "email e_mail email_address mail",
    "phone": "phone mobile phone_number mobile_number cell cell_phone telephone contact tel",
    "language": "language",
}
_PREFIXES = ("parent", "guardian", "contact", "parent_guardian")
EXPECTED = (
    "name (or first_name and last_name), number, class_name, birth_date, father_name, mother_name, parents_contact, "
    "parents_email, parent1_name, parent1_relation, parent1_email, parent1_phone, parent2_name, …"
)


class FileRefusedError(Exception):
    """The file as a whole cannot be accepted. `error` is a row for the report; its message is for the sender."""

    def __init__(self, code: str, message: str, *, column: str = "", value: str = "", row: int = 0) -> None:
        super().__init__(code)
        self.error = {
            "row": row,
            "column": replace_unprintable(column)[:200],
            "value": replace_unprintable(value)[:200],
            "code": code,
            "message": replace_unprintable(message),
        }


def replace_unprintable(text: str) -> str:
    """Return the text with a replacement mark for each character that cannot be shown."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of the fields in a row. Fields of parents are keyed by (number of the parent, field).

    Parents are numbered from 1 to GUARDIANS; FATHER and MOTHER stand for the two of the Classe365 fields.
    """

    titles: tuple[str, ...]
    student: dict[str, int]
    parents: dict[tuple[int, str], int]
    ignored: tuple[str, ...]

    @property
    def recognised(self) -> int:
        """Return how many columns are read."""
        return len(self.student) + len(self.parents)


def normalise_title(title: str) -> str:
    """Return a title without case, spaces and punctuation."""
    return _NON_WORD.sub("", title.casefold())


Field = str | tuple[int, str]


def _list_titles() -> dict[str, tuple[Field, int]]:
    """Return the field of each known title, and the rank of the title among those of the field (0 is best)."""
    fields: dict[str, tuple[Field, int]] = {}
    for parent in range(1, GUARDIANS + 1):
        starts = [f"{prefix}{parent}" for prefix in _PREFIXES] + (list(_PREFIXES) if parent == 1 else [])
        for field, words in _PARENT.items():
            titles = [f"{start}_{word}" for start in starts for word in words.split()]
            fields.update(
                {normalise_title(title): ((parent, field), rank) for rank, title in enumerate(titles)}
            )
    for parent, adult in ((FATHER, "father"), (MOTHER, "mother")):
        for field in ("email", "phone", "language"):
            titles = [f"{adult}_{word}" for word in _PARENT[field].split()]
            fields.update(
                {normalise_title(title): ((parent, field), rank) for rank, title in enumerate(titles)}
            )
    for field, words in _STUDENT.items():
        fields.update({normalise_title(word): (field, rank) for rank, word in enumerate(words.split())})
    return fields


FIELDS_BY_TITLE = _list_titles()


def read_layout(titles: Sequence[str]) -> Layout:
    """Return the layout of the header row.

    Raises FileRefusedError if there is no name of a student, one title twice, or more than MAX_COLUMNS columns.
    """
    if len(titles) > MAX_COLUMNS:
        raise FileRefusedError("too_many_columns", f"At most {MAX_COLUMNS} columns can be read.", row=1)
    layout = recognise(titles)
    if not NAME_FIELDS & layout.student.keys():
        shown = replace_unprintable(", ".join(title for title in titles if title))[:1000]
        raise FileRefusedError(
            "unknown_header",
            f"No column with the students' names was found. Found: {shown}. Expected: {EXPECTED}.",
            row=1,
            value=shown,
        )
    return layout


def recognise(titles: Sequence[str]) -> Layout:
    """Return the layout of any row. Of several titles for one field the best is read."""
    best: dict[Field, tuple[int, int]] = {}
    for position, title in enumerate(titles):
        match = FIELDS_BY_TITLE.get(normalise_title(title))
        if match is None:
            continue
        field, rank = match
        if field in best and best[field][0] == rank:
            raise FileRefusedError(
                "duplicate_column",
                f"Two columns are called {title!r}. Remove or rename one.",
                column=title,
                row=1,
            )
        best[field] = min(best.get(field, (rank, position)), (rank, position))
    read = {position for _, position in best.values()}
    return Layout(
        tuple(titles),
        {field: position for field, (_, position) in best.items() if isinstance(field, str)},
        {field: position for field, (_, position) in best.items() if not isinstance(field, str)},
        tuple(title for position, title in enumerate(titles) if title and position not in read),
    )
