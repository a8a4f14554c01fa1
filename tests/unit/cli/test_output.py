"""Unit tests of the output of the `kinvite` command."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.cli.output import format_value, print_fields, print_rows

ROWS = [{"service": "roster", "oldest": None, "hidden": 1}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ({"invited": 2, "signed_up": 0, "expired": 1}, "invited 2, expired 1"),
        ("as it is", "as it is"),
    ],
)
def test_a_value_is_plain_text(value: Any, text: str) -> None:
    assert format_value(value) == text


def test_rows_are_a_table_of_the_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, ("service", "oldest"), as_json=False, empty="Nothing.")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [["service", "oldest"], ["roster"]]


def test_without_rows_the_text_for_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], ("service",), as_json=False, empty="Nothing.")
    assert capsys.readouterr().out == "Nothing.\n"


def test_json_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, ("service",), as_json=True, empty="Nothing.")
    assert json.loads(capsys.readouterr().out) == ROWS
    print_fields({"to_message": 3}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"to_message": 3}


def test_fields_are_lines_with_readable_names(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"to_message": 3, "note": None}, as_json=False)
    assert capsys.readouterr().out == "to message: 3\nnote: \n"
