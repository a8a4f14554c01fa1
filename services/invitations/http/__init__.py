"""The HTTP surface under `/invitations/v1`: parse, one service call, render."""

from __future__ import annotations

from fastapi import APIRouter

from services.invitations.http import bulk, invitations


def routers() -> tuple[APIRouter, ...]:
    """All routes of the service."""
    return (invitations.router, bulk.router)
