"""Origin of a form: whether a browser sent it from a page of another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request


def is_from_other_site(request: Request, public_url: str, *, accepts_null_origin: bool = True) -> bool:
    """Return whether the headers of the browser show that the form was sent from another site.

    A client that sends neither `Sec-Fetch-Site` nor `Origin` is not a browser, so nobody can misuse it. Browsers send
    `Origin: null` for forms on our own pages with `Referrer-Policy: no-referrer` (Fetch standard, "append a request
    Origin header"), old browsers without `Sec-Fetch-Site`. Pages with another policy never cause it: their routes set
    `accepts_null_origin` to False.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if origin == "null" and site is None and not accepts_null_origin:
        return True
    if origin not in (None, "null") and origin != public_url and not _is_own_host(request, origin):
        return True
    return site not in (None, "same-origin", "none")


def _is_own_host(request: Request, origin: str) -> bool:
    # The browser derives the Host header from the address that it calls. A page of another site cannot set it.
    try:
        return bool(urlsplit(origin).netloc) and urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:
        return False
