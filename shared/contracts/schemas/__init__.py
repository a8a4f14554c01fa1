"""JSON Schema of every message type, one committed file each: `<type>.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.contracts.message import Message

FOLDER = Path(__file__).parent


def schema_of(message: type[Message]) -> dict[str, Any]:
    """Return today's schema of a message's data, without references to other files."""
    schema = message.model_json_schema(mode="validation", ref_template="#/$defs/{model}")
    inlined: dict[str, Any] = _inlined(schema, schema.pop("$defs", {}))
    return inlined


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    """Replace references by their definitions, so that the schema can stand inside another document."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        if reference:
            rest = {key: value for key, value in node.items() if key != "$ref"}
            return {**_inlined(definitions[reference.rsplit("/", 1)[1]], definitions), **rest}
        return {key: _inlined(value, definitions) for key, value in node.items()}
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    return node
