"""The sign-up form. After a mistake it names the mistake and retains the username."""

from __future__ import annotations

from fastapi import Request, Response

from services.signup.domain.accounts import UsernameProblem, username_key
from services.signup.domain.links import Link
from services.signup.domain.passwords import KnownWords, password_problem
from services.signup.http.context import Context
from services.signup.http.link_pages import respond_to_submission
from services.signup.use_cases.check_username import find_username_problem, username_skeleton
from services.signup.use_cases.hash_passwords import common_passwords
from services.signup.use_cases.submit_on_link import Submitted
from services.signup.use_cases.submit_sign_up import (
    RepeatedSignUp,
    UsernameTaken,
    join_earlier_sign_up,
    submit_sign_up,
)


def render_join_form(
    context: Context,
    request: Request,
    link: Link,
    status: int = 200,
    *,
    username: str = "",
    username_error: str | None = None,
    password_error: str | None = None,
) -> Response:
    """Return the sign-up form. Errors are the keys of their texts."""
    return context.pages.render(
        request,
        "join.html",
        status,
        language=link.language,
        school=link.school_name,
        username=username[:200],
        username_error=username_error,
        password_error=password_error,
        min_length=context.settings.password_min_length,
    )


async def post_sign_up(context: Context, request: Request, link: Link, form: dict[str, str]) -> Response:
    """Check the username and the password, submit the sign-up, and respond when it is decided.

    The password is hashed before the transaction begins.
    """
    username, password = form.get("username", ""), form.get("password", "")
    username_error = find_username_problem(username)
    password_error = password_problem(
        password,
        known_words=KnownWords(
            username=username,
            school_name=link.school_name or "",
            name_words=link.name_words,
            address_words=link.address_words,
            salt=str(link.parent_id),
        ),
        min_length=context.settings.password_min_length,
        common=common_passwords(),
    )
    if username_error or password_error:
        return render_join_form(
            context,
            request,
            link,
            422,
            username=username,
            username_error=username_error,
            password_error=password_error,
        )
    password_hash = await context.passwords.hash(password)
    async with context.database.transaction(schools=[link.school_id]) as tx:
        outcome = await submit_sign_up(tx, link, username, username_skeleton(username), password_hash)
    if isinstance(outcome, UsernameTaken):
        taken = UsernameProblem.TAKEN
        return render_join_form(context, request, link, 409, username=username, username_error=taken)
    if isinstance(outcome, RepeatedSignUp):
        outcome = await _join_earlier(context, outcome, username, password)
    return await respond_to_submission(context, request, outcome)


async def _join_earlier(context: Context, earlier: RepeatedSignUp, username: str, password: str) -> Submitted:
    is_same_person = earlier.account.username_key == username_key(
        username
    ) and await context.passwords.matches(earlier.account.password_hash, password)
    async with context.database.transaction(schools=[earlier.submission.school_id]) as tx:
        return await join_earlier_sign_up(tx, earlier, same_person=is_same_person)
