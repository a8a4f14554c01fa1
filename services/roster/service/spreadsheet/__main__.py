"""The reading process. It limits itself before it opens the file."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.roster.domain.contacts import Surroundings
from services.roster.service.forms import Faults
from services.roster.service.spreadsheet.headers import FileRefusedError, layout, visible
from services.roster.service.spreadsheet.rows import RowReader, Staged, faulty
from services.roster.service.spreadsheet.tables import Source, read_table

BATCH = 1_000
MAX_ROWS = 2_000_000
MAX_ERRORS = 10_000
MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 900


def main() -> None:
    """`python -m services.roster.service.spreadsheet PATH SCHOOL`, SCHOOL being JSON: country, phone, email."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    school = Surroundings(**json.loads(sys.argv[2]))
    for message in read_file(Path(sys.argv[1]), school):
        entries = message.pop("entries", None)
        sys.stdout.write(_line(message))
        if entries is not None:
            sys.stdout.write(_line(entries))
    sys.stdout.flush()


def read_file(path: Path, school: Surroundings) -> Iterator[dict[str, Any]]:
    """The messages of this process, in order."""
    try:
        table = read_table(Source(path, school.country))
        _, titles = next(table, (0, ()))
        found = layout([visible(title.strip().strip("\ufeff")) for title in titles])
        number = found.student.get("number")
        yield {"ignored": found.ignored, "number": "" if number is None else found.titles[number]}
        yield from _batches(table, RowReader(found, school))
    except FileRefusedError as refused:
        yield {"refused": refused.error}
        return
    yield {"end": True}


def _batches(table: Iterator[tuple[int, Any]], reader: RowReader) -> Iterator[dict[str, Any]]:
    batch = Staged(numbered=reader.numbered)
    noted, last, read = 0, 0, 0
    for number, cells in table:
        read += 1
        if read > MAX_ROWS:
            raise FileRefusedError("too_many_rows", f"A file may have {MAX_ROWS} rows.")
        faults = Faults()
        entry = reader.read(cells, faults)
        if faults.found:
            batch.errors += faulty(number, faults) if noted < MAX_ERRORS else faulty(number, faults)[:1]
            noted += len(faults.found)
        else:
            batch.add(number, entry)
        last += 1
        if last >= BATCH:
            yield batch.message()
            batch, last = Staged(numbered=reader.numbered), 0
    if not read:
        raise FileRefusedError("no_rows", "The file has a header but no rows.", row=1)
    yield batch.message()


def _line(message: object) -> str:
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    main()
