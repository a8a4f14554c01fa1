"""Page of API tokens: made here and shown once, listed, revoked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.domain.api_tokens import MAX_LIFETIME_DAYS, RIGHTS, Authority, Grant, GrantError
from services.dashboard.domain.staff import Permission, Schools
from services.dashboard.http.context import AppContext, Context, Session, SignedInSession, to_scope
from services.dashboard.http.cursors import Cursor, bad_cursor, next_cursor, parse_cursor
from services.dashboard.http.forms import Form, SignedForm, parse_schools
from services.dashboard.http.render import redirect, render_page
from services.dashboard.http.tokens_api import wait_until_announced
from services.dashboard.use_cases.create_token import create_token
from services.dashboard.use_cases.revoke_token import revoke_token
from services.dashboard.views.actors import list_actor_names
from services.dashboard.views.schools import list_schools
from services.dashboard.views.tokens import list_tokens
from shared.runtime.core import new_id
from shared.runtime.web import Problem

router = APIRouter(prefix="/admin/tokens", include_in_schema=False)
PAGE_SIZE = 50
DAYS = {"30": "30 days", "365": "One year", "1095": "Three years"}
EMPTY_FORM = {"name": "", "rights": [], "school_ids": [], "days": "365"}


@router.get("")
async def show(
    request: Request, context: AppContext, session: SignedInSession, cursor: Cursor = None
) -> Response:
    session.require(Permission.MANAGE_TOKENS)
    return await _render(request, context, session, cursor=cursor)


@router.post("")
async def make(request: Request, context: AppContext, session: SignedInSession, form: SignedForm) -> Response:
    """Make a token. The response is the page itself, because the token's text is stored nowhere for a redirect."""
    session.require(Permission.MANAGE_TOKENS)
    schools = _managed_schools(session)
    try:
        grant, token_id = _parse_grant(form), UUID(form.text("key"))
        async with context.database.transaction(schools=to_scope(schools)) as tx:
            by = Authority(session.staff.actor, schools)
            token, text = await create_token(tx, context.secret, grant, by, token_id=token_id)
    except GrantError as error:
        return await _render(request, context, session, typed=_form_values(form), error=error)
    except ValueError:
        raise Problem(422, "bad_form", "Reload the page and try again.") from None
    return await _render(request, context, session, new_token={"name": token.name, "text": text})


@router.post("/{token_id}/revoke")
async def revoke(
    request: Request, context: AppContext, session: SignedInSession, token_id: UUID, form: SignedForm
) -> Response:
    session.require(Permission.MANAGE_TOKENS)
    schools = _managed_schools(session)
    async with context.database.transaction(schools=to_scope(schools)) as tx:
        token = await revoke_token(tx, token_id, Authority(session.staff.actor, schools))
    if token is None:
        raise Problem(404, "token_not_found", "There is no such token.")
    if await wait_until_announced(request, token_id):
        notice = f"{token.name} is revoked. Every part of the system refuses it."
        return redirect(request, "/admin/tokens", notice)
    late = "The message bus does not answer now; the parts refuse the token as soon as it does."
    return redirect(request, "/admin/tokens", f"{token.name} is revoked here. {late}", bad=True)


async def _render(
    request: Request,
    context: Context,
    session: Session,
    *,
    cursor: str | None = None,
    typed: dict[str, Any] | None = None,
    error: GrantError | None = None,
    new_token: dict[str, str] | None = None,
) -> Response:
    managed = _managed_schools(session)
    async with context.database.transaction(schools=to_scope(managed)) as tx:
        schools = await list_schools(tx, managed)
        try:
            tokens, last_id = await list_tokens(tx, after=parse_cursor(cursor), limit=PAGE_SIZE)
        except LookupError:
            raise bad_cursor() from None
        names = await list_actor_names(tx, [token.made_by for token in tokens])
    return render_page(
        request,
        "tokens.html",
        session,
        status=422 if error else 200,
        tab="tokens",
        tokens=tokens,
        now=tx.now,
        names=names,
        next=next_cursor(last_id),
        schools=schools,
        school_names={school.school_id: school.name for school in schools},
        everywhere=managed is None,
        rights=RIGHTS,
        days=DAYS,
        typed=typed or EMPTY_FORM,
        error=error,
        new_token=new_token,
        key=str(new_id()),
    )


def _managed_schools(session: Session) -> Schools:
    return session.staff.schools_with(Permission.MANAGE_TOKENS)


def _parse_grant(form: Form) -> Grant:
    days = form.text("days")
    if days and not (days.isascii() and days.isdigit() and len(days) < 6):
        raise GrantError("days", "bad_days", "Enter a number of days.")
    rights = frozenset(form.all("rights"))
    return Grant(form.text("name"), rights, parse_schools(form), int(days) if days else MAX_LIFETIME_DAYS)


def _form_values(form: Form) -> dict[str, Any]:
    return {
        "name": form.text("name"),
        "rights": form.all("rights"),
        "school_ids": form.all("school_ids"),
        "days": form.text("days"),
    }
