"""HTTP surface: lists for staff under `/notifier/v1`, and the webhooks of the provider under `/notifier/hooks`."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.notifier.http import messages, webhooks


def routers() -> Sequence[APIRouter]:
    """Return the routers of the service."""
    return (messages.router, webhooks.router)
