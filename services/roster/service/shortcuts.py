"""Short ways to what `phonenumbers` and `email_validator` say of a plainly written number or address.

Files are full of these, and the libraries take 60 us for a row of them. What the libraries decide by a number's country
and length, or by an address's domain, is asked of them once and remembered; None means: ask them about this one.
That both ways say the same is tested with generated numbers and addresses (`tests/unit/roster/test_shortcuts.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import email_validator
import phonenumbers
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from services.roster.domain.contacts import is_filler_number

REMEMBERED = 4096
_SEPARATORS = re.compile(r"[ /-]")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9](?:[ -]?[0-9]){5,13}")
_WITH_TRUNK = re.compile(r"0[1-9](?:[ /-]?[0-9]){4,13}")
_COUNTRY_CODE_DIGITS = (1, 2, 3)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([A-Za-z0-9.-]+)")
_SHORT_ADDRESS = 120  # far below every limit of a local part with its domain
_SHORT_LOCAL = 60
_MAILBOXES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


def plain_number(text: str, country: str) -> str | None:
    """E.164 of a possible number written in digits, with its country code or with the trunk prefix 0."""
    if _INTERNATIONAL.fullmatch(text):
        return _international(_SEPARATORS.sub("", text))
    if _WITH_TRUNK.fullmatch(text):
        return _domestic(_SEPARATORS.sub("", text), country)
    return None


def plain_address(text: str) -> str | None:
    """The normal form of a valid address in ASCII."""
    found = _PLAIN_ADDRESS.fullmatch(text) if len(text) <= _SHORT_ADDRESS else None
    if found is None:
        return None
    local, domain = found.groups()
    if len(local) > _SHORT_LOCAL or local.lower() in _MAILBOXES:
        return None
    normal = _domain(domain)
    return None if normal is None else f"{local}@{normal}"


@lru_cache(maxsize=REMEMBERED)
def _domain(domain: str) -> str | None:
    """A domain's normal form, or None where the library has something to say about it."""
    try:
        return email_validator.validate_email(f"a@{domain}", check_deliverability=False).domain
    except email_validator.EmailNotValidError:
        return None


def _international(text: str) -> str | None:
    code = _country_code(text[1:4])
    if code is None:
        return None
    national = text[1 + len(str(code)) :]
    if national[0] == "0" or _trunk_of_code(code).match(national) or not _is_possible(code, len(national)):
        return None
    return None if is_filler_number(national) else text


def _domestic(digits: str, country: str) -> str | None:
    region = _region(country)
    if region is None or region.abroad.match(digits) or region.without_trunk.fullmatch(digits):
        return None
    if not _is_possible(region.code, len(digits) - 1) or is_filler_number(digits[1:]):
        return None
    return f"+{region.code}{digits[1:]}"


@lru_cache(maxsize=REMEMBERED)
def _country_code(digits: str) -> int | None:
    codes = (int(digits[:length]) for length in _COUNTRY_CODE_DIGITS)
    return next((code for code in codes if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), None)


@lru_cache(maxsize=REMEMBERED)
def _is_possible(code: int, length: int) -> bool:
    """Whether numbers of this length can be dialled from everywhere: the library judges by nothing else."""
    number = phonenumbers.PhoneNumber(country_code=code, national_number=10 ** (length - 1))
    said = phonenumbers.is_possible_number_with_reason(number)
    return bool(said == phonenumbers.ValidationResult.IS_POSSIBLE)


@lru_cache(maxsize=REMEMBERED)
def _trunk_of_code(code: int) -> re.Pattern[str]:
    """What the library may cut off the front of a national number, or rewrite."""
    region = phonenumbers.region_code_for_country_code(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    prefix = metadata.national_prefix_for_parsing if metadata else None
    return re.compile(prefix or r"(?!)")


@dataclass(frozen=True, slots=True)
class _Region:
    """A country whose numbers lose a leading 0 and nothing else, and what does not begin with a trunk prefix there."""

    code: int
    abroad: re.Pattern[str]
    without_trunk: re.Pattern[str]


@lru_cache(maxsize=REMEMBERED)
def _region(country: str) -> _Region | None:
    code = phonenumbers.country_code_for_region(country)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    if metadata is None or phonenumbers.region_code_for_country_code(code) != country:
        return None
    general = metadata.general_desc.national_number_pattern if metadata.general_desc else None
    if metadata.national_prefix_for_parsing != "0" or metadata.national_prefix_transform_rule or not general:
        return None
    return _Region(code, re.compile(metadata.international_prefix or r"(?!)"), re.compile(general))
