"""Looking for what a person typed."""

from typing import Any

from sqlalchemy import ColumnElement, and_, true


def containing(column: ColumnElement[Any], typed: str) -> ColumnElement[bool]:
    """The column, already in lower case, contains each word that was typed; `%` and `_` stand for themselves.

    A record of two names (`Ada & Bo Example`) is found by either whole name.
    """
    return and_(true(), *(column.contains(word, autoescape=True) for word in typed.lower().split()))
