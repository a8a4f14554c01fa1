"""The page of programs' tokens: made here and shown once, listed, revoked."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.domain.staff import May, Schools
from services.dashboard.domain.tokens import RIGHTS, Authority, Grant, GrantError
from services.dashboard.http.context import Context, Session, SignedIn, WithContext
from services.dashboard.http.cursors import Cursor, after, bad_cursor
from services.dashboard.http.forms import Form, SignedForm, chosen_schools
from services.dashboard.http.render import go, page
from services.dashboard.http.tokens_api import announced
from services.dashboard.service.staff import names_of_actors
from services.dashboard.service.tokens import mint_token, revoke_token
from services.dashboard.views.schools import list_schools
from services.dashboard.views.tokens import list_tokens
from shared.runtime.core import new_id
from shared.runtime.database import EVERY_SCHOOL, Scope
from shared.runtime.web import Problem, encode_cursor

router = APIRouter(prefix="/admin/tokens", include_in_schema=False)
PER_PAGE = 50
DAYS = {"30": "30 days", "365": "One year", "1095": "Three years", "": "Until it is revoked"}
NOTHING = {"name": "", "rights": [], "school_ids": [], "days": "365"}


@router.get("")
async def show(request: Request, context: WithContext, session: SignedIn, cursor: Cursor = None) -> Response:
    session.need(May.MANAGE_TOKENS)
    return await _page(request, context, session, cursor=cursor)


@router.post("")
async def make(request: Request, context: WithContext, session: SignedIn, form: SignedForm) -> Response:
    """The answer is the page itself, not a redirect: nothing keeps the token for a next one."""
    session.need(May.MANAGE_TOKENS)
    schools = _mine(session)
    try:
        grant, key = _grant(form), UUID(form.text("key"))
        async with context.database.transaction(schools=_scope(schools)) as tx:
            by = Authority(session.staff.actor, schools)
            token, text = await mint_token(tx, context.secret, grant, by, token_id=key)
    except GrantError as error:
        return await _page(request, context, session, typed=_typed(form), error=error)
    except ValueError:
        raise Problem(422, "bad_form", "Reload the page and try again.") from None
    return await _page(request, context, session, made={"name": token.name, "text": text})


@router.post("/{token_id}/revoke")
async def revoke(
    request: Request, context: WithContext, session: SignedIn, token_id: UUID, form: SignedForm
) -> Response:
    session.need(May.MANAGE_TOKENS)
    schools = _mine(session)
    async with context.database.transaction(schools=_scope(schools)) as tx:
        token = await revoke_token(tx, token_id, Authority(session.staff.actor, schools))
    if token is None:
        raise Problem(404, "token_not_found", "There is no such token.")
    if await announced(request, token_id):
        return go(request, "/admin/tokens", f"{token.name} is revoked. Every part of the system refuses it.")
    late = "The message bus does not answer now; the parts refuse the token as soon as it does."
    return go(request, "/admin/tokens", f"{token.name} is revoked here. {late}", bad=True)


async def _page(
    request: Request,
    context: Context,
    session: Session,
    *,
    cursor: str | None = None,
    typed: dict[str, Any] | None = None,
    error: GrantError | None = None,
    made: dict[str, str] | None = None,
) -> Response:
    mine = _mine(session)
    async with context.database.transaction(schools=_scope(mine)) as tx:
        schools = await list_schools(tx, mine)
        try:
            found, following = await list_tokens(tx, after=after(cursor), limit=PER_PAGE)
        except LookupError:
            raise bad_cursor() from None
        names = await names_of_actors(tx, [token.made_by for token in found])
    return page(
        request,
        "tokens.html",
        session,
        status=422 if error else 200,
        tab="tokens",
        tokens=found,
        now=tx.now,
        names=names,
        next=encode_cursor(str(following)) if following else None,
        schools=schools,
        school_names={school.school_id: school.name for school in schools},
        everywhere=mine is None,
        rights=RIGHTS,
        days=DAYS,
        typed=typed or NOTHING,
        error=error,
        made=made,
        key=str(new_id()),
    )


def _mine(session: Session) -> Schools:
    return session.staff.schools_where(May.MANAGE_TOKENS)


def _scope(schools: Schools) -> Scope:
    return EVERY_SCHOOL if schools is None else schools


def _grant(form: Form) -> Grant:
    days = form.text("days")
    if days and not (days.isascii() and days.isdigit() and len(days) < 6):
        raise GrantError("days", "bad_days", "Enter a number of days.")
    rights = frozenset(form.all("rights"))
    return Grant(form.text("name"), rights, chosen_schools(form), int(days) if days else None)


def _typed(form: Form) -> dict[str, Any]:
    return {
        "name": form.text("name"),
        "rights": form.all("rights"),
        "school_ids": form.all("school_ids"),
        "days": form.text("days"),
    }
