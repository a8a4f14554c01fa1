"""Routes of the roster, under `/roster/v1`."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.roster.http import imports, parents, schools, siblings, students
from services.roster.http.context import Context
from services.roster.http.errors import install_errors

__all__ = ["UPLOAD_PATH", "Context", "install_errors", "routers"]

UPLOAD_PATH = imports.IMPORTS
"""Path of the one route whose body may be a file."""


def routers() -> Sequence[APIRouter]:
    """Return the routers of all resources; they need `Context` as `app.state.context`."""
    return (schools.router, students.router, parents.router, siblings.router, imports.router)
