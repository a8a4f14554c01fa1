"""What routes are given: the database, the owners' APIs, and who is asking."""

from dataclasses import dataclass, field, replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from services.dashboard.channels.owners import Caller, Owners
from services.dashboard.domain.directory import School
from services.dashboard.domain.staff import May, Staff
from services.dashboard.service.live import Watches
from services.dashboard.service.staff import digest_of, staff_of_session
from services.dashboard.settings import Settings
from services.dashboard.views.schools import find_school
from shared.runtime.database import EVERY_SCHOOL, Database, Scope, Transaction
from shared.runtime.web import Principal, Problem, Unauthenticated, requires, school_not_found

bearer = requires("dashboard:read")


@dataclass(frozen=True, slots=True)
class Context:
    """Made once by the composition root and kept at `app.state.dashboard`."""

    settings: Settings
    database: Database
    owners: Owners
    watches: Watches

    @property
    def secret(self) -> str:
        return self.settings.auth_secret.get_secret_value()

    @property
    def session_cookie(self) -> str:
        """Browsers accept the prefix only over https and for the whole origin."""
        return "__Host-kinvite_staff" if self.settings.secure else "kinvite_staff"


def context_of(request: Request) -> Context:
    context: Context = request.app.state.dashboard
    return context


async def _context(request: Request) -> Context:
    return context_of(request)


WithContext = Annotated[Context, Depends(_context)]


class SignInNeeded(Exception):
    """A page was asked for by nobody who is signed in."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in member of staff, and the session id that forms are bound to."""

    staff: Staff
    id: str = field(repr=False)

    def need(self, permission: May) -> None:
        """Raises Problem 403 in words for the page."""
        if not self.staff.may(permission):
            raise Problem(
                403, "not_your_role", "Your role does not include this. Ask an admin of the school."
            )

    @property
    def scope(self) -> Scope:
        """What a transaction for this person is limited to, where the path names no school."""
        return EVERY_SCHOOL if self.staff.school_ids is None else self.staff.school_ids

    def caller(self, school_id: UUID | None, right: str) -> Caller:
        return Caller(self.staff, school_id, right)


async def session_of(request: Request) -> Session:
    """The signed-in staff of a page; raises SignInNeeded."""
    context = context_of(request)
    cookie = request.cookies.get(context.session_cookie, "")
    if cookie:
        async with context.database.transaction(schools=()) as tx:
            staff = await staff_of_session(tx, cookie)
        if staff is not None:
            return Session(replace(staff, here=_here(request)), cookie)
    raise SignInNeeded


def _here(request: Request) -> UUID | None:
    """The school of the path; what is none is for the route to refuse."""
    try:
        return UUID(request.path_params.get("school_id", ""))
    except ValueError:
        return None


SignedIn = Annotated[Session, Depends(session_of)]


async def reader(request: Request, school_id: UUID) -> None:
    """The status view is for a token with dashboard:read, or for staff whose role has the Parents list."""
    caller = await _token_or_staff(request, school_id)
    if isinstance(caller, Session):
        caller.need(May.LIST_PARENTS)


async def watcher(request: Request, school_id: UUID) -> str:
    """The stream is for the same tokens and for all staff of the school: it names no person.

    Answers whose stream it is: the token, or the session.
    """
    caller = await _token_or_staff(request, school_id)
    if isinstance(caller, Session):
        caller.need(May.VIEW)
        return f"session:{digest_of(caller.id)}"
    return f"token:{caller.id}"


async def _token_or_staff(request: Request, school_id: UUID) -> Principal | Session:
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return await bearer(request, authorization)
    try:
        session = await session_of(request)
    except SignInNeeded:
        raise Unauthenticated from None
    if not session.staff.sees(school_id):
        raise school_not_found()
    return session


async def get_school(tx: Transaction, school_id: UUID) -> School:
    """Raises Problem 404 for a school that nobody has registered."""
    school = await find_school(tx, school_id)
    if school is None:
        raise school_not_found()
    return school


async def school_of(school_id: UUID, session: SignedIn, context: WithContext) -> School:
    """The school of a page's path; another school's does not exist for this person."""
    if not session.staff.sees(school_id):
        raise school_not_found()
    async with context.database.transaction(schools=[school_id]) as tx:
        return await get_school(tx, school_id)


OfSchool = Annotated[School, Depends(school_of)]
