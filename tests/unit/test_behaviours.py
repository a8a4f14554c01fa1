"""Every sentence of docs/behaviours.md is named by a test, or stands here as not built yet, and never both.

A test that bears the id of a sentence in its name proves that sentence, or a part of it. The numbered decisions below
the sentences are named `s1` to `s8`.
"""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
NOT_BUILT_YET = {
    "C9": "no login invitation carries credentials, because usernames are not issued yet",
    "C12": "only the refusal exists: credentials cannot be issued, so no such parent can be invited at all",
    "C15": "a parent chooses username and password; none reach the parent by message",
    "S8": "each school has accounts of its own; one account across schools is not built",
}
_IDS = re.compile(r"(?:(?:[a-z]\d+|and)_)+")


def _sentences() -> set[str]:
    text = (_ROOT / "docs" / "behaviours.md").read_text()
    decisions = text.split("## Where the two are silent", maxsplit=1)[1]
    numbered = {f"S{number}" for number in re.findall(r"^(\d+)\. ", decisions, re.MULTILINE)}
    return numbered | set(re.findall(r"^- \*\*([PC]\d+)\*\*", text, re.MULTILINE))


def _named_by_tests() -> dict[str, list[str]]:
    """Return the tests that bear an id in their names, by id; `p04` is the same as `p4`."""
    tests: dict[str, list[str]] = {}
    for path in sorted((_ROOT / "tests").rglob("test_*.py")):
        for name in re.findall(r"def test_(\w+)", path.read_text()):
            ids = _IDS.match(name)
            for part in ids.group().rstrip("_").split("_") if ids else []:
                if part != "and":
                    tests.setdefault(f"{part[0].upper()}{int(part[1:])}", []).append(f"{path.name}::{name}")
    return tests


def test_every_behaviour_is_named_by_a_test_or_not_built_yet() -> None:
    sentences = {sentence for sentence in _sentences() if not sentence.startswith("S")}
    assert len(sentences) == 41
    missing = sentences - _named_by_tests().keys() - NOT_BUILT_YET.keys()
    assert not missing, f"no test names {sorted(missing)}"


def test_what_is_not_built_yet_is_a_sentence_that_no_test_names() -> None:
    assert NOT_BUILT_YET.keys() <= _sentences()
    tests = _named_by_tests()
    named = {sentence: tests[sentence] for sentence in NOT_BUILT_YET if sentence in tests}
    assert not named, "these tests cannot prove what is not built"
