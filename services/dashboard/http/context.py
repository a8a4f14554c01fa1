"""Context of the routes and their dependencies: the signed-in session, the school of the path, and permissions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from services.dashboard.clients.http import Caller
from services.dashboard.clients.services import ServiceClients
from services.dashboard.domain.schools_students import School
from services.dashboard.domain.staff import Permission, Schools, Staff
from services.dashboard.settings import Settings
from services.dashboard.use_cases.live_updates import LiveUpdateSubscriptions
from services.dashboard.use_cases.sign_in import find_signed_in_staff, session_digest
from services.dashboard.views.schools import find_school
from shared.runtime.database import EVERY_SCHOOL, Database, Scope, Transaction
from shared.runtime.web import Principal, Problem, Unauthenticated, requires, school_not_found

bearer = requires("dashboard:read")


@dataclass(frozen=True, slots=True)
class Context:
    """Everything routes work with; the composition root stores it as `app.state.context`."""

    settings: Settings
    database: Database
    clients: ServiceClients
    live_updates: LiveUpdateSubscriptions

    @property
    def secret(self) -> str:
        """Secret with which tokens, forms and cookies are signed."""
        return self.settings.auth_secret.get_secret_value()

    @property
    def session_cookie(self) -> str:
        """Name of the session cookie. Browsers accept the `__Host-` prefix only over https and for the whole origin."""
        return "__Host-kinvite_staff" if self.settings.secure else "kinvite_staff"


def get_context(request: Request) -> Context:
    """Return the context of the app that handles the request."""
    context: Context = request.app.state.context
    return context


async def _get_context(request: Request) -> Context:
    return get_context(request)


AppContext = Annotated[Context, Depends(_get_context)]


class SignInRequired(Exception):
    """A page was requested without a valid session."""


@dataclass(frozen=True, slots=True)
class Session:
    """Signed-in member of staff, and the session id to which forms are bound."""

    staff: Staff
    id: str = field(repr=False)

    def require(self, permission: Permission) -> None:
        """Raise Problem 403 if the role does not include the permission."""
        if not self.staff.may(permission):
            raise Problem(
                403, "not_your_role", "Your role does not include this. Ask an admin of the school."
            )

    @property
    def scope(self) -> Scope:
        """Scope of a transaction for this person where the path names no school."""
        return to_scope(self.staff.school_ids)

    def caller(self, school_id: UUID | None) -> Caller:
        """Return the caller for requests to other services."""
        return Caller(self.staff, school_id)


def to_scope(schools: Schools) -> Scope:
    """Return the scope of a transaction that is limited to these schools (None: every school)."""
    return EVERY_SCHOOL if schools is None else schools


async def get_session(request: Request) -> Session:
    """Return the session of a page. Raises SignInRequired."""
    context = get_context(request)
    cookie = request.cookies.get(context.session_cookie, "")
    if cookie:
        async with context.database.transaction(schools=()) as tx:
            staff = await find_signed_in_staff(tx, cookie)
        if staff is not None:
            return Session(replace(staff, current_school_id=_school_id_of_path(request)), cookie)
    raise SignInRequired


def _school_id_of_path(request: Request) -> UUID | None:
    """Return the school id in the path, or None; a malformed one is rejected by the route."""
    try:
        return UUID(request.path_params.get("school_id", ""))
    except ValueError:
        return None


SignedInSession = Annotated[Session, Depends(get_session)]


async def require_reader(request: Request, school_id: UUID) -> None:
    """Admit to the status view: a token with dashboard:read, or staff whose role includes the Parents list."""
    caller = await _get_token_or_session(request, school_id)
    if isinstance(caller, Session):
        caller.require(Permission.LIST_PARENTS)


async def get_stream_holder(request: Request, school_id: UUID) -> str:
    """Return the holder of a stream, a token or a session.

    The stream contains no names, so it is open to the same tokens and to all staff of the school.
    """
    caller = await _get_token_or_session(request, school_id)
    if isinstance(caller, Session):
        caller.require(Permission.VIEW)
        return f"session:{session_digest(caller.id)}"
    return f"token:{caller.id}"


async def _get_token_or_session(request: Request, school_id: UUID) -> Principal | Session:
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return await bearer(request, authorization)
    try:
        session = await get_session(request)
    except SignInRequired:
        raise Unauthenticated from None
    if not session.staff.can_see(school_id):
        raise school_not_found()
    return session


async def get_school(tx: Transaction, school_id: UUID) -> School:
    """Return the school. Raises Problem 404 if the projection does not have it."""
    school = await find_school(tx, school_id)
    if school is None:
        raise school_not_found()
    return school


async def get_path_school(school_id: UUID, session: SignedInSession, context: AppContext) -> School:
    """Return the school of a page's path. Raises Problem 404 also for a school in which staff have no role."""
    if not session.staff.can_see(school_id):
        raise school_not_found()
    async with context.database.transaction(schools=[school_id]) as tx:
        return await get_school(tx, school_id)


PathSchool = Annotated[School, Depends(get_path_school)]
