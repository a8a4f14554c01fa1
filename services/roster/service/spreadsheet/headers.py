"""Which column is what. Compared without case, spaces and punctuation; the four Classe365 ids as written (C2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_COLUMNS = 500
GUARDIANS = 6
FATHER, MOTHER = 7, 8
_PLAIN = re.compile(r"[\W_]+")
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
    """The file as a whole cannot be taken; the words are for the person who sent it."""

    def __init__(self, code: str, message: str, *, column: str = "", value: str = "", row: int = 0) -> None:
        super().__init__(code)
        self.error = {
            "row": row,
            "column": visible(column)[:200],
            "value": visible(value)[:200],
            "code": code,
            "message": visible(message),
        }


def visible(text: str) -> str:
    """The text with a mark for each character that cannot be shown."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each field stands. Parents' fields are keyed by (place of the parent, field)."""

    titles: tuple[str, ...]
    student: dict[str, int]
    parents: dict[tuple[int, str], int]
    ignored: tuple[str, ...]

    @property
    def recognised(self) -> int:
        return len(self.student) + len(self.parents)


def plain(title: str) -> str:
    """A title without case, spaces and punctuation."""
    return _PLAIN.sub("", title.casefold())


Field = str | tuple[int, str]


def _synonyms() -> dict[str, tuple[Field, int]]:
    """Title to field, and how good a name for it the title is (0 is best)."""
    known: dict[str, tuple[Field, int]] = {}
    for place in range(1, GUARDIANS + 1):
        starts = [f"{prefix}{place}" for prefix in _PREFIXES] + (list(_PREFIXES) if place == 1 else [])
        for field, words in _PARENT.items():
            titles = [f"{start}_{word}" for start in starts for word in words.split()]
            known.update({plain(title): ((place, field), rank) for rank, title in enumerate(titles)})
    for place, adult in ((FATHER, "father"), (MOTHER, "mother")):
        for field in ("email", "phone", "language"):
            titles = [f"{adult}_{word}" for word in _PARENT[field].split()]
            known.update({plain(title): ((place, field), rank) for rank, title in enumerate(titles)})
    for field, words in _STUDENT.items():
        known.update({plain(word): (field, rank) for rank, word in enumerate(words.split())})
    return known


KNOWN = _synonyms()


def layout(titles: Sequence[str]) -> Layout:
    """Read the header row. Raises FileRefusedError: no student's name in it, one field twice, too many columns."""
    if len(titles) > MAX_COLUMNS:
        raise FileRefusedError("too_many_columns", f"At most {MAX_COLUMNS} columns can be read.", row=1)
    found = recognise(titles)
    if not ({"name", "first_name", "last_name"} & found.student.keys()):
        shown = visible(", ".join(title for title in titles if title))[:1000]
        raise FileRefusedError(
            "unknown_header",
            f"No column with the students' names was found. Found: {shown}. Expected: {EXPECTED}.",
            row=1,
            value=shown,
        )
    return found


def recognise(titles: Sequence[str]) -> Layout:
    """The layout of a header row, whether it is enough or not. Of several names for one field the best is read."""
    best: dict[Field, tuple[int, int]] = {}
    for place, title in enumerate(titles):
        if (known := KNOWN.get(plain(title))) is None:
            continue
        field, rank = known
        if field in best and best[field][0] == rank:
            raise FileRefusedError(
                "duplicate_column",
                f"Two columns are called {title!r}. Remove or rename one.",
                column=title,
                row=1,
            )
        best[field] = min(best.get(field, (rank, place)), (rank, place))
    read = {place for _, place in best.values()}
    return Layout(
        tuple(titles),
        {field: place for field, (_, place) in best.items() if isinstance(field, str)},
        {field: place for field, (_, place) in best.items() if not isinstance(field, str)},
        tuple(title for place, title in enumerate(titles) if title and place not in read),
    )
