"""Use case of the peer: one row per parent, and one task per email once the rows are committed."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from invites.celery import app
from invites.models import Parent
from invites.tasks import send_invitation

# The first emails leave while the rest of the file is still being read.
BATCH = 500

Person = tuple[str, str]


def invite(people: Iterable[Person]) -> int:
    """Save people as (name, e-mail) and queue their emails, a batch at a time; return how many there were."""
    count = 0
    remaining = iter(people)
    while batch := list(islice(remaining, BATCH)):
        _invite_batch(batch)
        count += len(batch)
    return count


def _invite_batch(people: list[Person]) -> None:
    expires_at = timezone.now() + timedelta(days=settings.INVITATION_DAYS)
    tokens = [secrets.token_urlsafe(32) for _ in people]
    with transaction.atomic():
        Parent.objects.bulk_create(
            Parent(name=name, email=email, token_hash=_digest(token), expires_at=expires_at)
            for (name, email), token in zip(people, tokens, strict=True)
        )
    _queue(zip(people, tokens, strict=True), expires_at.isoformat())


def _queue(invitations: Iterator[tuple[Person, str]], expires_at: str) -> None:
    """Queue the emails.

    Only the token's digest is in the database, so a task carries everything that its email contains.
    """
    with app.producer_or_acquire() as producer:
        for (name, email), token in invitations:
            send_invitation.apply_async((name, email, token, expires_at), producer=producer)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
