"""Signing in, the account page, signing out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.signup.domain.passwords import MAX_LENGTH
from services.signup.http.desk import Desk
from services.signup.http.errors import PageRoute
from services.signup.http.forms import PageError, read_form, refuse_other_sites
from services.signup.service import sessions

LOOK = ["GET", "HEAD"]
_SAME_ORIGIN = {"referrer-policy": "same-origin"}


def account_routes(desk: Desk) -> APIRouter:
    """`/login`, `/account`, `/account/sign-out`."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    cookie = "__Host-kinvite_parent" if desk.settings.secure else "kinvite_parent"

    @router.api_route("/login", methods=LOOK)
    async def show_login(request: Request) -> Response:
        return _login_page(desk, request)

    @router.post("/login")
    async def press_login(request: Request) -> Response:
        refuse_other_sites(request, desk.settings.public_url, null_is_ours=False)
        form = await read_form(request)
        return await _sign_in(desk, request, form, cookie)

    @router.api_route("/account", methods=LOOK)
    async def show_account(request: Request) -> Response:
        secret = request.cookies.get(cookie, "")
        async with desk.database.transaction(schools=sessions.schools_of(secret)) as transaction:
            account = await sessions.find_signed_in(transaction, secret)
        if account is None:
            return _to("/login")
        token = sessions.form_token(secret)
        return desk.pages.render(
            request, "account.html", language=account.language, account=account, form_token=token
        )

    @router.post("/account/sign-out")
    async def sign_out(request: Request) -> Response:
        refuse_other_sites(request, desk.settings.public_url)
        secret = request.cookies.get(cookie, "")
        form = await read_form(request)
        if not sessions.form_token_is_right(secret, form.get("form_token", "")):
            raise PageError(403, "other_site")
        async with desk.database.transaction(schools=()) as transaction:
            await sessions.sign_out(transaction, secret)
        response = _to("/login")
        response.delete_cookie(cookie, secure=desk.settings.secure, httponly=True, samesite="lax")
        return response

    return router


async def _sign_in(desk: Desk, request: Request, form: dict[str, str], cookie: str) -> Response:
    username, password = form.get("username", ""), form.get("password", "")[: MAX_LENGTH + 1]
    await desk.brake_passwords(request, username)
    async with desk.database.transaction(schools=()) as transaction:
        found = await sessions.find_credentials(transaction, username)
    account_id, password_hash = found or (None, None)
    right = await desk.passwords.matches(password_hash, password)
    if not right or account_id is None:
        await desk.count_wrong_guess(request)
        return _login_page(desk, request, 422, username=username, wrong=True)
    await desk.forgive_password(request, username)
    days, previous = desk.settings.session_lifetime_days, request.cookies.get(cookie)
    async with desk.database.transaction(schools=()) as transaction:
        secret = await sessions.sign_in(transaction, account_id, lifetime_days=days, previous=previous)
    response = _to("/account")
    secure = desk.settings.secure
    response.set_cookie(cookie, secret, max_age=days * 86_400, secure=secure, httponly=True, samesite="lax")
    return response


def _login_page(
    desk: Desk, request: Request, status: int = 200, *, username: str = "", wrong: bool = False
) -> Response:
    return desk.pages.render(
        request, "login.html", status, headers=_SAME_ORIGIN, username=username[:200], wrong=wrong
    )


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, {"cache-control": "no-store"})
