"""Client of invitations: single invitations and bulk runs. Every method raises ServiceError."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.dashboard.clients.http import Caller, HttpClient, read_counts, require_school
from services.dashboard.domain.bulk_progress import BulkRun

READ, WRITE = "invitations:read", "invitations:write"
_COUNT_FIELDS = ("selected", "pending", "messaged", "waiting", "to_message")


class InvitationsClient:
    """The HTTP API of invitations; every call needs a caller with a school."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def invite(self, caller: Caller, parent_id: UUID, channel: str) -> None:
        """Request an invitation, the first or a further one (P7, P11)."""
        path = _school_path(caller, "invitations")
        body = {"parent_id": str(parent_id), "channel": channel}
        await self._http.send(caller, WRITE, "POST", *path, body=body)

    async def withdraw(self, caller: Caller, parent_id: UUID) -> None:
        """Withdraw the invitation of a parent."""
        await self._http.send(caller, WRITE, "DELETE", *_school_path(caller, "invitations", parent_id))

    async def preview_bulk(self, caller: Caller, selection: dict[str, Any], channel: str) -> BulkRun:
        """Return how many parents a bulk run would message, and how many it would skip and why."""
        body = {"select": selection, "channel": channel, "dry_run": True}
        return _to_bulk_run(
            await self._http.send(caller, WRITE, "POST", *_school_path(caller, "bulk"), body=body)
        )

    async def start_bulk(self, caller: Caller, selection: dict[str, Any], channel: str, key: str) -> UUID:
        """Start a bulk run and return its id (P20-P25). The same `key` returns the same run."""
        body = {"select": selection, "channel": channel, "dry_run": False}
        path = _school_path(caller, "bulk")
        response = await self._http.send(caller, WRITE, "POST", *path, body=body, key=key)
        return UUID(response["bulk_id"])

    async def get_bulk(self, caller: Caller, bulk_id: UUID) -> BulkRun:
        """Return the state and the counts of a bulk run."""
        return _to_bulk_run(await self._http.get(caller, READ, *_school_path(caller, "bulk", bulk_id)))

    async def control_bulk(self, caller: Caller, bulk_id: UUID, control: str) -> None:
        """Pause, resume or cancel a bulk run; `control` is the verb."""
        await self._http.send(caller, WRITE, "POST", *_school_path(caller, "bulk", bulk_id, control))


def _school_path(caller: Caller, *path: str | UUID) -> tuple[str | UUID, ...]:
    return ("invitations", "v1", "schools", require_school(caller), *path)


def _to_bulk_run(response: dict[str, Any]) -> BulkRun:
    return BulkRun(
        bulk_id=response.get("bulk_id"),
        state=str(response.get("state", "")),
        channel=str(response.get("channel") or "email"),
        skipped=read_counts(response.get("skipped")),
        failed=read_counts(response.get("failed")),
        **{name: int(response.get(name) or 0) for name in _COUNT_FIELDS},
    )
