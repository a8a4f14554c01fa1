"""Builders of test data: a school, the four Classe365 fields, and files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

SCHOOL = {
    "name": "Primarschule Seefeld",
    "country": "CH",
    "language": "de",
    "timezone": "Europe/Zurich",
    "credentials_mode": "self_service",
}
CLASSE365 = {
    "father_name": "Hans Muster",
    "mother_name": "Anna Muster",
    "parents_contact": "079 123 45 67",
    "parents_email": "muster@example.com",
}


def csv(*rows: Sequence[str], delimiter: str = ",") -> bytes:
    """Return a UTF-8 file without quoting, for cells that need none."""
    return "".join(delimiter.join(row) + "\r\n" for row in rows).encode()


def xlsx(rows: list[tuple[object, ...]]) -> bytes:
    """Return the smallest workbook that holds these rows."""

    def cell(value: object) -> str:
        if isinstance(value, (int, float)):
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    document = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{document}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{document}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{document}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()
