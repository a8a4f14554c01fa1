"""Entry point of the process that reads a file. It isolates itself before it opens the file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.roster.domain.errors import FieldErrors
from services.roster.domain.people import SchoolContactContext
from services.roster.spreadsheet.headers import FileRefusedError, read_layout, replace_unprintable
from services.roster.spreadsheet.isolation import isolate
from services.roster.spreadsheet.rows import RowBatch, RowReader, error_rows
from services.roster.spreadsheet.tables import Source, read_table

BATCH_ROWS = 1_000
MAX_ROWS = 2_000_000
MAX_ERRORS = 10_000


def main() -> None:
    """Run `python -m services.roster.spreadsheet PATH SCHOOL`; SCHOOL is JSON with country, phone and email."""
    path, school = Path(sys.argv[1]), SchoolContactContext(**json.loads(sys.argv[2]))
    sys.stdout.write(_json_line({"not_isolated": isolate(path)}))
    for message in read_file(path, school):
        entries = message.pop("entries", None)
        sys.stdout.write(_json_line(message))
        if entries is not None:
            sys.stdout.write(_json_line(entries))
    sys.stdout.flush()


def read_file(path: Path, school: SchoolContactContext) -> Iterator[dict[str, Any]]:
    """Yield the messages of this process in order; each batch has its parsed rows as `entries`."""
    try:
        table = read_table(Source(path, school.country))
        _, titles = next(table, (0, ()))
        layout = read_layout([replace_unprintable(title.strip().strip("\ufeff")) for title in titles])
        number = layout.student.get("number")
        yield {"ignored": layout.ignored, "number": "" if number is None else layout.titles[number]}
        yield from _read_batches(table, RowReader(layout, school))
    except FileRefusedError as refusal:
        yield {"refused": refusal.error}
        return
    yield {"end": True}


def _read_batches(table: Iterator[tuple[int, Any]], reader: RowReader) -> Iterator[dict[str, Any]]:
    batch = RowBatch(numbered=reader.numbered)
    error_count, rows_in_batch, row_count = 0, 0, 0
    for row_number, cells in table:
        row_count += 1
        if row_count > MAX_ROWS:
            raise FileRefusedError("too_many_rows", f"A file may have {MAX_ROWS} rows.")
        errors = FieldErrors()
        student = reader.read(cells, errors)
        if errors.items:
            rows = error_rows(row_number, errors)
            batch.errors += rows if error_count < MAX_ERRORS else rows[:1]
            error_count += len(errors.items)
        else:
            batch.add(row_number, student)
        rows_in_batch += 1
        if rows_in_batch >= BATCH_ROWS:
            yield batch.as_message()
            batch, rows_in_batch = RowBatch(numbered=reader.numbered), 0
    if not row_count:
        raise FileRefusedError("no_rows", "The file has a header but no rows.", row=1)
    yield batch.as_message()


def _json_line(message: object) -> str:
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    main()
