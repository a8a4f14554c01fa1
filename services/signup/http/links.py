"""Routes of the pages behind links. GET and HEAD change nothing; a button posts to the address of its page."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.signup.domain.links import Link, LinkState, Purpose
from services.signup.http.context import AppContext, Context
from services.signup.http.errors import PageRoute
from services.signup.http.forms import read_form, refuse_other_sites
from services.signup.http.join import post_sign_up, render_join_form
from services.signup.http.link_pages import get_link, render_dead_link, respond_to_submission
from services.signup.use_cases.request_new_link import request_new_link
from services.signup.use_cases.submit_verification import submit_verification

NEW_LINK_FIELD = "fresh_link"
router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.api_route("/verify", methods=["GET", "HEAD"])
@router.api_route("/join", methods=["GET", "HEAD"])
async def explain_links(request: Request, context: AppContext) -> Response:
    """Explain where links come from."""
    return context.pages.render(request, "message.html", title="explain.title", text="explain.text")


# The token is a path, so that one with a slash in it is an unknown link like any other.
@router.api_route("/verify/{token:path}", methods=["GET", "HEAD"])
async def show_verification(request: Request, context: AppContext, token: str) -> Response:
    """Show the page of a verification link."""
    link, state = await get_link(context, request, Purpose.VERIFY, token)
    if state is not LinkState.LIVE:
        return render_dead_link(context, request, link, state)
    return context.pages.render(request, "verify.html", language=link.language, school=link.school_name)


@router.api_route("/join/{token:path}", methods=["GET", "HEAD"])
async def show_join_form(request: Request, context: AppContext, token: str) -> Response:
    """Show the page of an invitation link."""
    link, state = await get_link(context, request, Purpose.JOIN, token)
    if state is not LinkState.LIVE:
        return render_dead_link(context, request, link, state)
    return render_join_form(context, request, link)


@router.post("/verify/{token:path}")
async def post_verification(request: Request, context: AppContext, token: str) -> Response:
    """Submit the verification, or request a new link."""
    form = await _read_own_form(context, request)
    link, state = await get_link(context, request, Purpose.VERIFY, token)
    if state is not LinkState.LIVE:
        return await _post_dead_link(context, request, link, state, form)
    async with context.database.transaction(schools=[link.school_id]) as tx:
        outcome = await submit_verification(tx, link)
    return await respond_to_submission(context, request, outcome)


@router.post("/join/{token:path}")
async def post_join_form(request: Request, context: AppContext, token: str) -> Response:
    """Submit the sign-up, or request a new link."""
    form = await _read_own_form(context, request)
    link, state = await get_link(context, request, Purpose.JOIN, token)
    if state is not LinkState.LIVE:
        return await _post_dead_link(context, request, link, state, form)
    return await post_sign_up(context, request, link, form)


async def _read_own_form(context: Context, request: Request) -> dict[str, str]:
    refuse_other_sites(request, context.settings.public_url)
    return await read_form(request)


async def _post_dead_link(
    context: Context, request: Request, link: Link, state: LinkState, form: dict[str, str]
) -> Response:
    if NEW_LINK_FIELD not in form or not link.can_be_renewed(state):
        return render_dead_link(context, request, link, state)
    async with context.database.transaction(schools=[link.school_id]) as tx:
        await request_new_link(tx, link)
    return context.pages.render(
        request, "message.html", language=link.language, title="fresh.title", text="fresh.text"
    )
