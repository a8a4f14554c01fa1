"""Reading phone numbers and e-mail addresses as people type them. No network is asked."""

from __future__ import annotations

import re

import email_validator
import phonenumbers

from services.roster.domain.contacts import is_filler_address, is_filler_number
from services.roster.domain.text import TextError, clean, is_filler
from services.roster.service.shortcuts import plain_address, plain_number

MAX_ADDRESS = 254
SHORTEST_NUMBER = 4  # no country has shorter ones, but some let an exchange use them within a town
_LETTERS = re.compile(r"[^\W\d_]{4,}")
_NOT_A_DIGIT = re.compile(r"\D")

# A school's own network may be named so; a name that is wrong is found out by the mail server, with a reason.
_ACCEPTED = frozenset({"test", "invalid", "local"})
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in _ACCEPTED
]


def normalise_phone(value: str, country: str) -> str | None:
    """E.164, read with the school's country; None for blanks and placeholders. Raises TextError: `phone_invalid`."""
    text = clean(value, limit=MAX_ADDRESS)
    if is_filler(text) or is_filler_number(_NOT_A_DIGIT.sub("", text)):
        return None
    return plain_number(text, country) or _phone_by_library(text, country)


def normalise_email(value: str) -> str | None:
    """Trimmed, its domain in normal form; None for blanks and placeholders. Raises TextError: `email_invalid`."""
    text = clean(value, limit=MAX_ADDRESS)
    if is_filler(text):
        return None
    address = plain_address(text) or _email_by_library(text)
    return None if is_filler_address(address) else address


def is_country(value: str) -> bool:
    """Whether this is an ISO 3166 alpha-2 code whose phone numbers can be read."""
    return value in phonenumbers.SUPPORTED_REGIONS


def _phone_by_library(text: str, country: str) -> str | None:
    number = _parsed(text, country)
    if number is None or _LETTERS.search(text) or not phonenumbers.is_possible_number(number):
        raise TextError("phone_invalid", f"This is not a phone number that can be dialled from {country}.")
    if len(phonenumbers.national_significant_number(number)) < SHORTEST_NUMBER:
        raise TextError("phone_invalid", "This phone number is too short.")
    if is_filler_number(str(number.national_number)):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email_by_library(text: str) -> str:
    try:
        return email_validator.validate_email(text, check_deliverability=False).normalized
    except email_validator.EmailNotValidError as error:
        raise TextError("email_invalid", str(error)) from None


def _parsed(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
