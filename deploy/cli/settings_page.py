"""Writes docs/settings.md from the settings classes: `python -m deploy.cli.settings_page`."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deploy.cli.services import SERVICES, settings_class
from shared.runtime.core import ServiceSettings, variable_name

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
_UNITS = (
    "milliseconds",
    "seconds",
    "minutes",
    "hours",
    "days",
    "kibibytes",
    "megabytes",
    "bytes",
)
_HEAD = """# Settings

Every service reads its settings from the environment: those of all services from `KINVITE_*`, its own from a prefix
of its name. A service whose settings are missing or wrong does not start, lists every problem at once and ends with
exit code 78. A secret is never logged. `make up` makes its own settings and takes only `KINVITE_DATA`,
`KINVITE_PORT`, `KINVITE_BIND` and `KINVITE_PUBLIC_URL`.

This page is made from the settings classes by `make docs`.
"""
_TITLES = ("name", "type", "unit", "default", "secret", "meaning")
_TYPES: dict[Any, str] = {
    str: "text",
    SecretStr: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
}


def page() -> str:
    """The whole page."""
    common = set(ServiceSettings.model_fields)
    own = (_table(service.capitalize(), settings_class(service), common) for service in SERVICES)
    return "\n".join([_HEAD, _table("All services", ServiceSettings, set()), *own])


def _table(title: str, settings: type[ServiceSettings], known: set[str]) -> str:
    rows = [
        _row(variable_name(settings, name), name, field)
        for name, field in settings.model_fields.items()
        if name not in known
    ]
    lines = [" | ".join(_TITLES), " | ".join("---" for _ in _TITLES), *(" | ".join(row) for row in rows)]
    return f"## {title}\n\n" + "\n".join(f"| {line} |" for line in lines) + "\n"


def _row(variable_name: str, name: str, field: FieldInfo) -> tuple[str, ...]:
    meaning = " ".join((field.description or "").split()).replace("|", "\\|")
    secret = SecretStr in _members(field.annotation) or not field.repr
    return (
        f"`{variable_name}`",
        _type(field),
        _unit(name),
        _default(field),
        "yes" if secret else "",
        meaning,
    )


def _members(annotation: Any) -> tuple[Any, ...]:
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return tuple(get_args(one)[0] if get_origin(one) is Annotated else one for one in members)


def _type(field: FieldInfo) -> str:
    words = []
    for member in _members(field.annotation):
        if get_origin(member) is Literal:
            words.append(", ".join(f"`{value}`" for value in get_args(member)))
        elif member is not type(None):
            words.append(_TYPES.get(member, getattr(member, "__name__", "text")))
    return " or ".join(words) + _bounds(field)


def _bounds(field: FieldInfo) -> str:
    signs = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    found = [
        f"{words} {getattr(rule, sign):,}"
        for rule in field.metadata
        for sign, words in signs.items()
        if getattr(rule, sign, None) is not None
    ]
    return f" ({', '.join(found)})" if found else ""


def _unit(name: str) -> str:
    return "" if "_per_" in name else next((unit for unit in _UNITS if name.endswith(unit)), "")


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**needed**"
    if field.default is None or field.default == "":
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    PAGE.write_text(page())
