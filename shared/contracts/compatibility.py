"""Whether a schema may replace a published one: readers of either must read messages of the other."""

from __future__ import annotations

from typing import Any

_PROSE = ("description", "title", "examples")


def breaks(old: dict[str, Any], new: dict[str, Any], path: str = "$") -> list[str]:
    """What a change would break, as sentences; empty when it is an optional addition or mere prose."""
    if "properties" not in old or "properties" not in new:
        return [] if _bare(old) == _bare(new) else [f"{path} is another type or set of values"]
    found = [f"{path}.{name} was removed" for name in old["properties"] if name not in new["properties"]]
    required = set(new.get("required", ()))
    for name, schema in new["properties"].items():
        place = f"{path}.{name}"
        if name not in old["properties"]:
            if name in required:
                found.append(f"{place} is new and required")
            continue
        found.extend(breaks(old["properties"][name], schema, place))
        if (name in required) != (name in old.get("required", ())):
            found.append(f"{place} changed between required and optional")
    return found


def _bare(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items() if key not in _PROSE}
    if isinstance(node, list):
        return [_bare(item) for item in node]
    return node
