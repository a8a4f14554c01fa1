"""Routes of the account: sign in, show the account, sign out."""

from __future__ import annotations

import math
from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.signup.domain.passwords import MAX_LENGTH
from services.signup.http.context import AppContext, Context
from services.signup.http.errors import PageRoute
from services.signup.http.forms import PageError, read_form, refuse_other_sites
from services.signup.http.rate_limits import admit_password
from services.signup.use_cases.admit_sign_in import Admitted, forgive_sign_in
from services.signup.use_cases.digests import form_token, is_form_token
from services.signup.use_cases.sign_in import (
    find_credentials,
    find_signed_in_account,
    remember_browser,
    schools_of_session,
    sign_in,
    sign_out,
)

_SAME_ORIGIN = {"referrer-policy": "same-origin"}
router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.api_route("/login", methods=["GET", "HEAD"])
async def show_login(request: Request, context: AppContext) -> Response:
    """Show the sign-in form."""
    return _render_login(context, request)


@router.post("/login")
async def post_login(request: Request, context: AppContext) -> Response:
    """Sign in with username and password."""
    refuse_other_sites(request, context.settings.public_url, accepts_null_origin=False)
    form = await read_form(request)
    username, password = form.get("username", ""), form.get("password", "")[: MAX_LENGTH + 1]
    admitted = await admit_password(context, request, username)
    if isinstance(admitted, timedelta):
        return _render_wait(context, request, username, admitted)
    async with context.database.transaction(schools=()) as tx:
        credentials = await find_credentials(tx, username)
    account_id, password_hash = credentials or (None, None)
    is_match = await context.passwords.matches(password_hash, password)
    if not is_match or account_id is None:
        return _render_login(context, request, 422, username=username, wrong=True)
    return await _sign_in(context, request, account_id, admitted)


async def _sign_in(context: Context, request: Request, account_id: UUID, admitted: Admitted) -> Response:
    session_days, browser_days = (
        context.settings.session_lifetime_days,
        context.settings.known_browser_lifetime_days,
    )
    cookies = request.cookies
    async with context.database.transaction(schools=()) as tx:
        await forgive_sign_in(tx, admitted)
        previous = cookies.get(context.session_cookie)
        session = await sign_in(tx, account_id, lifetime_days=session_days, previous=previous)
        browser = cookies.get(context.browser_cookie, "")
        browser = await remember_browser(tx, account_id, lifetime_days=browser_days, browser=browser)
    response = _redirect("/account")
    for name, secret, days in (
        (context.session_cookie, session, session_days),
        (context.browser_cookie, browser, browser_days),
    ):
        response.set_cookie(
            name,
            secret,
            max_age=days * 86_400,
            secure=context.settings.secure,
            httponly=True,
            samesite="lax",
        )
    return response


@router.api_route("/account", methods=["GET", "HEAD"])
async def show_account(request: Request, context: AppContext) -> Response:
    """Show the account with its schools and students, or redirect to the sign-in form."""
    secret = request.cookies.get(context.session_cookie, "")
    async with context.database.transaction(schools=schools_of_session(secret)) as tx:
        account = await find_signed_in_account(tx, secret)
    if account is None:
        return _redirect("/login")
    return context.pages.render(
        request, "account.html", language=account.language, account=account, form_token=form_token(secret)
    )


@router.post("/account/sign-out")
async def post_sign_out(request: Request, context: AppContext) -> Response:
    """End the session. Raises PageError 403 if the form does not carry the session's token."""
    refuse_other_sites(request, context.settings.public_url)
    secret = request.cookies.get(context.session_cookie, "")
    form = await read_form(request)
    if not is_form_token(secret, form.get("form_token", "")):
        raise PageError(403, "other_site")
    async with context.database.transaction(schools=()) as tx:
        await sign_out(tx, secret)
    response = _redirect("/login")
    response.delete_cookie(
        context.session_cookie, secure=context.settings.secure, httponly=True, samesite="lax"
    )
    return response


def _render_login(
    context: Context, request: Request, status: int = 200, *, username: str = "", wrong: bool = False
) -> Response:
    return context.pages.render(
        request,
        "login.html",
        status,
        headers=_SAME_ORIGIN,
        username=username[:200],
        wrong=wrong,
        wait_seconds=0,
    )


def _render_wait(context: Context, request: Request, username: str, wait: timedelta) -> Response:
    seconds = max(math.ceil(wait.total_seconds()), 2)  # the text is in the plural
    return context.pages.render(
        request,
        "login.html",
        429,
        headers={**_SAME_ORIGIN, "retry-after": str(seconds)},
        username=username[:200],
        wrong=False,
        wait_seconds=seconds,
    )


def _redirect(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, {"cache-control": "no-store"})
