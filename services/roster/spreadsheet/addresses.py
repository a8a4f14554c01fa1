"""Normalisation of phone numbers and e-mail addresses as people type them. It uses no network.

Most values in a file are written plainly, and `phonenumbers` and `email_validator` take 60 us for those of one row. The
`parse_plain_*` functions are faster: they cache the decisions of the libraries by country and length, or by domain, and
return None for a value that the library has to parse. Tests compare both with generated numbers and addresses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import email_validator
import phonenumbers
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from services.roster.domain.text import (
    TextError,
    clean,
    is_placeholder,
    is_placeholder_address,
    is_placeholder_number,
)

MAX_ADDRESS = 254
MIN_NUMBER_DIGITS = 4  # no national number is shorter; some countries allow shorter ones within one exchange
_WORD = re.compile(r"[^\W\d_]{4,}")
_NON_DIGIT = re.compile(r"\D")

# Of the fast parsers:
CACHE_SIZE = 4096
_SEPARATORS = re.compile(r"[ /-]")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9](?:[ -]?[0-9]){5,13}")
_WITH_TRUNK = re.compile(r"0[1-9](?:[ /-]?[0-9]){4,13}")
_COUNTRY_CODE_DIGITS = (1, 2, 3)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([A-Za-z0-9.-]+)")
_MAX_PLAIN_ADDRESS = 120  # both limits lie far below those of the standard
_MAX_PLAIN_LOCAL = 60
_CASE_INSENSITIVE_MAILBOXES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)

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
    if number is None or _WORD.search(text) or not phonenumbers.is_possible_number(number):
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


def parse_plain_number(text: str, country: str) -> str | None:
    """Return a number in E.164 that is written in digits, with its country code or with the trunk prefix 0."""
    if _INTERNATIONAL.fullmatch(text):
        return _parse_international(_SEPARATORS.sub("", text))
    if _WITH_TRUNK.fullmatch(text):
        return _parse_national(_SEPARATORS.sub("", text), country)
    return None


def parse_plain_address(text: str) -> str | None:
    """Return the normal form of a valid address in ASCII."""
    match = _PLAIN_ADDRESS.fullmatch(text) if len(text) <= _MAX_PLAIN_ADDRESS else None
    if match is None:
        return None
    local, domain = match.groups()
    if len(local) > _MAX_PLAIN_LOCAL or local.lower() in _CASE_INSENSITIVE_MAILBOXES:
        return None
    normal_domain = _normalise_domain(domain)
    return None if normal_domain is None else f"{local}@{normal_domain}"


@lru_cache(maxsize=CACHE_SIZE)
def _normalise_domain(domain: str) -> str | None:
    """Return a domain's normal form; None if the library refuses it."""
    try:
        return email_validator.validate_email(f"a@{domain}", check_deliverability=False).domain
    except email_validator.EmailNotValidError:
        return None


def _parse_international(text: str) -> str | None:
    code = _find_country_code(text[1:4])
    if code is None:
        return None
    national = text[1 + len(str(code)) :]
    if (
        national[0] == "0"
        or _national_prefix(code).match(national)
        or not _is_possible_length(code, len(national))
    ):
        return None
    return None if is_placeholder_number(national) else text


def _parse_national(digits: str, country: str) -> str | None:
    region = _find_region(country)
    if region is None or region.abroad.match(digits) or region.without_trunk.fullmatch(digits):
        return None
    if not _is_possible_length(region.code, len(digits) - 1) or is_placeholder_number(digits[1:]):
        return None
    return f"+{region.code}{digits[1:]}"


@lru_cache(maxsize=CACHE_SIZE)
def _find_country_code(digits: str) -> int | None:
    codes = (int(digits[:length]) for length in _COUNTRY_CODE_DIGITS)
    return next((code for code in codes if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), None)


@lru_cache(maxsize=CACHE_SIZE)
def _is_possible_length(code: int, length: int) -> bool:
    """Return whether a country has numbers of this length; the library decides by nothing else."""
    number = phonenumbers.PhoneNumber(country_code=code, national_number=10 ** (length - 1))
    result = phonenumbers.is_possible_number_with_reason(number)
    return bool(result == phonenumbers.ValidationResult.IS_POSSIBLE)


@lru_cache(maxsize=CACHE_SIZE)
def _national_prefix(code: int) -> re.Pattern[str]:
    """Return the pattern of prefixes that the library removes from a national number or rewrites."""
    region = phonenumbers.region_code_for_country_code(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    prefix = metadata.national_prefix_for_parsing if metadata else None
    return re.compile(prefix or r"(?!)")


@dataclass(frozen=True, slots=True)
class _Region:
    """Country whose national numbers begin with the trunk prefix 0 and are not rewritten in any other way.

    `abroad` matches the international prefix, `without_trunk` the numbers that do not begin with the trunk prefix.
    """

    code: int
    abroad: re.Pattern[str]
    without_trunk: re.Pattern[str]


@lru_cache(maxsize=CACHE_SIZE)
def _find_region(country: str) -> _Region | None:
    code = phonenumbers.country_code_for_region(country)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    if metadata is None or phonenumbers.region_code_for_country_code(code) != country:
        return None
    general = metadata.general_desc.national_number_pattern if metadata.general_desc else None
    if metadata.national_prefix_for_parsing != "0" or metadata.national_prefix_transform_rule or not general:
        return None
    return _Region(code, re.compile(metadata.international_prefix or r"(?!)"), re.compile(general))
