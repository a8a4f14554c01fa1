"""Result of a statement that ran on the driver: rows as named tuples."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement


class Result:
    """Rows that a statement returned, as named tuples; a column without a usable name is named by its position."""

    def __init__(self, records: Sequence[asyncpg.Record], prepared: PreparedStatement) -> None:
        self._records = records
        self._prepared = prepared

    @property
    def rowcount(self) -> int:
        """Number of rows written or read; -1 for a statement that has none."""
        count = (self._prepared.get_statusmsg() or "").rpartition(" ")[2]
        return int(count) if count.isdecimal() else -1

    def all(self) -> list[Any]:
        """Return all rows."""
        make_row = self._row_factory() if self._records else None
        return [make_row(record) for record in self._records] if make_row else []

    def first(self) -> Any:
        """Return the first row, or None."""
        return self._row_factory()(self._records[0]) if self._records else None

    def scalar(self) -> Any:
        """Return the first column of the first row, or None."""
        return self._records[0][0] if self._records else None

    def scalar_one(self) -> Any:
        """Return the first column of the only row. Raises ValueError if there is none or more than one."""
        (record,) = self._records
        return record[0]

    def scalars(self) -> Iterator[Any]:
        """Iterate over the first column of every row."""
        return map(itemgetter(0), self._records)

    def mappings(self) -> list[dict[str, Any]]:
        """Return each row as a dict."""
        return [dict(record.items()) for record in self._records]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())

    def _row_factory(self) -> Callable[[Any], Any]:
        names = tuple(attribute.name for attribute in self._prepared.get_attributes())
        make_row: Callable[[Any], Any] = _row_class(names)._make
        return make_row


@lru_cache(maxsize=2_000)
def _row_class(names: tuple[str, ...]) -> Any:
    plain = namedtuple("Row", names, rename=True)  # type: ignore[misc] # noqa: PYI024 - known at run time only

    class Row(plain):
        """Row that also gives its columns by name, as SQLAlchemy's rows do."""

        __slots__ = ()
        _mapping = property(plain._asdict)

    return Row
