"""All clients of the process on one connection pool."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from services.dashboard.clients.http import HttpClient
from services.dashboard.clients.invitations import InvitationsClient
from services.dashboard.clients.roster import RosterClient


class ServiceClients:
    """Clients of roster and invitations; an async context manager that opens and closes their pool."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self.roster = RosterClient(http)
        self.invitations = InvitationsClient(http)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)
