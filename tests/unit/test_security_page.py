"""Every defence of docs/security.md names tests that exist."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def test_every_defence_names_a_test_that_exists() -> None:
    page = (_ROOT / "docs" / "security.md").read_text()
    rows = page.partition("## What is defended")[2].partition("## Left")[0].splitlines()
    defences = [row for row in rows if row.startswith("|")][2:]
    assert len(defences) > 10
    for row in defences:
        tests = re.findall(r"`(tests/[\w/.]+)`", row)
        assert tests, row
        assert not [path for path in tests if not (_ROOT / path).is_file()], row
