"""Looking at a link. Nothing here changes anything but the count of wrong guesses."""

from __future__ import annotations

import hashlib

from services.signup.domain.links import Link, Purpose
from services.signup.storage import guesses, links
from shared.runtime.database import SchoolsOf, Transaction
from shared.runtime.core import token_digest as sha256_of_token


def schools_of(token: str) -> SchoolsOf:
    """Whose link it is."""
    return SchoolsOf("schools_of_link", token_digest(token))


async def find_link(transaction: Transaction, purpose: Purpose, token: str) -> Link | None:
    """The genuine link of this token, or None. Any text may be given; only its digest reaches the database."""
    return await links.find_link(transaction, purpose, token_digest(token))


async def too_many_guesses(transaction: Transaction, address: str, limit: int) -> bool:
    """Whether this address has made more than `limit` wrong guesses within ten minutes."""
    return await guesses.count_guesses(transaction, address_digest(address), transaction.now) > limit


async def record_wrong_guess(transaction: Transaction, address: str) -> None:
    """Count a wrong link or a wrong password against the address. Right ones are never counted."""
    await guesses.add_guess(transaction, address_digest(address), transaction.now)


async def forgive_wrong_guess(transaction: Transaction, address: str) -> None:
    """Take back one count: the link was right, only our copy was late."""
    await guesses.add_guess(transaction, address_digest(address), transaction.now, by=-1)


def token_digest(token: str) -> str:
    """The SHA-256 (hex) under which a token is on file."""
    return sha256_of_token(token.encode(errors="replace").decode())


def address_digest(address: str) -> str:
    """What stands for a client's address in the table of guesses, so that no address is stored."""
    return hashlib.sha256(f"kinvite guess {address}".encode(errors="replace")).hexdigest()
