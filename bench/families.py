"""The CSV file that every contestant gets: one parent a row, as a school's software exports them."""

from __future__ import annotations

import csv
import io

COLUMNS = ("student_name", "class_name", "father_name", "parents_contact", "parents_email")
_CLASS_SIZE = 24
_FIRST_PHONE = 49_301_000_000


def address(tag: str, number: int) -> str:
    """Return the e-mail address of one parent of a file."""
    return f"{tag}-{number}@family.example"


def families_csv(count: int, tag: str) -> bytes:
    """Build a CSV of `count` students with one parent each; no parent is shared.

    `tag` keeps the addresses of files distinct.
    """
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for number in range(count):
        rows.writerow(
            (
                f"Pupil {tag} {number}",
                f"Class {number // _CLASS_SIZE}",
                f"Parent {tag} {number}",
                f"+{_FIRST_PHONE + number}",
                address(tag, number),
            )
        )
    return text.getvalue().encode()
