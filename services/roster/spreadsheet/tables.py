"""Rows of text from a file: CSV in the dialects and encodings of school software and Excel, XLSX and ODS."""

from __future__ import annotations

import codecs
import csv
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TextIO

from charset_normalizer import from_bytes
from python_calamine import CalamineError, CalamineWorkbook

from services.roster.spreadsheet.headers import FileRefusedError, recognise

Row = tuple[int, Sequence[str]]
SAMPLE_BYTES = 256 * 1024
MAX_CELL = 32_768
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_SHEET_ROWS = 200_000
# A cell has at most 32,767 characters of at most four bytes.
TEXT_BLOCK_BYTES = 128 * 1024
# A sheet of MAX_SHEET_ROWS rows with ten columns, in which no text occurs twice, has 16.4 million.
MAX_TAGS = 24_000_000
DELIMITERS = (",", ";", "\t", "|")
_CODE_PAGES = {
    "cp1250": "PL CZ SK HU SI HR RO BA AL",
    "cp1251": "RU UA BG BY MK RS KZ",
    "cp1253": "GR CY",
    "cp1254": "TR",
    "cp1255": "IL",
    "cp1256": "SA AE EG JO KW QA OM BH LB IQ",
    "cp932": "JP",
    "cp949": "KR",
    "gb18030": "CN",
    "cp950": "TW HK",
}
_ZIP = {b"PK\x03\x04", b"PK\x05\x06"}
_XLS = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Source:
    """File, and the country of its school, by which old encodings are distinguished."""

    path: Path
    country: str


def read_table(source: Source) -> Iterator[Row]:
    """Return the rows that are not blank: their number as a spreadsheet shows it, and their cells.

    Raises FileRefusedError, also while iterating.
    """
    with source.path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    if not sample.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise FileRefusedError("file_empty", "The file is empty.")
    if sample[:4] in _ZIP:
        return _read_workbook(source.path)
    if sample[:4] == _XLS:
        raise FileRefusedError(
            "old_excel", "This is an old Excel file. Save it as .xlsx or CSV and send that."
        )
    return _read_text(source, _detect_encoding(source, sample))


def _detect_encoding(source: Source, sample: bytes) -> str:
    for byte_order_mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if sample.startswith(byte_order_mark):
            return encoding
    if b"\x00" in sample:
        odd, even = sample[1::2].count(0), sample[::2].count(0)
        if max(odd, even) * 3 < len(sample) // 2:
            raise FileRefusedError("not_a_table", "This is neither a CSV nor a spreadsheet file.")
        return "utf-16-le" if odd > even else "utf-16-be"
    if _is_utf8(source.path):
        return "utf-8"
    local = next(
        (page for page, countries in _CODE_PAGES.items() if source.country in countries.split()), "cp1252"
    )
    match = from_bytes(sample, cp_isolation=[local, "cp1252"]).best()
    return match.encoding if match else local


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(1024 * 1024):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _read_text(source: Source, encoding: str) -> Iterator[Row]:
    try:
        with source.path.open(encoding=encoding, newline="") as file:
            yield from _read_csv(file)
    except UnicodeDecodeError:
        raise FileRefusedError(
            "encoding_unknown", "The file's encoding is not known. Save it as CSV UTF-8 and send that."
        ) from None


def _read_csv(file: TextIO) -> Iterator[Row]:
    csv.field_size_limit(MAX_CELL)
    first_line = file.readline(MAX_CELL)
    declared = first_line[4:5] if first_line.lower().startswith("sep=") else ""
    header = file.readline(MAX_CELL) if declared else first_line
    delimiter = (
        declared
        if declared in DELIMITERS
        else max(DELIMITERS, key=lambda candidate: _rate_delimiter(header, candidate))
    )
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter)
    try:
        for number, cells in enumerate(reader, start=1):
            if (declared and number == 1) or not any(cell.strip() for cell in cells):
                continue
            yield number, cells
    except csv.Error as error:
        raise FileRefusedError("not_a_table", f"Row {reader.line_num} cannot be read: {error}.") from None


def _rate_delimiter(header: str, delimiter: str) -> tuple[int, int]:
    """Return how many columns of the header are recognised with a delimiter, and how many there are."""
    titles: list[str] = []
    try:
        titles = next(csv.reader([header], delimiter=delimiter), [])
        return recognise(titles).recognised, len(titles)
    except FileRefusedError:
        return 1, len(titles)
    except csv.Error:
        return 0, 0


def _read_workbook(path: Path) -> Iterator[Row]:
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_too_large(archive)
        workbook = CalamineWorkbook.from_path(str(path))
        rows = workbook.get_sheet_by_index(0).iter_rows() if workbook.sheet_names else iter(())
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        CalamineError,
        OSError,
    ):
        raise FileRefusedError("not_a_table", "This is neither a CSV nor a spreadsheet file.") from None
    for number, cells in enumerate(rows, start=1):
        if number > MAX_SHEET_ROWS:
            raise FileRefusedError(
                "too_many_rows", f"A spreadsheet may have {MAX_SHEET_ROWS} rows. Send it as CSV."
            )
        texts = [_cell_text(cell) for cell in cells]
        if any(texts):
            yield number, texts


def _refuse_too_large(archive: zipfile.ZipFile) -> None:
    """Refuse a workbook that is small as a file and needs much memory, before the library loads it.

    Counted as it is unpacked, a block at a time: the bytes, the tags, and texts without any tag, which a few thousand
    bytes of a file can make as long as all of it. What passes and needs too much meets the limit of memory.
    """
    unpacked, tags = 0, 0
    for member in archive.infolist():
        if not member.filename.endswith((".xml", ".rels")):
            continue
        with archive.open(member) as file:
            while block := file.read(TEXT_BLOCK_BYTES):
                unpacked += len(block)
                tags += block.count(b"<")
                is_long_text = len(block) == TEXT_BLOCK_BYTES and b"<" not in block
                if is_long_text or unpacked > MAX_UNPACKED_BYTES or tags > MAX_TAGS:
                    raise FileRefusedError("too_large", "The spreadsheet is too large. Send it as CSV.")


def _cell_text(value: Any) -> str:
    """Return a cell as the spreadsheet shows it: whole numbers without a point, days without a time."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
