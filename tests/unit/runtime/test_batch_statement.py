"""The columns of a batch travel as arrays, and ids as one text."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shared.runtime.database import BatchStatement, array_literal, to_columns


@dataclass(frozen=True)
class _Student:
    number: int
    name: str


_SAVE = BatchStatement(
    "INSERT INTO students ({names}) SELECT * FROM {rows}", {"number": "integer", "name": "text"}
)
ADA, BOB = _Student(1, "Ada"), _Student(2, "Bob")


def test_each_column_is_one_array() -> None:
    statement, parameters = _SAVE.bind([ADA, BOB])
    assert parameters == {"number": [1, 2], "name": ["Ada", "Bob"]}
    assert str(statement) == (
        "INSERT INTO students (number, name) SELECT * "
        "FROM unnest(CAST(:number AS integer[]), CAST(:name AS text[])) AS r (number, name)"
    )


def test_no_rows_are_empty_arrays() -> None:
    assert _SAVE.bind([])[1] == {"number": [], "name": []}


def test_ids_travel_as_one_text_with_null_for_none() -> None:
    first = UUID(int=1)
    statement = BatchStatement("SELECT {names} FROM {rows}", {"id": "uuid", "digest": "hex", "name": "text"})
    text, parameters = statement.bind_columns(
        {"id": [first, None], "digest": ["ab", "cd"], "name": ["A", "B"]}
    )
    assert parameters == {"id": f"{{{first},NULL}}", "digest": "{ab,cd}", "name": ["A", "B"]}
    assert "CAST(CAST(:id AS text) AS uuid[]), CAST(CAST(:digest AS text) AS text[])" in str(text)


def test_an_empty_array_literal_is_an_empty_array() -> None:
    assert array_literal([]) == "{}"


def test_columns_of_no_values_are_empty() -> None:
    assert to_columns([], ("number", "name")) == {"number": [], "name": []}
    assert to_columns([ADA, BOB], ("number", "name")) == {"number": [1, 2], "name": ["Ada", "Bob"]}


def test_further_parameters_go_along() -> None:
    statement = BatchStatement(
        "UPDATE students AS s SET name = r.name FROM {rows} WHERE s.number = r.number AND s.school = :school",
        {"number": "integer", "name": "text"},
    )
    assert statement.bind([ADA], school="Elm")[1] == {"number": [1], "name": ["Ada"], "school": "Elm"}
