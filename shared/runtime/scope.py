"""Which schools' rows exist for a transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from uuid import UUID

from shared.runtime.session import Written, written


class EverySchool(Enum):
    """The scope of a caller who may see all schools of the installation."""

    EVERY_SCHOOL = "*"


EVERY_SCHOOL: Final = EverySchool.EVERY_SCHOOL


@dataclass(frozen=True, slots=True)
class SchoolsOf:
    """The schools that a key belongs to, where a request names no school: a digest in a link, a session's cookie.

    `function` is one of the service's look-ups (`Tenancy.look_up`), never anything from outside; `key` is its argument.
    """

    function: str
    key: str


Scope = Collection[UUID] | EverySchool | SchoolsOf

_SCOPE = "SELECT set_config('app.schools', $1, true)"
_BEGIN = "SELECT now() AS now, set_config('app.schools', :schools, true)"
_BEGIN_BY = "SELECT now() AS now, set_config('app.schools', array_to_string({function}(:key), ','), true)"


def beginning(schools: Scope | None) -> tuple[Written, dict[str, str]]:
    """The first statement of a transaction, which answers its moment, and the parameters."""
    if isinstance(schools, SchoolsOf):
        return _known(_BEGIN_BY.format(function=schools.function)), {"key": schools.key}
    if isinstance(schools, EverySchool):
        return _known(_BEGIN), {"schools": schools.value}
    return _known(_BEGIN), {"schools": ",".join(str(school) for school in schools or ())}


@dataclass(frozen=True, slots=True)
class Opening:
    """What a transaction does as it begins, in two round trips: take locks, then run a statement.

    `locks` are statements of one parameter, `$1`, and its value; they go along with BEGIN. The statement sees all that
    was committed before they were had; the first column of its first row is `now()`, and it has one always.
    """

    statement: str
    parameters: Mapping[str, Any]
    locks: tuple[tuple[str, UUID], ...] = ()

    @property
    def first(self) -> tuple[Written, Mapping[str, Any]]:
        """The statement as a session runs it."""
        return _known(self.statement), self.parameters


def calls_of(schools: Scope | None, opening: Opening | None) -> list[tuple[str, str]]:
    """What goes along with BEGIN: statements of one parameter, and the parameter, which is of ids and `*` alone."""
    if opening is None:
        return []
    locks = [(lock, value.hex) for lock, value in opening.locks]
    if schools is None:
        return locks
    if isinstance(schools, SchoolsOf):
        raise TypeError("an opening needs schools that are named")
    named = schools.value if isinstance(schools, EverySchool) else ",".join(one.hex for one in schools)
    return [(_SCOPE, named), *locks]


def _known(text: str) -> Written:
    found = written(text)
    assert found is not None
    return found
