"""Calls to roster's and invitations' HTTP APIs, with time limits and the staff member as the actor."""

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


class CommandError(Exception):
    """The command was not carried out; `message` says why in words for the page, `fields` per form field."""

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
    """On whose behalf; `school_id` None only where there is no school yet."""

    staff: Staff
    school_id: UUID | None
    right: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way through; `fields` are the form's other values."""

    filename: str
    content: IO[bytes] = field(repr=False)
    fields: dict[str, str] = field(default_factory=dict)


class Owners:
    """An async context manager; one connection pool for the process."""

    def __init__(self, base_url: str, secret: str, *, timeout_seconds: float, upload_seconds: float) -> None:
        self._base = base_url
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=5)
        self._upload_timeout = aiohttp.ClientTimeout(total=upload_seconds, connect=5)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def get(self, caller: Caller, *path: str | UUID, **query: str) -> dict[str, Any]:
        return await self._call(caller, "GET", path, params=query)

    async def send(
        self,
        caller: Caller,
        method: str,
        *path: str | UUID,
        body: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """POST, PATCH or DELETE; `key` is the Idempotency-Key of a form that may be sent twice."""
        if key and not (key.isascii() and key.isprintable()):
            raise CommandError("This form is out of date. Reload the page and try again.", status=400)
        headers = {"Idempotency-Key": key} if key else {}
        return await self._call(caller, method, path, json=body, headers=headers)

    async def upload(self, caller: Caller, *path: str | UUID, file: Upload) -> dict[str, Any]:
        form = aiohttp.FormData()
        for name, value in file.fields.items():
            form.add_field(name, value)
        form.add_field("file", file.content, filename=file.filename, content_type="application/octet-stream")
        return await self._call(caller, "POST", path, data=form, timeout=self._upload_timeout)

    async def _call(
        self, caller: Caller, method: str, path: tuple[str | UUID, ...], **options: Any
    ) -> dict[str, Any]:
        """The JSON object answered; raises CommandError for a refusal, a fault or no answer in time."""
        assert self._http is not None, "used outside its async with"
        url = "/".join([self._base, *(quote(str(part), safe="") for part in path)])
        headers = {"Authorization": f"Bearer {self._token(caller)}", **options.pop("headers", {})}
        if traceparent := current_traceparent():
            headers["traceparent"] = traceparent
        options.setdefault("timeout", self._timeout)
        try:
            async with self._http.request(
                method, url, headers=headers, allow_redirects=False, **options
            ) as response:
                answered = await _json(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _no_answer() from error
        if response.status >= 400:
            raise _refusal(response.status, answered)
        return answered

    def _token(self, caller: Caller) -> str:
        schools = caller.staff.school_ids if caller.school_id is None else frozenset({caller.school_id})
        return mint_token(
            self._secret,
            schools=schools,
            rights=frozenset({caller.right}),
            actor=caller.staff.actor,
            kind="service",
            lifetime_seconds=TOKEN_SECONDS,
            identity=caller.staff.actor,
        )


async def _json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        answered = await response.json(content_type=None)
    except ValueError:
        return {}
    return answered if isinstance(answered, dict) else {}


def _no_answer() -> CommandError:
    return CommandError(
        "The part of the system that does this does not answer at the moment. Please try again in a minute.",
        status=503,
        code="unavailable",
    )


def _refusal(status: int, problem: dict[str, Any]) -> CommandError:
    if status >= 500 or status in (401, 403):
        return _no_answer()
    errors = problem.get("errors") or []
    fields = {str(item.get("field")): str(item.get("message")) for item in errors if isinstance(item, dict)}
    message = str(problem.get("detail") or "This was refused without a reason.")
    return CommandError(message, status=status, code=str(problem.get("code") or ""), fields=fields)
