"""Looking for what a person typed."""

from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, true


def containing(column: ColumnElement[Any], typed: str) -> ColumnElement[bool]:
    """The column, already in lower case, contains what was typed; `%` and `_` stand for themselves.

    A record of two names (`Ada & Bo Example`) is also found by either whole name: each word stands in it whole.
    """
    words = typed.lower().split()
    padded = func.concat(" ", column, " ")
    whole = (padded.contains(f" {word} ", autoescape=True) for word in words)
    return or_(column.contains(" ".join(words), autoescape=True), and_(true(), *whole))
