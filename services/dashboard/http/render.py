"""Rendering the office's pages, with the headers that every one of them carries."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from itsdangerous import BadSignature, URLSafeSerializer
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.dashboard.domain.reach import CHANNEL_NAMES, first_way
from services.dashboard.domain.rows import zone_of
from services.dashboard.domain.runs import counted, why
from services.dashboard.domain.staff import May
from services.dashboard.domain.timeline import line
from services.dashboard.domain.words import moment
from services.dashboard.http.context import Session, context_of
from services.dashboard.service.staff import form_token

FOLDER = Path(__file__).parent.parent / "templates"
STYLE = (FOLDER / "office.css").read_bytes()
SCRIPT = (FOLDER / "office.js").read_bytes()
ICON = (FOLDER / "icon.svg").read_bytes()
STYLE_TAG, SCRIPT_TAG, ICON_TAG = (hashlib.sha256(asset).hexdigest()[:12] for asset in (STYLE, SCRIPT, ICON))
LIVE_HEADER = "Kinvite-Live"
NOTICE = "kinvite_notice"
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}

STATUS_WORDS = {
    "not_invited": "Not invited",
    "awaiting_verification": "Waiting for the address",
    "invited": "Invited",
    "signed_up": "Signed Up",
    "declined": "Declined",
    "expired": "Expired",
    "withdrawn": "Withdrawn",
    "blocked": "No access",
}
DELIVERY_WORDS = {
    "queued": "About to be sent",
    "deferred": "Waiting for its time",
    "sent": "Sent",
    "delivered": "Delivered",
    "failed_temporary": "Trying again",
    "failed_permanent": "Failed",
    "suppressed": "Takes no messages",
    "unknown": "Unknown",
    "printed": "Printed",
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        May=May,
        style_tag=STYLE_TAG,
        script_tag=SCRIPT_TAG,
        icon_tag=ICON_TAG,
        STATUS_WORDS=STATUS_WORDS,
        DELIVERY_WORDS=DELIVERY_WORDS,
        CHANNEL_NAMES=CHANNEL_NAMES,
        first_way=first_way,
    )
    environment.filters.update(moment=_moment, line=line, why=why, counted=counted)
    return environment


def _moment(at: datetime | None, timezone: str) -> str:
    return moment(at, zone_of(timezone))


TEMPLATES = _environment()


def page(
    request: Request, template: str, session: Session | None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """A page; a notice that the last form left is shown once.

    What a GET of a school shows is live: its script keeps the marked parts up to date (`only`: for one parent).
    """
    context = context_of(request)
    values.setdefault("school", None)
    values.setdefault("tab", None)
    values.setdefault("refresh_seconds", None)
    values.setdefault("only", None)
    html = TEMPLATES.get_template(template).render(
        staff=session.staff if session else None,
        form_token=form_token(context.secret, session.id) if session else "",
        live=bool(session and values["school"] and request.method == "GET"),
        here=request.url.path,
        channels=context.settings.usable_channels,
        notice=_notice(request),
        **values,
    )
    response = HTMLResponse(html, status, headers={**SECURITY_HEADERS, "Cache-Control": "no-store"})
    if NOTICE in request.cookies and LIVE_HEADER not in request.headers:
        response.delete_cookie(NOTICE, path="/admin")
    return response


def go(request: Request, path: str, notice: str | None = None, *, bad: bool = False) -> Response:
    """See the page at `path` next, with a notice on it."""
    response = RedirectResponse(path, 303, headers={**SECURITY_HEADERS, "Cache-Control": "no-store"})
    if notice is not None:
        context = context_of(request)
        response.set_cookie(
            NOTICE,
            str(_serializer(context.secret).dumps(["bad" if bad else "good", notice[:600]])),
            max_age=60,
            path="/admin",
            httponly=True,
            samesite="lax",
            secure=context.settings.secure,
        )
    return response


def _notice(request: Request) -> tuple[str, str] | None:
    try:
        kind, text = _serializer(context_of(request).secret).loads(request.cookies.get(NOTICE, ""))
    except (BadSignature, ValueError):
        return None
    return str(kind), str(text)


def _serializer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="dashboard.notice")
