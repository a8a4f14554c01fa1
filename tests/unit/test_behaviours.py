"""Every sentence of docs/behaviours.md is named by a test, or stands here as not built yet."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_BUILT_YET = {"C9"}


def _sentences() -> set[str]:
    return set(
        re.findall(r"^- \*\*([PC]\d+)\*\*", (ROOT / "docs" / "behaviours.md").read_text(), re.MULTILINE)
    )


def _named_by_tests() -> set[str]:
    named: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in re.findall(r"def test_(\w+)", path.read_text()):
            leading = re.match(r"((?:[a-z]\d+_)+)", name)
            named.update(part.upper() for part in (leading.group(1).split("_") if leading else ()))
    return named


def test_every_behaviour_is_named_by_a_test() -> None:
    sentences = _sentences()
    assert len(sentences) == 41
    missing = sentences - _named_by_tests()
    assert missing == NOT_BUILT_YET, f"no test names {sorted(missing - NOT_BUILT_YET)}"
