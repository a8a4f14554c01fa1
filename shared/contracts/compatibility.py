"""Compatibility of a schema with the published one: readers of either must read messages of the other."""

from __future__ import annotations

from typing import Any

_PROSE = ("description", "title", "examples")
_BOUNDS = ("maxLength", "maxItems", "minimum", "maximum")


def find_breaking_changes(old: dict[str, Any], new: dict[str, Any], path: str = "$") -> list[str]:
    """Return the breaking changes as sentences.

    Optional additions, changed prose and a bound where there was none are not breaking.
    """
    if "properties" not in old or "properties" not in new:
        return (
            []
            if _bare(old) == _without_new_bounds(_bare(old), _bare(new))
            else [f"{path} is another type or set of values"]
        )
    sentences = [f"{path}.{name} was removed" for name in old["properties"] if name not in new["properties"]]
    required = set(new.get("required", ()))
    for name, schema in new["properties"].items():
        place = f"{path}.{name}"
        if name not in old["properties"]:
            if name in required:
                sentences.append(f"{place} is new and required")
            continue
        sentences.extend(find_breaking_changes(old["properties"][name], schema, place))
        if (name in required) != (name in old.get("required", ())):
            sentences.append(f"{place} changed between required and optional")
    return sentences


def _without_new_bounds(old: Any, new: Any) -> Any:
    """Return `new` without the bounds that `old` lacks: they shut out only values that no writer of ours sends."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {
            key: _without_new_bounds(old.get(key), value)
            for key, value in new.items()
            if key in old or key not in _BOUNDS
        }
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [_without_new_bounds(*pair) for pair in zip(old, new, strict=True)]
    return new


def _bare(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items() if key not in _PROSE}
    if isinstance(node, list):
        return [_bare(item) for item in node]
    return node
