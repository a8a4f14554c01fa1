"""A batch's columns travel as arrays, and as single values where all rows of the batch have the same."""

from dataclasses import dataclass

from shared.runtime.database import BatchStatement


@dataclass(frozen=True)
class _Pupil:
    number: int
    name: str
    school: str | None
    removed: bool


_SAVE = BatchStatement(
    "INSERT INTO pupils ({names}) SELECT * FROM {rows}",
    {"number": "integer", "name": "text", "school": "text", "removed": "boolean"},
)
ADA, BOB = _Pupil(1, "Ada", "Elm", removed=False), _Pupil(2, "Bob", "Elm", removed=False)
EVE = _Pupil(3, "Eve", "Oak", removed=False)


def test_what_all_rows_have_in_common_travels_once() -> None:
    statement, values = _SAVE.bind([ADA, BOB])
    assert values == {"number": [1, 2], "name": ["Ada", "Bob"], "school": "Elm", "removed": False}
    assert str(statement) == (
        "INSERT INTO pupils (number, name, school, removed) SELECT * FROM (SELECT number, name, "
        "CAST(:school AS text) AS school, CAST(:removed AS boolean) AS removed "
        "FROM unnest(CAST(:number AS integer[]), CAST(:name AS text[])) AS listed (number, name)) AS r"
    )


def test_one_row_that_differs_makes_arrays_of_all_columns() -> None:
    statement, values = _SAVE.bind([ADA, EVE])
    assert values["school"] == ["Elm", "Oak"]
    assert values["removed"] == [False, False]
    assert "CAST(:school AS text[])" in str(statement)


def test_nothing_in_common_but_nothing_is_something_in_common_too() -> None:
    nobody = [_Pupil(1, "Ada", None, removed=True), _Pupil(2, "Bob", None, removed=True)]
    assert _SAVE.bind(nobody)[1]["school"] is None


def test_no_rows_are_empty_arrays() -> None:
    statement, values = _SAVE.bind([])
    assert values == {"number": [], "name": [], "school": [], "removed": []}
    assert "CAST(:removed AS boolean[])" in str(statement)


def test_further_parameters_go_along() -> None:
    statement = BatchStatement(
        "UPDATE pupils AS p SET name = r.name FROM {rows} WHERE p.number = r.number AND p.school = :school",
        {"number": "integer", "name": "text"},
    )
    assert statement.of([ADA], school="Elm")[1] == {"number": [1], "name": ["Ada"], "school": "Elm"}
