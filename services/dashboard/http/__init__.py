"""Routes of the dashboard: the JSON status view under /dashboard and the pages for staff under /admin."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.dashboard.http import (
    assets,
    bulk,
    imports,
    login,
    parent,
    parents,
    schools,
    staff,
    status_api,
    stream,
    students,
    tokens,
    tokens_api,
)


def routers() -> Sequence[APIRouter]:
    """Return all routers in the order in which their paths are matched."""
    return (
        status_api.router,
        tokens_api.router,
        stream.router,
        assets.router,
        login.router,
        schools.router,
        staff.router,
        tokens.router,
        students.router,
        parents.router,
        parent.router,
        bulk.router,
        imports.router,
    )
