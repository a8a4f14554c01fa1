"""Text search in names and addresses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, true


def contains_text(column: ColumnElement[Any], typed: str) -> ColumnElement[bool]:
    """Return the condition that the lower-case column contains the typed text; `%` and `_` have no special meaning.

    A record of two names (`Ada & Bo Example`) is also found by either full name, because every typed word may occur
    anywhere in the column as a whole word.
    """
    words = typed.lower().split()
    padded = func.concat(" ", column, " ")
    whole_words = (padded.contains(f" {word} ", autoescape=True) for word in words)
    return or_(column.contains(" ".join(words), autoescape=True), and_(true(), *whole_words))
