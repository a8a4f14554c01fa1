"""HTTP caller that sends a request to any replica, perhaps repeatedly with one key, and records its outcome."""

from __future__ import annotations

import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.faults.campaign.ledger import Entry, Ledger, Outcome
from tests.faults.campaign.site import Site

_SECONDS = 15.0
_IDLE_SECONDS = 2.0
_TRIES = 3
_AGAIN = 0.7


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    With `keyed` it has an idempotency key, so that it may be repeated; `form` has the fields of a page.
    """

    action: str
    service: str
    method: str
    path: str
    school_id: str = ""
    mark: str = ""
    json: Any = None
    form: dict[str, str] | None = None
    files: dict[str, Any] | None = None
    keyed: bool = False
    sent: dict[str, Any] = field(default_factory=dict)


class Caller:
    """Caller with one HTTP client. `dice` decide on the replica and on repeating."""

    def __init__(self, site: Site, ledger: Ledger, dice: random.Random) -> None:
        self.site = site
        self.dice = dice
        self._ledger = ledger
        # A request that meets the close of an idle connection gets no response; services close after two minutes.
        limits = httpx.Limits(keepalive_expiry=_IDLE_SECONDS)
        self.client = httpx.AsyncClient(timeout=_SECONDS, limits=limits)

    def url(self, service: str) -> str:
        """Return the address of one replica that serves the service's API."""
        return self.dice.choice(self.site.urls(service))

    async def send(self, request: Request) -> Entry:
        """Send a request and record its outcome in the ledger."""
        began, key, tries = time.time(), str(uuid.uuid4()), 1
        answer = await self._send_once(request, key)
        while _outcome(answer) is Outcome.UNKNOWN and self._repeats(request, tries):
            answer = await self._send_once(request, key)
            tries += 1
        outcome = _outcome(answer)
        if tries > 1 and outcome is Outcome.FAIL:
            outcome = Outcome.UNKNOWN
        entry = Entry(
            request.action,
            outcome,
            request.school_id,
            request.mark,
            began,
            time.time(),
            None if isinstance(answer, httpx.HTTPError) else answer.status_code,
            tries,
            request.sent,
            _json(answer) if outcome is Outcome.OK else {},
            repr(answer) if isinstance(answer, httpx.HTTPError) else "",
        )
        self._ledger.add(entry)
        return entry

    async def read(self, url: str) -> httpx.Response | None:
        """Send a GET, which is not recorded, because it may not change anything."""
        try:
            return await self.client.get(url, headers=self.site.headers)
        except httpx.HTTPError:
            return None

    def _repeats(self, request: Request, tries: int) -> bool:
        return request.keyed and tries < _TRIES and self.dice.random() < _AGAIN

    async def _send_once(self, request: Request, key: str) -> httpx.Response | httpx.HTTPError:
        headers: dict[str, str] = {} if request.form is not None else dict(self.site.headers)
        content = None
        if request.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            content = urlencode(request.form).encode()
        if request.keyed:
            headers["Idempotency-Key"] = key
        try:
            return await self.client.request(
                request.method,
                self.url(request.service) + request.path,
                json=request.json,
                files=request.files,
                content=content,
                headers=headers,
            )
        except httpx.HTTPError as failure:
            return failure


def _outcome(answer: httpx.Response | httpx.HTTPError) -> Outcome:
    if isinstance(answer, httpx.HTTPError) or answer.status_code >= 500:
        return Outcome.UNKNOWN
    if answer.status_code == 409 and _json(answer).get("code") == "request_in_flight":
        return Outcome.UNKNOWN
    return Outcome.OK if answer.status_code < 400 else Outcome.FAIL


def _json(answer: httpx.Response | httpx.HTTPError) -> dict[str, Any]:
    if isinstance(answer, httpx.HTTPError) or "json" not in answer.headers.get("content-type", ""):
        return {}
    read: Any = answer.json()
    return read if isinstance(read, dict) else {}
