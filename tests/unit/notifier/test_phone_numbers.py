"""Phone numbers with two spellings."""

from __future__ import annotations

import pytest

from services.notifier.domain.phone_numbers import list_spellings


@pytest.mark.parametrize(
    ("number", "spelling"),
    [
        ("+525512345678", "+5215512345678"),
        ("+5511987654321", "+551187654321"),
        ("+5521961234567", "+552161234567"),
    ],
)
def test_i36_both_spellings_of_a_whatsapp_number(number: str, spelling: str) -> None:
    assert list_spellings("whatsapp", number) == (number, spelling)
    assert list_spellings("whatsapp", spelling) == (spelling, number)
    assert list_spellings("sms", number) == (number,)


@pytest.mark.parametrize(
    "number", ["+4915112345678", "+551132654321", "+52155123", "+15215512345678", "+5521912345678"]
)
def test_other_numbers_have_one(number: str) -> None:
    assert list_spellings("whatsapp", number) == (number,)
