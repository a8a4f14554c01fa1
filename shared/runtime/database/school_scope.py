"""Scope of a transaction: the schools whose rows exist for it, and the statements that set it as it begins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from shared.runtime.database.results import Result
from shared.runtime.database.statements import CompiledStatement, compile_text

T = TypeVar("T")


class EverySchool(Enum):
    """Scope of a caller who may see all schools of the installation."""

    EVERY_SCHOOL = "*"


EVERY_SCHOOL: Final = EverySchool.EVERY_SCHOOL


@dataclass(frozen=True, slots=True)
class SchoolsOf:
    """Schools that a key belongs to, for a request that names no school: a link's digest, a session's cookie.

    `function` is one of the service's look-up functions (`RowLevelSecurity.create_school_lookup`) and never comes from
    outside; `key` is its argument.
    """

    function: str
    key: str


Scope = Collection[UUID] | EverySchool | SchoolsOf

_SET_SCOPE = "SELECT set_config('app.schools', $1, true)"
_BEGIN = "SELECT now() AS now, set_config('app.schools', :schools, true)"
_BEGIN_BY_KEY = "SELECT now() AS now, set_config('app.schools', array_to_string({function}(:key), ','), true)"


@dataclass(frozen=True, slots=True)
class FirstStatement(Generic[T]):
    """Statement that a transaction runs as it begins, together with the locks it needs, in two round trips.

    `locks` are statements of one parameter, `$1`, with its value; they run along with BEGIN. The statement sees all
    that was committed before they were acquired. The first column of its first row is `now()`, and it always has a
    row. `read` turns its rows into what the block of the transaction gets.
    """

    statement: str
    parameters: Mapping[str, Any]
    read: Callable[[Result], T]
    locks: tuple[tuple[str, UUID], ...] = ()


def scope_statement(schools: Scope | None) -> tuple[CompiledStatement, dict[str, str]]:
    """Return the statement that sets the scope and returns the transaction's time, with its parameters."""
    if isinstance(schools, SchoolsOf):
        return compile_text(_BEGIN_BY_KEY.format(function=schools.function)), {"key": schools.key}
    if isinstance(schools, EverySchool):
        return compile_text(_BEGIN), {"schools": schools.value}
    return compile_text(_BEGIN), {"schools": ",".join(str(school) for school in schools or ())}


def calls_with_begin(schools: Scope | None, first: FirstStatement[Any]) -> list[tuple[str, str]]:
    """Return the statements of one parameter that run along with BEGIN, with their parameters.

    Raises TypeError for `SchoolsOf`, whose schools are not known before a statement has run.
    """
    locks = [(lock, value.hex) for lock, value in first.locks]
    if schools is None:
        return locks
    if isinstance(schools, SchoolsOf):
        raise TypeError("a first statement needs schools that are named")
    names = schools.value if isinstance(schools, EverySchool) else ",".join(school.hex for school in schools)
    return [(_SET_SCOPE, names), *locks]
