"""Phone numbers to E.164, e-mail addresses to one form, and contacts that never identify a family."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.roster.domain.contacts import SchoolContactContext, make_family_key
from services.roster.domain.text import TextError
from services.roster.spreadsheet.addresses import normalise_email, normalise_phone


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


def test_s1_the_schools_own_contacts_make_no_family() -> None:
    school = SchoolContactContext("CH", phone="+41440001122", email="Office@School.ch")
    assert make_family_key("+41791234567", "a@example.com", school) == "+41791234567 a@example.com"
    assert make_family_key("+41440001122", "a@example.com", school) is None
    assert make_family_key("+41791234567", "office@school.ch", school) is None
    assert make_family_key(None, "a@example.com", school) is None
    assert make_family_key("+41791234567", None, school) is None
