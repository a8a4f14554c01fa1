"""Reading a form, and refusing one that another site sent."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from starlette.formparsers import MultiPartException, MultiPartParser

MAX_FORM_BYTES = 16 * 1024
MAX_FIELDS = 20


class PageError(Exception):
    """An answer in plain words: HTTP status and the key of its texts (`error.<key>.title`, `error.<key>.text`)."""

    def __init__(self, status: int, key: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.headers = headers or {}


async def read_form(request: Request) -> dict[str, str]:
    """The form's text fields; of a repeated field the last. No form at all reads as an empty one.

    Raises PageError 413 over 16 KiB and 400 for what is no readable form.
    """
    body = await _read(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request, body)
    if kind not in ("", "application/x-www-form-urlencoded"):
        return {}
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise PageError(400, "bad_form") from None
    return dict(pairs)


def refuse_other_sites(request: Request, public_url: str, *, null_is_ours: bool = True) -> None:
    """Raise PageError 403 for a form that a browser says came from another site.

    A client that sends neither `Sec-Fetch-Site` nor `Origin` is no browser that could be misled. `Origin: null` is what
    browsers send for our own forms on pages that ask for `Referrer-Policy: no-referrer` (Fetch standard, "append a
    request Origin header"), and old ones send it without `Sec-Fetch-Site`; pages with another policy never send it.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if origin == "null" and site is None and not null_is_ours:
        raise PageError(403, "other_site")
    if origin not in (None, "null") and origin != public_url and not _is_own_host(request, origin):
        raise PageError(403, "other_site")
    if site not in (None, "same-origin", "none"):
        raise PageError(403, "other_site")


def client_address(request: Request) -> str:
    """What stands for the client when guesses are counted: the IPv4 address, or the /64 network of an IPv6 one."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _is_own_host(request: Request, origin: str) -> bool:
    # A browser sets Host by the address it calls; a page of another site cannot choose it.
    try:
        return bool(urlsplit(origin).netloc) and urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:
        return False


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body.extend(chunk)
        if len(body) > MAX_FORM_BYTES:
            raise PageError(413, "too_large", {"connection": "close"})
    return bytes(body)


async def _multipart(request: Request, body: bytes) -> dict[str, str]:
    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, once(), max_files=0, max_fields=MAX_FIELDS)
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeDecodeError, KeyError):
        raise PageError(400, "bad_form") from None
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}
