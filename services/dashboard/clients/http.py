"""JSON calls to the other services' HTTP APIs, with time limits and the member of staff as the actor."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote
from uuid import UUID

import aiohttp

from services.dashboard.domain.staff import Staff
from shared.runtime.observability import current_traceparent
from shared.runtime.web import mint_token

TOKEN_SECONDS = 60
CONNECT_TIMEOUT_SECONDS = 5


class ServiceError(Exception):
    """A call that was refused or not answered; `message` is for the page, `fields` holds messages per form field."""

    def __init__(
        self, message: str, *, status: int, code: str = "", fields: dict[str, str] | None = None
    ) -> None:
        super().__init__(code or str(status))
        self.message = message
        self.status = status
        self.code = code
        self.fields = fields or {}


@dataclass(frozen=True, slots=True)
class Caller:
    """Member of staff on whose behalf a service is called; `school_id` is None where there is no school yet."""

    staff: Staff
    school_id: UUID | None


@dataclass(frozen=True, slots=True)
class Upload:
    """File that is passed on to a service; `fields` are the form's other values."""

    filename: str
    content: IO[bytes] = field(repr=False)
    fields: dict[str, str] = field(default_factory=dict)


class HttpClient:
    """Connection pool of the process to the services; an async context manager.

    All calls return the JSON object of the response. They raise ServiceError for a refusal, a server error or no
    response in time. `right` is the only right of the token that a call carries.
    """

    def __init__(self, base_url: str, secret: str, *, timeout_seconds: float, upload_seconds: float) -> None:
        self._base_url = base_url
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS)
        self._upload_timeout = aiohttp.ClientTimeout(total=upload_seconds, connect=CONNECT_TIMEOUT_SECONDS)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, caller: Caller, right: str, *path: str | UUID) -> dict[str, Any]:
        """Send a GET request."""
        return await self._call(caller, right, "GET", path)

    async def send(
        self,
        caller: Caller,
        right: str,
        method: str,
        *path: str | UUID,
        body: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Send a POST, PATCH or DELETE request; `key` is the Idempotency-Key of a form that may be sent twice."""
        if key and not (key.isascii() and key.isprintable()):
            raise ServiceError("This form is out of date. Reload the page and try again.", status=400)
        headers = {"Idempotency-Key": key} if key else {}
        return await self._call(caller, right, method, path, json=body, headers=headers)

    async def upload(self, caller: Caller, right: str, *path: str | UUID, file: Upload) -> dict[str, Any]:
        """Send a file as multipart form."""
        form = aiohttp.FormData()
        for name, value in file.fields.items():
            form.add_field(name, value)
        form.add_field("file", file.content, filename=file.filename, content_type="application/octet-stream")
        return await self._call(caller, right, "POST", path, data=form, timeout=self._upload_timeout)

    async def _call(
        self, caller: Caller, right: str, method: str, path: tuple[str | UUID, ...], **options: Any
    ) -> dict[str, Any]:
        assert self._session is not None, "used outside its async with"
        url = "/".join([self._base_url, *(quote(str(part), safe="") for part in path)])
        headers = {
            "Authorization": f"Bearer {self._create_token(caller, right)}",
            **options.pop("headers", {}),
        }
        if traceparent := current_traceparent():
            headers["traceparent"] = traceparent
        options.setdefault("timeout", self._timeout)
        try:
            async with self._session.request(
                method, url, headers=headers, allow_redirects=False, **options
            ) as response:
                content = await _read_object(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable() from error
        if response.status >= 400:
            raise _to_service_error(response.status, content)
        return content

    def _create_token(self, caller: Caller, right: str) -> str:
        schools = caller.staff.school_ids if caller.school_id is None else frozenset({caller.school_id})
        return mint_token(
            self._secret,
            schools=schools,
            rights=frozenset({right}),
            actor=caller.staff.actor,
            kind="service",
            lifetime_seconds=TOKEN_SECONDS,
            identity=caller.staff.actor,
        )


def require_school(caller: Caller) -> UUID:
    """Return the caller's school; AssertionError where there is none."""
    assert caller.school_id is not None
    return caller.school_id


def read_counts(value: object) -> dict[str, int]:
    """Return the integers of a JSON object of counts; anything else counts as no entry."""
    if not isinstance(value, dict):
        return {}
    return {str(name): count for name, count in value.items() if isinstance(count, int)}


async def _read_object(response: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        content = await response.json(content_type=None)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _unavailable() -> ServiceError:
    return ServiceError(
        "The part of the system that does this does not answer at the moment. Please try again in a minute.",
        status=503,
        code="unavailable",
    )


def _to_service_error(status: int, problem: dict[str, Any]) -> ServiceError:
    if status >= 500 or status in (401, 403):
        return _unavailable()
    errors = problem.get("errors") or []
    fields = {str(item.get("field")): str(item.get("message")) for item in errors if isinstance(item, dict)}
    message = str(problem.get("detail") or "This was refused without a reason.")
    return ServiceError(message, status=status, code=str(problem.get("code") or ""), fields=fields)
