"""Reading of forms, and protection against forms that another site sends."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.formparsers import MultiPartException, MultiPartParser

from shared.runtime.web import is_from_other_site

MAX_FORM_BYTES = 16 * 1024
MAX_FIELDS = 20


class PageError(Exception):
    """An error page: HTTP status, key of its texts (`error.<key>.title`, `error.<key>.text`), and further headers."""

    def __init__(self, status: int, key: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.headers = headers or {}


async def read_form(request: Request) -> dict[str, str]:
    """Return the text fields of the form. The last value of a repeated field counts; a body of another type has none.

    Raises PageError 413 if the body is longer than 16 KiB, and PageError 400 if the form cannot be read.
    """
    body = await _read_body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _parse_multipart(request, body)
    if kind not in ("", "application/x-www-form-urlencoded"):
        return {}
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise PageError(400, "bad_form") from None
    return dict(pairs)


def refuse_other_sites(request: Request, public_url: str, *, accepts_null_origin: bool = True) -> None:
    """Raise PageError 403 for a form that was sent from another site; see `is_from_other_site`."""
    if is_from_other_site(request, public_url, accepts_null_origin=accepts_null_origin):
        raise PageError(403, "other_site")


def client_address(request: Request) -> str:
    """Return the client for which failed attempts are counted: an IPv4 address, or the /64 network of an IPv6 one."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body.extend(chunk)
        if len(body) > MAX_FORM_BYTES:
            raise PageError(413, "too_large", {"connection": "close"})
    return bytes(body)


async def _parse_multipart(request: Request, body: bytes) -> dict[str, str]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, stream(), max_files=0, max_fields=MAX_FIELDS)
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeDecodeError, KeyError):
        raise PageError(400, "bad_form") from None
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}
