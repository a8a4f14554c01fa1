"""Signing in and out."""

import math
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response
from itsdangerous import BadSignature, URLSafeSerializer

from services.dashboard.domain.staff import fold_email
from services.dashboard.http.context import Context, SignedIn, SignInNeeded, WithContext, session_of
from services.dashboard.http.forms import PlainForm, SignedForm
from services.dashboard.http.render import go, page
from services.dashboard.service.staff import Attempt, Wait, sign_in, sign_out
from services.dashboard.service.staff import SignedIn as Success
from shared.runtime.core import new_id
from shared.runtime.web import Problem

router = APIRouter(include_in_schema=False)
DEVICE = "kinvite_browser"
YEAR_SECONDS = 365 * 24 * 3600
WRONG = "This e-mail and password do not belong together. Please try again."


@router.get("/admin/login")
async def show(request: Request, context: WithContext) -> Response:
    try:
        await session_of(request)
    except SignInNeeded:
        return page(request, "login.html", None, error=None, email="")
    return go(request, "/admin/schools")


@router.post("/admin/login")
async def submit(request: Request, context: WithContext, form: PlainForm) -> Response:
    _refuse_foreign(request)
    email, password = form.text("email"), form.values.get("password", [""])[0]
    if not email or not password or len(email) > 320 or len(password) > 1_000:
        return page(
            request, "login.html", None, status=422, error="Enter your e-mail and password.", email=""
        )
    address = request.client.host if request.client else "unknown"
    attempt = Attempt(email, password, address, _device(request, context, email))
    lifetime = timedelta(hours=context.settings.session_lifetime_hours)
    match await sign_in(context.database, attempt, lifetime):
        case Success() as success:
            return _welcome(request, context, success)
        case Wait(time):
            minutes = math.ceil(time / timedelta(minutes=1))
            error = f"Too many wrong passwords. Please wait {minutes} min, then try again."
            response = page(request, "login.html", None, status=429, error=error, email=email)
            response.headers["Retry-After"] = str(math.ceil(time.total_seconds()))
            return response
        case None:
            return page(request, "login.html", None, status=401, error=WRONG, email=email)


@router.post("/admin/logout")
async def leave(request: Request, context: WithContext, session: SignedIn, form: SignedForm) -> Response:
    async with context.database.transaction(schools=()) as tx:
        await sign_out(tx, session.id)
    response = go(request, "/admin/login")
    response.delete_cookie(context.session_cookie, path="/", secure=context.settings.secure, httponly=True)
    return response


def _welcome(request: Request, context: Context, success: Success) -> Response:
    response = go(request, "/admin/schools")
    secure = context.settings.secure
    response.set_cookie(
        context.session_cookie, success.session, path="/", httponly=True, samesite="lax", secure=secure
    )
    mark = [str(new_id()), success.staff.email]
    response.set_cookie(
        DEVICE,
        str(_marks(context).dumps(mark)),
        max_age=YEAR_SECONDS,
        path="/admin/login",
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return response


def _device(request: Request, context: Context, email: str) -> str | None:
    """The mark that an earlier sign-in of this person left in this browser."""
    try:
        mark, owner = _marks(context).loads(request.cookies.get(DEVICE, ""))
    except (BadSignature, ValueError):
        return None
    return str(mark) if owner == fold_email(email) else None


def _marks(context: Context) -> URLSafeSerializer:
    return URLSafeSerializer(context.secret, salt="dashboard.browser")


def _refuse_foreign(request: Request) -> None:
    """A page of another site cannot sign a browser in (there is no session yet to bind a form to)."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Problem(403, "foreign_form", "Open the sign-in page itself and try again.")
