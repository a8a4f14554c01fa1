"""The pages behind links. Looking changes nothing; a button posts to the same address."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.signup.domain.links import Link, LinkState, Purpose
from services.signup.http.desk import Desk
from services.signup.http.errors import PageRoute
from services.signup.http.forms import read_form, refuse_other_sites
from services.signup.http.join import join_page, sign_up
from services.signup.service.fresh_link import request_fresh_link
from services.signup.service.verify import submit_verification

LOOK = ["GET", "HEAD"]
FRESH_FIELD = "fresh_link"


def link_routes(desk: Desk) -> APIRouter:
    """`/verify/{token}` and `/join/{token}`; bare, they explain where links come from.

    The token is a `path`, so that one with a slash in it is an unknown link like any other.
    """
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.api_route("/verify", methods=LOOK)
    @router.api_route("/join", methods=LOOK)
    async def explain_links(request: Request) -> Response:
        return desk.pages.render(request, "message.html", title="explain.title", text="explain.text")

    @router.api_route("/verify/{token:path}", methods=LOOK)
    async def look_at_verify(request: Request, token: str) -> Response:
        link, state = await desk.find_link(request, Purpose.VERIFY, token)
        return _look(desk, request, link, state)

    @router.api_route("/join/{token:path}", methods=LOOK)
    async def look_at_join(request: Request, token: str) -> Response:
        link, state = await desk.find_link(request, Purpose.JOIN, token)
        return _look(desk, request, link, state)

    @router.post("/verify/{token:path}")
    async def press_verify(request: Request, token: str) -> Response:
        return await _press(desk, request, Purpose.VERIFY, token)

    @router.post("/join/{token:path}")
    async def press_join(request: Request, token: str) -> Response:
        return await _press(desk, request, Purpose.JOIN, token)

    return router


def _look(desk: Desk, request: Request, link: Link, state: LinkState) -> Response:
    if state is not LinkState.LIVE:
        return desk.dead_link(request, link, state)
    if link.purpose is Purpose.JOIN:
        return join_page(desk, request, link)
    return desk.pages.render(request, "verify.html", language=link.language, school=link.school_name)


async def _press(desk: Desk, request: Request, purpose: Purpose, token: str) -> Response:
    refuse_other_sites(request, desk.settings.public_url)
    form = await read_form(request)
    link, state = await desk.find_link(request, purpose, token)
    if state is not LinkState.LIVE:
        if FRESH_FIELD in form and link.offers_fresh(state):
            return await _send_fresh(desk, request, link, token)
        return desk.dead_link(request, link, state)
    if purpose is Purpose.JOIN:
        return await sign_up(desk, request, link, token, form)
    async with desk.database.transaction(schools=[link.school_id]) as transaction:
        outcome = await submit_verification(transaction, token)
    return await desk.after_press(request, outcome)


async def _send_fresh(desk: Desk, request: Request, link: Link, token: str) -> Response:
    async with desk.database.transaction(schools=[link.school_id]) as transaction:
        await request_fresh_link(transaction, link.purpose, token)
    return desk.pages.render(
        request, "message.html", language=link.language, title="fresh.title", text="fresh.text"
    )
