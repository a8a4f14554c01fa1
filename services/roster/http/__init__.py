"""The routes of the roster, under `/roster/v1`."""

from __future__ import annotations

from services.roster.http import imports, parents, schools, siblings, students
from services.roster.http.context import Context

ROUTERS = (schools.router, students.router, parents.router, siblings.router, imports.router)

__all__ = ["ROUTERS", "Context"]
