"""The sign-up form: it keeps the username when something is wrong, and says what."""

from __future__ import annotations

from fastapi import Request, Response

from services.signup.domain.accounts import UsernameProblem, username_key, username_problem
from services.signup.domain.links import Link
from services.signup.domain.passwords import password_problem
from services.signup.http.desk import Desk
from services.signup.service.join import Repeated, UsernameTaken, join_earlier, submit_sign_up
from services.signup.service.passwords import common_passwords
from services.signup.service.verify import Submitted


def join_page(
    desk: Desk,
    request: Request,
    link: Link,
    status: int = 200,
    *,
    username: str = "",
    username_error: str | None = None,
    password_error: str | None = None,
) -> Response:
    """The form; errors are keys of texts."""
    return desk.pages.render(
        request,
        "join.html",
        status,
        language=link.language,
        school=link.school_name,
        username=username[:200],
        username_error=username_error,
        password_error=password_error,
        min_length=desk.settings.password_min_length,
    )


async def sign_up(desk: Desk, request: Request, link: Link, token: str, form: dict[str, str]) -> Response:
    """Check what was typed, hash off the loop, reserve and submit, wait for the decision."""
    username, password = form.get("username", ""), form.get("password", "")
    username_error = username_problem(username)
    password_error = password_problem(
        password,
        username=username,
        min_length=desk.settings.password_min_length,
        common=common_passwords(),
    )
    if username_error or password_error:
        return join_page(
            desk,
            request,
            link,
            422,
            username=username,
            username_error=username_error,
            password_error=password_error,
        )
    password_hash = await desk.passwords.hash(password)
    async with desk.database.transaction(schools=[link.school_id]) as transaction:
        outcome = await submit_sign_up(transaction, token, username, password_hash)
    if isinstance(outcome, UsernameTaken):
        taken = UsernameProblem.TAKEN
        return join_page(desk, request, link, 409, username=username, username_error=taken)
    if isinstance(outcome, Repeated):
        outcome = await _join_earlier(desk, outcome, username, password)
    return await desk.after_press(request, outcome)


async def _join_earlier(desk: Desk, earlier: Repeated, username: str, password: str) -> Submitted:
    same_person = earlier.account.username_key == username_key(username) and await desk.passwords.matches(
        earlier.account.password_hash, password
    )
    school_id = earlier.submission.school_id
    async with desk.database.transaction(schools=[school_id]) as transaction:
        return await join_earlier(transaction, earlier, same_person=same_person)
