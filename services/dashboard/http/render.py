"""Rendering of pages, redirects with notices, and the headers that every page carries."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from itsdangerous import BadSignature, URLSafeSerializer
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.dashboard.domain.bulk_progress import describe_skip_reason, label_counts
from services.dashboard.domain.reachability import default_channel
from services.dashboard.domain.staff import Permission
from services.dashboard.domain.timeline import format_entry
from services.dashboard.http.context import Session, get_context
from services.dashboard.http.forms import form_token
from shared.contracts.explanations import CHANNEL_NAMES, format_moment
from shared.contracts.quiet_hours import zone_of

TEMPLATES_FOLDER = Path(__file__).parent.parent / "templates"
STYLE = (TEMPLATES_FOLDER / "office.css").read_bytes()
SCRIPT = (TEMPLATES_FOLDER / "office.js").read_bytes()
ICON = (TEMPLATES_FOLDER / "icon.svg").read_bytes()
STYLE_TAG, SCRIPT_TAG, ICON_TAG = (hashlib.sha256(asset).hexdigest()[:12] for asset in (STYLE, SCRIPT, ICON))
LIVE_HEADER = "Kinvite-Live"
"""Header of the script's own requests, which leave a notice for the next page view."""
NOTICE_COOKIE = "kinvite_notice"
MAX_NOTICE_LENGTH = 600
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}

STATUS_LABELS = {
    "not_invited": "Not invited",
    "awaiting_verification": "Waiting for the address",
    "invited": "Invited",
    "signed_up": "Signed Up",
    "declined": "Declined",
    "expired": "Expired",
    "withdrawn": "Withdrawn",
    "blocked": "No access",
}
DELIVERY_LABELS = {
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


def _create_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        Permission=Permission,
        style_tag=STYLE_TAG,
        script_tag=SCRIPT_TAG,
        icon_tag=ICON_TAG,
        STATUS_LABELS=STATUS_LABELS,
        DELIVERY_LABELS=DELIVERY_LABELS,
        CHANNEL_NAMES=CHANNEL_NAMES,
        default_channel=default_channel,
    )
    environment.filters.update(
        moment=_format_moment,
        entry_text=format_entry,
        skip_reason=describe_skip_reason,
        labelled=label_counts,
    )
    return environment


def _format_moment(at: datetime | None, timezone: str) -> str:
    return format_moment(at, zone_of(timezone))


TEMPLATES = _create_environment()


def render_page(
    request: Request, template: str, session: Session | None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Return a page, with the notice of the last form if there is one, which is shown once.

    A GET page of a school is live: its script keeps the marked parts up to date, for one parent if `only` is set.
    """
    context = get_context(request)
    values.setdefault("school", None)
    values.setdefault("tab", None)
    values.setdefault("refresh_seconds", None)
    values.setdefault("only", None)
    html = TEMPLATES.get_template(template).render(
        staff=session.staff if session else None,
        form_token=form_token(context.secret, session.id) if session else "",
        live=bool(session and values["school"] and request.method == "GET"),
        path=request.url.path,
        channels=context.settings.usable_channels,
        notice=_read_notice(request),
        **values,
    )
    response = HTMLResponse(html, status, headers={**SECURITY_HEADERS, "Cache-Control": "no-store"})
    if NOTICE_COOKIE in request.cookies and LIVE_HEADER not in request.headers:
        response.delete_cookie(NOTICE_COOKIE, path="/admin")
    return response


def redirect(request: Request, path: str, notice: str | None = None, *, bad: bool = False) -> Response:
    """Return a redirect (303) to the path, with a notice for that page."""
    response = RedirectResponse(path, 303, headers={**SECURITY_HEADERS, "Cache-Control": "no-store"})
    if notice is not None:
        context = get_context(request)
        value = ["bad" if bad else "good", notice[:MAX_NOTICE_LENGTH]]
        response.set_cookie(
            NOTICE_COOKIE,
            str(_notice_serializer(context.secret).dumps(value)),
            max_age=60,
            path="/admin",
            httponly=True,
            samesite="lax",
            secure=context.settings.secure,
        )
    return response


def _read_notice(request: Request) -> tuple[str, str] | None:
    """Return kind (`good` or `bad`) and text of the notice in the cookie, or None."""
    serializer = _notice_serializer(get_context(request).secret)
    try:
        kind, text = serializer.loads(request.cookies.get(NOTICE_COOKIE, ""))
    except (BadSignature, ValueError):
        return None
    return str(kind), str(text)


def _notice_serializer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="dashboard.notice")
