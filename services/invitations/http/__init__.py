"""HTTP API under `/invitations/v1`: each route parses, calls one use case, and renders the result."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.invitations.http import bulk, invitations


def routers() -> Sequence[APIRouter]:
    """Return all routers of the service."""
    return (invitations.router, bulk.router)
