"""Sign-in and sign-out of staff."""

from __future__ import annotations

import math
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response
from itsdangerous import BadSignature, URLSafeSerializer

from services.dashboard.domain.role_changes import MAX_EMAIL_LENGTH
from services.dashboard.domain.staff import normalise_email
from services.dashboard.http.context import AppContext, Context, SignedInSession, SignInRequired, get_session
from services.dashboard.http.forms import PlainForm, SignedForm
from services.dashboard.http.render import redirect, render_page
from services.dashboard.use_cases.sign_in import SignedIn, SignInAttempt, TooManyAttempts, sign_in, sign_out
from shared.runtime.core import new_id
from shared.runtime.web import Problem

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
        return render_page(request, "login.html", None, error=None, email="")
    return redirect(request, "/admin/schools")


@router.post("/admin/login")
async def submit(request: Request, context: AppContext, form: PlainForm) -> Response:
    _reject_foreign_form(request)
    email, password = form.text("email"), form.values.get("password", [""])[0]
    if not email or not password or len(email) > MAX_EMAIL_LENGTH or len(password) > MAX_PASSWORD_LENGTH:
        return render_page(
            request, "login.html", None, status=422, error="Enter your e-mail and password.", email=""
        )
    address = request.client.host if request.client else "unknown"
    attempt = SignInAttempt(email, password, address, _read_device(request, context, email))
    lifetime = timedelta(hours=context.settings.session_lifetime_hours)
    match await sign_in(context.database, attempt, lifetime):
        case SignedIn() as signed_in:
            return _start_session(request, context, signed_in)
        case TooManyAttempts(wait):
            minutes = math.ceil(wait / timedelta(minutes=1))
            error = f"Too many wrong passwords. Please wait {minutes} min, then try again."
            response = render_page(request, "login.html", None, status=429, error=error, email=email)
            response.headers["Retry-After"] = str(math.ceil(wait.total_seconds()))
            return response
        case None:
            return render_page(request, "login.html", None, status=401, error=MISMATCH_TEXT, email=email)


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
    device = [str(new_id()), signed_in.staff.email]
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
    return str(device) if owner == normalise_email(email) else None


def _device_serializer(context: Context) -> URLSafeSerializer:
    return URLSafeSerializer(context.secret, salt="dashboard.browser")


def _reject_foreign_form(request: Request) -> None:
    """Raise Problem 403 for a form on another site; before the sign-in there is no session to bind a form to."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Problem(403, "foreign_form", "Open the sign-in page itself and try again.")
