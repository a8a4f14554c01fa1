"""Client of roster: schools, students, parents and imports. Every method raises ServiceError."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.dashboard.clients.http import Caller, HttpClient, Upload, read_counts, require_school
from services.dashboard.domain.bulk_progress import ImportRun, RowError

READ, WRITE = "roster:read", "roster:write"
_ERROR_FIELDS = ("row", "column", "value", "message")


class RosterClient:
    """Roster's HTTP API; changes of a school's data need a caller with a school."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def add_school(self, caller: Caller, school: dict[str, Any], key: str) -> UUID:
        """Add a school and return its id."""
        response = await self._http.send(
            caller, WRITE, "POST", "roster", "v1", "schools", body=school, key=key
        )
        return UUID(response["school_id"])

    async def add_student(self, caller: Caller, student: dict[str, Any], key: str) -> UUID:
        """Add a student, with the parents' fields if there are any, and return the student's id."""
        path = _school_path(caller, "students")
        response = await self._http.send(caller, WRITE, "POST", *path, body=student, key=key)
        return UUID(response["student_id"])

    async def add_parent(
        self, caller: Caller, student_id: UUID, parent: dict[str, Any], *, invite: bool, key: str
    ) -> None:
        """Add a parent to a student and, with `invite`, request the invitation at once (P8-P10)."""
        path = _school_path(caller, "students", student_id, "parents")
        await self._http.send(caller, WRITE, "POST", *path, body={**parent, "invite": invite}, key=key)

    async def edit_parent(self, caller: Caller, parent_id: UUID, changes: dict[str, Any]) -> None:
        """Change fields of a parent record (P17); None empties a field."""
        path = _school_path(caller, "parents", parent_id)
        await self._http.send(caller, WRITE, "PATCH", *path, body=changes)

    async def start_import(self, caller: Caller, file: Upload) -> UUID:
        """Upload a file and return the id of its import."""
        response = await self._http.upload(caller, WRITE, *_school_path(caller, "imports"), file=file)
        return UUID(response["import_id"])

    async def apply_import(self, caller: Caller, import_id: UUID) -> None:
        """Apply a file that was only validated so far."""
        path = _school_path(caller, "imports", import_id, "apply")
        await self._http.send(caller, WRITE, "POST", *path, body={})

    async def get_import(self, caller: Caller, import_id: UUID) -> ImportRun:
        """Return the state of an import."""
        response = await self._http.get(caller, READ, *_school_path(caller, "imports", import_id))
        return ImportRun(
            import_id=str(import_id),
            state=str(response.get("state", "")),
            counts=read_counts(response.get("counts")),
            errors=[
                RowError(*(str(item.get(name) or "") for name in _ERROR_FIELDS))
                for item in response.get("errors") or []
            ],
        )


def _school_path(caller: Caller, *path: str | UUID) -> tuple[str | UUID, ...]:
    return ("roster", "v1", "schools", require_school(caller), *path)
