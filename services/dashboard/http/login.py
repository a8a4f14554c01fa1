"""Sign-in and sign-out of staff."""

from __future__ import annotations

import hashlib
import hmac
import math
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from itsdangerous import BadSignature, URLSafeSerializer

from services.dashboard.domain.role_changes import MAX_EMAIL_LENGTH
from services.dashboard.domain.staff import normalise_email
from services.dashboard.http.context import AppContext, Context, SignedInSession, SignInRequired, get_session
from services.dashboard.http.forms import PlainForm, SignedForm
from services.dashboard.http.render import redirect, render_page
from services.dashboard.use_cases.sign_in import SignedIn, SignInAttempt, TooManyAttempts, sign_in, sign_out
from shared.runtime.core import new_id
from shared.runtime.web import Problem, is_from_other_site

router = APIRouter(include_in_schema=False)
DEVICE_COOKIE = "kinvite_browser"
DEVICE_COOKIE_SECONDS = 365 * 24 * 3600
MAX_PASSWORD_LENGTH = 1_000
MISMATCH_TEXT = "This e-mail and password do not belong together. Please try again."


@router.get("/admin/login")
async def show(request: Request, context: AppContext) -> Response:
    try:
        await get_session(request)
    except SignInRequired:
        return _render_form(request)
    return redirect(request, "/admin/schools")


@router.post("/admin/login")
async def submit(request: Request, context: AppContext, form: PlainForm) -> Response:
    if is_from_other_site(request, context.settings.public_url, accepts_null_origin=False):
        raise Problem(403, "foreign_form", "Open the sign-in page itself and try again.")
    email, password = form.text("email"), form.values.get("password", [""])[0]
    if not email or not password or len(email) > MAX_EMAIL_LENGTH or len(password) > MAX_PASSWORD_LENGTH:
        return _render_form(request, 422, "Enter your e-mail and password.")
    address = request.client.host if request.client else "unknown"
    replaced = request.cookies.get(context.session_cookie)
    attempt = SignInAttempt(email, password, address, _read_device(request, context, email), replaced)
    lifetime = timedelta(hours=context.settings.session_lifetime_hours)
    match await sign_in(context.database, attempt, lifetime):
        case SignedIn() as signed_in:
            return _start_session(request, context, signed_in)
        case TooManyAttempts(wait):
            minutes = math.ceil(wait / timedelta(minutes=1))
            error = f"Too many wrong passwords. Please wait {minutes} min, then try again."
            response = _render_form(request, 429, error, email)
            response.headers["Retry-After"] = str(math.ceil(wait.total_seconds()))
            return response
        case None:
            return _render_form(request, 401, MISMATCH_TEXT, email)


@router.post("/admin/logout")
async def leave(
    request: Request, context: AppContext, session: SignedInSession, form: SignedForm
) -> Response:
    async with context.database.transaction(schools=()) as tx:
        await sign_out(tx, session.id)
    response = redirect(request, "/admin/login")
    response.delete_cookie(context.session_cookie, path="/", secure=context.settings.secure, httponly=True)
    return response


def _start_session(request: Request, context: Context, signed_in: SignedIn) -> Response:
    """Return the redirect to the first page with the session's cookie and that of the device."""
    response = redirect(request, "/admin/schools")
    secure = context.settings.secure
    response.set_cookie(
        context.session_cookie, signed_in.session, path="/", httponly=True, samesite="lax", secure=secure
    )
    device = [str(new_id()), _owner_mark(context, signed_in.staff.email)]
    response.set_cookie(
        DEVICE_COOKIE,
        str(_device_serializer(context).dumps(device)),
        max_age=DEVICE_COOKIE_SECONDS,
        path="/admin/login",
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return response


def _read_device(request: Request, context: Context, email: str) -> str | None:
    """Return the device id that an earlier sign-in of this person stored in the browser, or None."""
    try:
        device, owner = _device_serializer(context).loads(request.cookies.get(DEVICE_COOKIE, ""))
    except (BadSignature, ValueError):
        return None
    return str(device) if owner == _owner_mark(context, normalise_email(email)) else None


def _device_serializer(context: Context) -> URLSafeSerializer:
    return URLSafeSerializer(context.secret, salt="dashboard.browser")


def _owner_mark(context: Context, email: str) -> str:
    """Return what the cookie of a device keeps of an account: a keyed digest, because cookies can be read."""
    return hmac.new(context.secret.encode(), f"device {email}".encode(), hashlib.sha256).hexdigest()


def _render_form(
    request: Request, status: int = 200, error: str | None = None, email: str = ""
) -> HTMLResponse:
    """Return the sign-in page. Its form carries its origin, so that forms of other sites can be refused."""
    response = render_page(request, "login.html", None, status=status, error=error, email=email)
    response.headers["Referrer-Policy"] = "same-origin"
    return response
