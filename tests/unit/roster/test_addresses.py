"""Tests of phone numbers and e-mail addresses: their normal forms, and fast parsers that agree with the libraries."""

from __future__ import annotations

from collections.abc import Callable

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.roster.domain.text import TextError
from services.roster.spreadsheet.addresses import (
    normalise_email,
    normalise_phone,
    parse_address,
    parse_number,
    parse_plain_address,
    parse_plain_number,
)


def outcome(read: Callable[[], str | None]) -> tuple[str | None, str | None]:
    """Return the normal form, or the code of the error."""
    try:
        return read(), None
    except TextError as error:
        return None, error.code


SWISS = st.integers(760_000_000, 799_999_999)


@given(SWISS, st.sampled_from(["0{}", "+41{}", "0041{}", "+41 (0){}", "41{}"]))
def test_c4_every_way_to_write_a_number_is_one_number(national: int, written: str) -> None:
    assert normalise_phone(written.format(national), "CH") == f"+41{national}"


@given(SWISS)
def test_a_normal_number_stays_as_it_is_in_every_country(national: int) -> None:
    number = f"+41{national}"
    assert all(normalise_phone(number, country) == number for country in ("CH", "US", "DE", "IN"))


@given(st.text(max_size=40))
def test_any_text_is_a_number_nothing_or_a_named_fault(text: str) -> None:
    number, code = outcome(lambda: normalise_phone(text, "US"))
    assert code in (None, "phone_invalid", "control_character")
    assert number is None or (number.startswith("+") and number[1:].isdigit())


@given(
    st.from_regex(r"[a-z0-9]{2,20}\.[a-z]{1,9}", fullmatch=True),
    st.sampled_from([str.upper, str.title, str.lower]),
)
def test_c4_an_address_is_compared_without_case_and_space(local: str, spelt: object) -> None:
    assert callable(spelt)
    address = normalise_email(f"  {spelt(local)}@Example.COM ")
    assert address is not None
    assert address.casefold() == f"{local}@example.com"


@given(st.text(max_size=60))
def test_any_text_is_an_address_nothing_or_a_named_fault(text: str) -> None:
    address, code = outcome(lambda: normalise_email(text))
    assert code in (None, "email_invalid", "control_character")
    assert address is None or ("@" in address and address.isprintable())


@pytest.mark.parametrize(
    "phone", ["", "n/a", "-", "none", "0000000000", "000-000-0000", "+1 555 555 5555", "1234567890"]
)
def test_s1_placeholder_numbers_are_nothing(phone: str) -> None:
    assert normalise_phone(phone, "US") is None


@pytest.mark.parametrize("phone", ["12", "110", "+49 12", "abc", "030 call me"])
def test_what_cannot_be_dialled_is_refused(phone: str) -> None:
    assert outcome(lambda: normalise_phone(phone, "DE")) == (None, "phone_invalid")


def test_a_short_number_with_its_area_code_is_taken() -> None:
    assert normalise_phone("(030) 123", "DE") == "+4930123"


@pytest.mark.parametrize("email", ["", "N/A", "none@none.com", "NO@no.com", "na@na.com", "noemail@email.com"])
def test_s1_placeholder_addresses_are_nothing(email: str) -> None:
    assert normalise_email(email) is None


@pytest.mark.parametrize(
    "email", ["anna@example.test", "a@school.invalid", "o'neil@x.ie", "müller@schüle.de"]
)
def test_unusual_addresses_are_taken(email: str) -> None:
    assert normalise_email(email) == email


@pytest.mark.parametrize(
    "email", ["anna", "anna@", "@x.de", "a b@x.de", "a@localhost", "a@x.de,b@x.de", "a@x.de\nBcc: b"]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(TextError):
        normalise_email(email)


MANY = settings(max_examples=500)
COUNTRIES = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))
CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
DIGITS = st.text("0123456789", min_size=1, max_size=16)
SEPARATORS = st.sampled_from(["", "", "", " ", "-", "/"])
LOCALS = st.one_of(
    st.from_regex(r"[A-Za-z0-9.+_'-]{1,70}", fullmatch=True),
    st.sampled_from(["postmaster", "Info", "ABUSE", "a..b", ".a", "a."]),
)
LABELS = st.from_regex(r"[A-Za-z0-9-]{1,12}", fullmatch=True)
DOMAINS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=5).map(".".join),
    st.sampled_from(
        ["xn--mller-kva.de", "MAIL.Example.COM", "x.test", "x.local", "localhost", "a.example", "1.2.3.4"]
    ),
)


def by_library(number: str, country: str) -> str | None:
    try:
        return parse_number(number, country)
    except TextError:
        return None


@st.composite
def spread(draw: st.DrawFn, digits: str) -> str:
    """Return digits with separators between some of them."""
    return "".join(digit + draw(SEPARATORS) for digit in digits[:-1]) + digits[-1]


@MANY
@given(st.data(), COUNTRIES, CODES, DIGITS)
def test_a_number_with_its_country_code_is_parsed_as_by_the_library(
    data: st.DataObject, country: str, code: int, digits: str
) -> None:
    written = "+" + data.draw(spread(f"{code}{digits}"))
    plain = parse_plain_number(written, country)
    assert plain in (None, by_library(written, country))


@MANY
@given(st.data(), COUNTRIES, st.sampled_from(["0", "0", "00", "1", "8", ""]), DIGITS)
def test_a_number_as_it_is_dialled_at_home_is_parsed_as_by_the_library(
    data: st.DataObject, country: str, trunk: str, digits: str
) -> None:
    written = data.draw(spread(trunk + digits))
    plain = parse_plain_number(written, country)
    assert plain in (None, by_library(written, country))


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_countrys_example_numbers_are_parsed_as_by_the_library(country: str) -> None:
    numbers = [
        number
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
        if (number := phonenumbers.example_number_for_type(country, kind)) is not None
    ]
    for number in numbers:
        for form in (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.NATIONAL):
            written = phonenumbers.format_number(number, form)
            for home in (country, "DE", "US", "IT"):
                assert parse_plain_number(written, home) in (None, by_library(written, home)), (written, home)


@pytest.mark.parametrize(
    ("written", "country"),
    [("+41 79 123 45 67", "DE"), ("+4915112345678", "DE"), ("0151 1234567", "DE"), ("079 123 45 67", "CH")],
)
def test_a_plainly_written_number_takes_the_fast_path(written: str, country: str) -> None:
    assert parse_plain_number(written, country) == by_library(written, country) is not None


@MANY
@given(LOCALS, DOMAINS)
@example("o'neil", "x.ie")
@example("a" * 64, "example.org")
def test_an_address_is_parsed_as_by_the_library(local: str, domain: str) -> None:
    try:
        expected: str | None = parse_address(f"{local}@{domain}")
    except TextError:
        expected = None
    assert parse_plain_address(f"{local}@{domain}") in (None, expected)


@given(st.text(max_size=60))
def test_any_text_is_parsed_as_by_the_libraries_or_left_to_them(text: str) -> None:
    number, address = parse_plain_number(text, "DE"), parse_plain_address(text)
    assert number in (None, by_library(text, "DE"))
    assert address is None or address == parse_address(text)


def test_a_plainly_written_address_takes_the_fast_path() -> None:
    assert parse_plain_address("Anna.Muster+school@Example.org") == "Anna.Muster+school@example.org"
