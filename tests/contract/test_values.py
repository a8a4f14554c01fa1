"""The shared enums hold exactly the values that the published contracts spell as literals."""

from enum import StrEnum
from typing import Any, get_args

import pytest

from shared.contracts import invitations, notifier, roster, values


@pytest.mark.parametrize(
    ("enum", "literal"),
    [
        (values.Channel, roster.Channel),
        (values.ContactKind, roster.ContactKind),
        (values.Template, notifier.Template),
        (values.RefusalReason, invitations.RefusalReason),
    ],
)
def test_an_enum_holds_the_values_of_its_literal(enum: type[StrEnum], literal: Any) -> None:
    assert {member.value for member in enum} == set(get_args(literal))
