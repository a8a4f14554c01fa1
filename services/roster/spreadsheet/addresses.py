"""Normalisation of phone numbers and e-mail addresses as people type them. It uses no network."""

from __future__ import annotations

import re

import email_validator
import phonenumbers

from services.roster.domain.contacts import is_placeholder_address, is_placeholder_number
from services.roster.domain.text import TextError, clean, is_placeholder
from services.roster.spreadsheet.fast_path_parsers import parse_plain_address, parse_plain_number

MAX_ADDRESS = 254
MIN_NUMBER_DIGITS = 4  # no national number is shorter; some countries allow shorter ones within a town
_LETTERS = re.compile(r"[^\W\d_]{4,}")
_NON_DIGIT = re.compile(r"\D")

# The network of a school may use these names. An address that does not exist is reported when a message is sent to it.
_ACCEPTED_DOMAINS = frozenset({"test", "invalid", "local"})
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in _ACCEPTED_DOMAINS
]


def normalise_phone(value: str, country: str) -> str | None:
    """Return a number in E.164, reading a national one in the country; None for blanks and placeholders.

    Raises TextError `phone_invalid`.
    """
    text = clean(value, limit=MAX_ADDRESS)
    if is_placeholder(text) or is_placeholder_number(_NON_DIGIT.sub("", text)):
        return None
    return parse_plain_number(text, country) or parse_number(text, country)


def normalise_email(value: str) -> str | None:
    """Return an address with its domain in normal form; None for blanks and placeholders.

    Raises TextError `email_invalid`.
    """
    text = clean(value, limit=MAX_ADDRESS)
    if is_placeholder(text):
        return None
    address = parse_plain_address(text) or parse_address(text)
    return None if is_placeholder_address(address) else address


def is_country(value: str) -> bool:
    """Return whether a text is an ISO 3166 alpha-2 code whose phone numbers can be parsed."""
    return value in phonenumbers.SUPPORTED_REGIONS


def parse_number(text: str, country: str) -> str | None:
    """Return a number in E.164 by `phonenumbers`; None for a placeholder. Raises TextError `phone_invalid`."""
    number = _parse(text, country)
    if number is None or _LETTERS.search(text) or not phonenumbers.is_possible_number(number):
        raise TextError("phone_invalid", f"This is not a phone number that can be dialled from {country}.")
    if len(phonenumbers.national_significant_number(number)) < MIN_NUMBER_DIGITS:
        raise TextError("phone_invalid", "This phone number is too short.")
    if is_placeholder_number(str(number.national_number)):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def parse_address(text: str) -> str:
    """Return an address by `email_validator`, its domain in normal form. Raises TextError `email_invalid`."""
    try:
        return email_validator.validate_email(text, check_deliverability=False).normalized
    except email_validator.EmailNotValidError as error:
        raise TextError("email_invalid", str(error)) from None


def _parse(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
