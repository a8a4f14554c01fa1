"""Parts of the pages behind links: find the link, show that it is dead, redirect to the result of a submission."""

from __future__ import annotations

import asyncio

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from services.signup.domain.links import Link, LinkState, Purpose
from services.signup.http.context import Context
from services.signup.http.forms import PageError
from services.signup.http.rate_limits import forgive_failure, record_failure
from services.signup.use_cases.find_link import find_link, schools_of_link
from services.signup.use_cases.submit_on_link import DeadLink, Submitted

_RETRY_SECONDS = 0.2


async def get_link(
    context: Context, request: Request, purpose: Purpose, token: str
) -> tuple[Link, LinkState]:
    """Return the link of this token with its present state.

    The message with a link may arrive before the event about it. An unknown link is therefore looked up again until
    `unknown_link_wait_seconds` have passed, so that all unknown links take the same time. Raises PageError 404 if it
    remains unknown, and PageError 429 if the address has requested too many unknown links.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + context.settings.unknown_link_wait_seconds
    link_and_state = await _read_link(context, purpose, token)
    if link_and_state is not None:
        return link_and_state
    await record_failure(context, request)
    while (remaining_seconds := deadline - loop.time()) > 0:
        await asyncio.sleep(min(remaining_seconds, _RETRY_SECONDS))
        if loop.time() < deadline:
            link_and_state = await _read_link(context, purpose, token)
        if link_and_state is not None:
            await forgive_failure(context, request)
            return link_and_state
    raise _unknown_link()


def render_dead_link(context: Context, request: Request, link: Link, state: LinkState) -> Response:
    """Return the page of a dead link in `state`. It contains no names."""
    key = f"dead.used_{link.purpose.value}" if state is LinkState.USED else f"dead.{state.value}"
    return render_dead_page(
        context,
        request,
        key,
        language=link.language,
        offers_fresh=link.can_be_renewed(state),
        offers_sign_in=link.is_signed_up,
    )


def render_dead_page(
    context: Context,
    request: Request,
    key: str,
    *,
    language: str | None,
    offers_fresh: bool = False,
    offers_sign_in: bool = False,
) -> Response:
    """Return a page with status 410, with the texts of `key` and with what the parent can do next."""
    return context.pages.render(
        request,
        "dead.html",
        410,
        language=language,
        key=key,
        offers_fresh=offers_fresh,
        offers_sign_in=offers_sign_in,
    )


async def respond_to_submission(
    context: Context, request: Request, outcome: Submitted | DeadLink
) -> Response:
    """Wait up to `decision_wait_seconds` for the decision, then redirect to the result page.

    The address of the result page contains nothing of the link. A dead link gets its own page; raises PageError 404 if
    it was deleted.
    """
    if isinstance(outcome, DeadLink):
        if outcome.state is LinkState.UNKNOWN:
            raise _unknown_link()
        return render_dead_link(context, request, outcome.link, outcome.state)
    await context.decisions.wait(outcome.submission_id, context.settings.decision_wait_seconds)
    return RedirectResponse(f"/signup/result/{outcome.result_secret}", 303, {"cache-control": "no-store"})


async def _read_link(context: Context, purpose: Purpose, token: str) -> tuple[Link, LinkState] | None:
    async with context.database.transaction(schools=schools_of_link(token)) as tx:
        link = await find_link(tx, purpose, token)
        return None if link is None else (link, link.state(tx.now))


def _unknown_link() -> PageError:
    return PageError(404, "unknown_link")
