"""What a statement answers, where the driver runs it: rows as named tuples."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement


class Rows:
    """What a statement answered. Each row is a named tuple; a column whose name is none is called by its place."""

    def __init__(self, records: Sequence[asyncpg.Record], prepared: PreparedStatement) -> None:
        self._records = records
        self._prepared = prepared

    @property
    def rowcount(self) -> int:
        """Rows that were written, or read; -1 where a statement has none."""
        count = (self._prepared.get_statusmsg() or "").rpartition(" ")[2]
        return int(count) if count.isdecimal() else -1

    def all(self) -> list[Any]:
        """All rows."""
        make = self._row() if self._records else None
        return [make(record) for record in self._records] if make else []

    def first(self) -> Any:
        """The first row, or None."""
        return self._row()(self._records[0]) if self._records else None

    def scalar(self) -> Any:
        """The first column of the first row, or None."""
        return self._records[0][0] if self._records else None

    def scalar_one(self) -> Any:
        """The first column of the one row. Raises ValueError where there are none or several."""
        (record,) = self._records
        return record[0]

    def scalars(self) -> Iterator[Any]:
        """The first column of every row."""
        return map(itemgetter(0), self._records)

    def mappings(self) -> list[dict[str, Any]]:
        """Each row as a dict."""
        return [dict(record.items()) for record in self._records]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())

    def _row(self) -> Callable[[Any], Any]:
        make: Callable[[Any], Any] = _row_class(
            tuple(one.name for one in self._prepared.get_attributes())
        )._make
        return make


@lru_cache(maxsize=2_000)
def _row_class(names: tuple[str, ...]) -> Any:
    plain = namedtuple("Row", names, rename=True)  # type: ignore[misc] # noqa: PYI024 - known when it runs

    class Row(plain):
        """A row that also says what it holds by name."""

        __slots__ = ()
        _mapping = property(plain._asdict)

    return Row
