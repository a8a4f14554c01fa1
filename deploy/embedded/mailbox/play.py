"""Recipients who behave badly, and phones that answer: by page and by API."""

from typing import Annotated

from fastapi import FastAPI, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from deploy.embedded.mailbox.reports import Reporter
from deploy.embedded.mailbox.state import Behaviour, Play, State
from deploy.embedded.mailbox.store import Channel
from shared.runtime.web import Problem

PAGE = "/mailbox/behaviours"
EXPLAINED: dict[Behaviour, tuple[str, str]] = {
    "refuse": (
        "The mail server says at once that there is no such mailbox.",
        "The number is no mobile number.",
    ),
    "bounce": (
        "The mail is taken in and comes back at once.",
        "Taken over, then reported as undelivered (30005).",
    ),
    "delay": ("Refused for the moment (greylisting).", "Taken over, then reported as held up (30001)."),
    "throttle": ("The whole server asks for a pause.", "The provider answers 429: too many requests."),
    "hang": ("The mail server stops answering.", "The provider stops answering."),
    "drop": (
        "Taken in, but the line breaks before the answer.",
        "Taken over, but the line breaks before the answer.",
    ),
    "silent": (
        "Nothing: a mail server reports nothing.",
        "Delivered, but nobody reports it; Kinvite asks after ten minutes.",
    ),
    "stop": ("Nothing: people answer mails elsewhere.", "Delivered, and answered with STOP."),
}
Address = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^\s\x00]+$")]


class BehaviourBody(BaseModel):
    """How a recipient behaves from now on."""

    to: Address = Field(description="an e-mail address, or a number with + and country code")
    behaviour: Behaviour
    times: int | None = Field(None, ge=1, le=1_000, description="how often; left out: until it is taken back")
    code: int | None = Field(
        None,
        ge=10_000,
        le=999_999,
        description="another provider code, for refuse, bounce and delay of a text",
    )


class BehaviourList(BaseModel):
    """All of them; there is never a second page."""

    items: list[BehaviourBody]
    next: None = None


class ReplyBody(BaseModel):
    """The owner of a number writes back."""

    to: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$", description="whose phone it is")
    channel: Channel = "sms"
    text: str = Field(min_length=1, max_length=1_600)


def add_play(
    app: FastAPI, state: State, reporter: Reporter, templates: Jinja2Templates, headers: dict[str, str]
) -> None:
    """The routes on the mailbox's app."""
    _add_json_routes(app, state, reporter)
    _add_pages(app, state, reporter, templates, headers)


def _add_json_routes(app: FastAPI, state: State, reporter: Reporter) -> None:
    @app.get("/mailbox/v1/behaviours")
    async def list_behaviours() -> BehaviourList:
        return BehaviourList(items=[_body(play) for play in state.plays()])

    @app.post("/mailbox/v1/behaviours", status_code=201)
    async def set_behaviour(body: BehaviourBody) -> BehaviourBody:
        state.set(Play(body.to, body.behaviour, body.times, body.code))
        return body

    @app.delete("/mailbox/v1/behaviours", status_code=204)
    async def forget_behaviours(
        to: Annotated[str | None, Query(description="whose; left out: everybody's")] = None,
    ) -> Response:
        state.forget(to.replace(" ", "+") if to is not None else None)
        return Response(status_code=204)

    @app.post("/mailbox/v1/replies", status_code=202)
    async def reply(body: ReplyBody) -> ReplyBody:
        await _reply(state, reporter, body)
        return body


def _add_pages(
    app: FastAPI, state: State, reporter: Reporter, templates: Jinja2Templates, headers: dict[str, str]
) -> None:
    @app.get(PAGE, response_class=HTMLResponse)
    async def show_behaviours(request: Request, to: str = "") -> HTMLResponse:
        context = {"plays": state.plays(), "explained": EXPLAINED, "to": to}
        return templates.TemplateResponse(request, "behaviours.html", context, headers=headers)

    @app.post(PAGE)
    async def post_behaviour(
        request: Request,
        to: Annotated[Address, Form()],
        behaviour: Annotated[Behaviour, Form()],
        times: Annotated[str, Form(pattern=r"^[0-9]{0,3}$")] = "",
    ) -> Response:
        _ours(request)
        state.set(Play(to, behaviour, max(1, int(times)) if times else None))
        return RedirectResponse(PAGE, 303)

    @app.post(f"{PAGE}/forget")
    async def post_forget(request: Request, to: Annotated[str, Form()]) -> Response:
        _ours(request)
        state.forget(to)
        return RedirectResponse(PAGE, 303)

    @app.post("/mailbox/replies")
    async def post_reply(request: Request, body: Annotated[ReplyBody, Form()]) -> Response:
        _ours(request)
        await _reply(state, reporter, body)
        return RedirectResponse("/mailbox", 303)


async def _reply(state: State, reporter: Reporter, body: ReplyBody) -> None:
    written = next((copy for copy in state.copies(body.to, 50) if copy.channel == body.channel), None)
    if written is None:
        raise Problem(404, "nothing_to_answer", "No message went to this number on this channel.", field="to")
    if not await reporter.reply(body.to, body.channel, written.sender, body.text):
        raise Problem(503, "not_heard", "Kinvite does not take the reply at the moment; please try again.")


def _ours(request: Request) -> None:
    """A form of another site may not play with the mailbox. Raises Problem 403."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Problem(403, "cross_site", "Use the mailbox's own page.")


def _body(play: Play) -> BehaviourBody:
    return BehaviourBody(to=play.to, behaviour=play.behaviour, times=play.times, code=play.code)
