"""Which schools' rows exist for a transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final
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

_BEGIN = "SELECT now() AS now, set_config('app.schools', :schools, true)"
_BEGIN_BY = "SELECT now() AS now, set_config('app.schools', array_to_string({function}(:key), ','), true)"


def beginning(schools: Scope | None) -> tuple[Written, dict[str, str]]:
    """The first statement of a transaction, which answers its moment, and the parameters."""
    if isinstance(schools, SchoolsOf):
        return _known(_BEGIN_BY.format(function=schools.function)), {"key": schools.key}
    if isinstance(schools, EverySchool):
        return _known(_BEGIN), {"schools": schools.value}
    return _known(_BEGIN), {"schools": ",".join(str(school) for school in schools or ())}


def _known(text: str) -> Written:
    found = written(text)
    assert found is not None
    return found
