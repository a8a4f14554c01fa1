"""Tests of errors: fields, and refusals with their code and the field to correct."""

from __future__ import annotations

import pytest

from services.roster.domain import errors
from services.roster.domain.errors import (
    MAX_SHOWN,
    Conflict,
    FieldError,
    FieldErrors,
    InvalidInput,
    NotFound,
    RosterError,
)


def test_errors_of_fields_are_raised_together() -> None:
    field_errors = FieldErrors()
    field_errors.raise_if_any()
    field_errors.add("phone", "12", "phone_invalid", "Dial it.")
    field_errors.add("email", None, "email_invalid", "Write it.")
    field_errors.add("email", None, "too_long", "Shorten it.")
    with pytest.raises(InvalidInput) as caught:
        field_errors.raise_if_any()
    assert (caught.value.code, caught.value.field) == ("invalid_input", None)
    assert caught.value.detail == "Please correct: email, phone."
    assert caught.value.errors[0] == FieldError("phone", "12", "phone_invalid", "Dial it.")
    assert len(caught.value.errors) == 3


def test_errors_are_found_by_field_and_show_a_short_value() -> None:
    field_errors = FieldErrors()
    field_errors.add("name", "x" * 500, "too_long", "Shorten it.")
    assert field_errors.has("email", "name")
    assert not field_errors.has("email")
    assert field_errors.items[0].value == "x" * MAX_SHOWN == "x" * 200


@pytest.mark.parametrize(
    ("error", "kind", "code", "field"),
    [
        (errors.school_not_found(), NotFound, "school_not_found", None),
        (errors.student_not_found(), NotFound, "student_not_found", None),
        (errors.parent_not_found(), NotFound, "parent_not_found", None),
        (errors.sibling_group_not_found(), NotFound, "sibling_group_not_found", None),
        (errors.import_not_found(), NotFound, "import_not_found", None),
        (errors.number_in_use("7"), Conflict, "number_in_use", "number"),
        (errors.not_in_preview("applied"), Conflict, "not_in_preview", None),
        (errors.rows_refused(3), Conflict, "rows_refused", "skip_bad_rows"),
        (errors.file_empty(), InvalidInput, "file_empty", "file"),
        (errors.nothing_to_link("parent_ids"), InvalidInput, "nothing_to_link", "parent_ids"),
    ],
)
def test_a_refusal_has_a_code_a_sentence_and_the_field_to_correct(
    error: RosterError, kind: type[RosterError], code: str, field: str | None
) -> None:
    assert type(error) is kind
    assert (error.code, error.field, str(error)) == (code, field, code)
    assert error.detail.endswith(".")
    assert list(error.errors) == []
