"""Writing of the schemas, the examples and the AsyncAPI document: `python -m shared.contracts.generate`.

A published schema is frozen. `--check` writes nothing and exits with 1 if a file would change.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from shared.contracts.asyncapi import document
from shared.contracts.compatibility import find_breaking_changes
from shared.contracts.message import all_messages
from shared.contracts.samples import sample_event, structured
from shared.contracts.schemas import schema_of

FOLDER = Path(__file__).parent
VERSION = "1.0.0"


def files() -> dict[Path, str]:
    """Return every generated file with its text."""
    generated: dict[Path, str] = {FOLDER / "asyncapi.json": _text(document(VERSION))}
    for message in all_messages():
        name = f"{message.contract.type}.json"
        generated[FOLDER / "schemas" / name] = _text(schema_of(message))
        generated[FOLDER / "examples" / name] = _text(structured(sample_event(message)))
    return generated


def broken_contracts() -> list[str]:
    """Return sentences on published schemas that today's classes would break or leave without a class."""
    today = {f"{message.contract.type}.json": schema_of(message) for message in all_messages()}
    sentences = []
    for path in sorted((FOLDER / "schemas").glob("*.json")):
        published = json.loads(path.read_text())
        if path.name not in today:
            sentences.append(f"{path.stem} has no class any more")
        else:
            sentences.extend(
                f"{path.stem}: {sentence}" for sentence in find_breaking_changes(published, today[path.name])
            )
    return sentences


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Write the files that differ, or with `--check` only report them. Returns the exit code."""
    checking = "--check" in sys.argv[1:]
    broken = broken_contracts()
    if broken:
        sys.stderr.write(
            "a published schema is frozen; make a new version instead:\n" + "\n".join(broken) + "\n"
        )
        return 1
    changed = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    for path in changed:
        sys.stdout.write(f"{'would change' if checking else 'wrote'} {path.relative_to(FOLDER)}\n")
        if not checking:
            path.write_text(files()[path])
    return 1 if checking and changed else 0


if __name__ == "__main__":
    sys.exit(main())
