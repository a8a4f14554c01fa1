"""The process that reads a spreadsheet starts without what it does not need: half of its start would be imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_CODE = """
import sys
import services.roster.spreadsheet.__main__
print(*sorted({name.partition(".")[0] for name in sys.modules} | set(sys.modules)))
"""


def test_it_loads_neither_messages_nor_web_nor_broker() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", _CODE], cwd=_ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    unwanted = {
        "shared.contracts.message",
        "shared.runtime",
        "pydantic",
        "fastapi",
        "faststream",
        "sqlalchemy",
    }
    assert not unwanted & set(loaded)
