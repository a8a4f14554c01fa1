"""The process that reads a file gets no secret, reaches nothing but the file, and stays small whatever the file is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.roster.domain.people import SchoolContactContext
from services.roster.spreadsheet import process
from services.roster.spreadsheet.isolation import MEMORY_BYTES
from services.roster.spreadsheet.process import ReadingFailedError, read_lines, reader_environment

_ROOT = Path(__file__).parents[3]
_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_PROBE = """
import json, os, socket, sys
from pathlib import Path
from services.roster.spreadsheet.isolation import isolate

def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"

path, parent = Path(sys.argv[1]), sys.argv[2]
missing = isolate(path)
print(json.dumps({
    "missing": missing,
    "the file": attempt(path.read_bytes),
    "writing": attempt(lambda: path.with_name("other").write_text("x" * 10)),
    "socket": attempt(socket.socket),
    "unix socket": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "program": attempt(lambda: os.execv("/bin/true", ["true"])),
    "process": attempt(os.fork),
    "signal": attempt(lambda: os.kill(int(parent), 0)),
    "other files": attempt(Path("/etc/passwd").read_bytes),
    "the worker's environment": attempt(Path(f"/proc/{parent}/environ").read_bytes),
}))
"""

# The largest memory of a process includes that of its parent, which is therefore a small one.
_MEASURE = """
import json, resource, subprocess, sys
reader = subprocess.run(sys.argv[1:], capture_output=True, text=True)
print(json.dumps([reader.returncode, reader.stdout, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def _workbook(path: Path, rows: Iterable[str], texts: Iterable[str]) -> Path:
    """Write a workbook of one sheet, part by part, so that the test itself stays small."""
    kind = f"{_RELATIONS}/"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}">'
            f'<Relationship Id="a" Type="{kind}officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_NAMESPACE}" xmlns:r="{_RELATIONS}"><sheets>'
            '<sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_PACKAGE}">'
            f'<Relationship Id="a" Type="{kind}worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="b" Type="{kind}sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        )
        for name, element, parts in (
            ("xl/worksheets/sheet1.xml", ("worksheet", "sheetData"), rows),
            ("xl/sharedStrings.xml", ("sst",), texts),
        ):
            with archive.open(name, "w") as file:
                file.write(f'<{element[0]} xmlns="{_NAMESPACE}">'.encode())
                file.write("".join(f"<{inner}>" for inner in element[1:]).encode())
                for part in parts:
                    file.write(part.encode())
                file.write("".join(f"</{name}>" for name in reversed(element)).encode())
    return path


_HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c></row>'
_FIRST_TEXT = '<row r="2"><c r="A2" t="s"><v>0</v></c></row>'
_BOMBS: dict[str, tuple[list[str], list[str], str | None]] = {
    "one text": ([_HEADER, _FIRST_TEXT], ["<si><t>", *["A" * 1_000_000] * 250, "</t></si>"], "too_large"),
    "many texts": ([_HEADER, _FIRST_TEXT], ["<si><t>a</t></si>" * 10_000] * 700, "too_large"),
    "many cells": ([_HEADER, *["<row>" + "<c><v>1</v></c>" * 10_000 + "</row>"] * 700], [], "too_large"),
    # These are small until the library makes a rectangle of them: the limit of memory ends them.
    "a far corner": (
        [_HEADER, '<row r="199000"><c r="XFD199000"><v>1</v></c></row>'],
        [],
        None,
    ),
    "one text in many cells": (
        [_HEADER, *["<row>" + '<c t="s"><v>0</v></c>' * 1_000 + "</row>"] * 5_000],
        ["<si><t>" + "B" * 30_000 + "</t></si>"],
        None,
    ),
}


def _run(path: Path) -> tuple[int, list[dict[str, Any]], int]:
    """Return the exit status of the real process, what it wrote, and its largest memory in bytes."""
    command = [sys.executable, "-P", "-m", "services.roster.spreadsheet", str(path), '{"country": "CH"}']
    answer = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command],
        env=reader_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    returncode, written, kilobytes = json.loads(answer.stdout)
    return returncode, [json.loads(line) for line in written.splitlines()], kilobytes * 1024


@pytest.mark.parametrize("name", _BOMBS)
def test_a_small_workbook_cannot_take_more_than_the_limit(tmp_path: Path, name: str) -> None:
    rows, texts, code = _BOMBS[name]
    path = _workbook(tmp_path / "bomb.xlsx", rows, texts)
    assert path.stat().st_size < 1_000_000
    returncode, lines, memory = _run(path)
    assert memory < MEMORY_BYTES
    if code is None:
        assert returncode != 0
    else:
        assert (returncode, lines[-1]["refused"]["code"]) == (0, code)
        assert memory < 100 * 1024 * 1024, "it was refused before it was loaded"


def test_the_environment_has_no_setting_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KINVITE_AUTH_SECRET", "KINVITE_DATABASE_URL", "ROSTER_X", "AWS_SECRET_ACCESS_KEY", "HOME"):
        monkeypatch.setenv(name, "canary")
    environment = reader_environment()
    assert set(environment) <= {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8", "LD_LIBRARY_PATH"}
    assert "canary" not in str(environment)


def test_it_reaches_nothing_but_its_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("name\n")
    answer = subprocess.run(
        [sys.executable, "-P", "-c", _PROBE, str(path), str(os.getpid())],
        env={**reader_environment(), "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    tried = json.loads(answer.stdout)
    missing = tried.pop("missing")
    assert tried.pop("the file") == "done"
    assert tried.pop("writing") != "done"
    of_files = {name: tried.pop(name) for name in ("other files", "the worker's environment")}
    if "files" not in missing:
        assert set(of_files.values()) == {"PermissionError"}
    if "network" not in missing:
        assert set(tried.values()) == {"PermissionError"}, tried
    if sys.platform == "linux" and os.uname().machine in ("x86_64", "aarch64"):
        assert "network" not in missing


async def test_the_runner_passes_lines_on_and_warns_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("name\nMia\n")
    process._warn_once.cache_clear()
    with capture_logs() as logs:
        async with read_lines(path, SchoolContactContext("CH")) as lines:
            messages = [json.loads(line) async for line in lines]
        process._warn_once(("network",))
        process._warn_once(("network",))
    assert (messages[0]["ignored"], messages[-1]) == ([], {"end": True})
    assert [entry["missing"] for entry in logs].count(["network"]) == 1


async def test_a_process_that_was_stopped_by_its_limits_is_a_failure(tmp_path: Path) -> None:
    rows, texts, _ = _BOMBS["a far corner"]
    path = _workbook(tmp_path / "bomb.xlsx", rows, texts)
    with pytest.raises(ReadingFailedError):
        async with read_lines(path, SchoolContactContext("CH")) as lines:
            async for _ in lines:
                pass
