"""Looking for what a person typed."""

from typing import Any

from sqlalchemy import ColumnElement


def containing(column: ColumnElement[Any], typed: str) -> ColumnElement[bool]:
    """The column, already in lower case, contains what was typed; `%` and `_` stand for themselves."""
    return column.contains(typed.strip().lower(), autoescape=True)
