"""Bearer tokens: signed, scoped to schools and rights, verified locally by every service."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Header, Request
from itsdangerous import BadSignature, URLSafeSerializer

from shared.runtime.core.ids import new_id
from shared.runtime.database.school_scope import EVERY_SCHOOL, EverySchool
from shared.runtime.web.problem_details import Problem
from shared.runtime.web.token_revocations import TokenRevocations

Right = Literal[
    "roster:read",
    "roster:write",
    "invitations:read",
    "invitations:write",
    "notifier:read",
    "dashboard:read",
    "admin",
]
ALL_RIGHTS: frozenset[str] = frozenset(
    (
        "roster:read",
        "roster:write",
        "invitations:read",
        "invitations:write",
        "notifier:read",
        "dashboard:read",
        "admin",
    )
)
TOKEN_PREFIX = "kv1_"
# Before the name of a token, so that no name that somebody chose reads as a person, a service or the operator.
API_CLIENT_PREFIX = "program:"
_SALT = "kinvite.access-token"


class Unauthenticated(Problem):
    """401: no token, or one that we did not sign, or one whose time is over."""

    def __init__(self, detail: str = "Send a valid token as 'Authorization: Bearer …'.") -> None:
        super().__init__(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `schools` None means all of the installation.

    `actor` is what events and the audit log name: PROGRAM and the name of the token, or whom a service asks for.
    """

    id: str
    kind: Literal["token", "staff", "service"]
    schools: frozenset[UUID] | None
    rights: frozenset[str]
    actor: str

    def may(self, right: str) -> bool:
        """Whether the right is held; `admin` holds all."""
        return right in self.rights or "admin" in self.rights

    def sees(self, school_id: UUID) -> bool:
        """Whether the school is in scope."""
        return self.schools is None or school_id in self.schools

    @property
    def scope(self) -> frozenset[UUID] | EverySchool:
        """What a transaction for this caller is limited to, where the path names no school."""
        return EVERY_SCHOOL if self.schools is None else self.schools


def mint_token(
    secret: str,
    *,
    schools: frozenset[UUID] | None,
    rights: frozenset[str],
    actor: str,
    kind: Literal["token", "staff", "service"] = "token",
    lifetime_seconds: int | None = None,
    identity: str | None = None,
) -> str:
    """A new token. `lifetime_seconds` None: valid until revoked.

    Idempotency keys belong to a credential: tokens minted anew for one caller share an `identity`.
    """
    claims = {
        "id": identity or str(new_id()),
        "kind": kind,
        "schools": None if schools is None else sorted(str(school) for school in schools),
        "rights": sorted(rights),
        "actor": actor,
        "until": None if lifetime_seconds is None else int(time.time()) + lifetime_seconds,
    }
    return TOKEN_PREFIX + str(URLSafeSerializer(secret, salt=_SALT).dumps(claims))


def verify_token(secret: str, token: str) -> Principal:
    """The principal of a token; raises Unauthenticated."""
    if not token.startswith(TOKEN_PREFIX):
        raise Unauthenticated
    try:
        claims = URLSafeSerializer(secret, salt=_SALT).loads(token.removeprefix(TOKEN_PREFIX))
    except (BadSignature, ValueError):
        raise Unauthenticated from None
    if claims["until"] is not None and claims["until"] <= time.time():
        raise Unauthenticated("This token's time is over.")
    schools, of_program = claims["schools"], claims["kind"] == "token"
    return Principal(
        id=claims["id"],
        kind=claims["kind"],
        schools=None if schools is None else frozenset(UUID(school) for school in schools),
        rights=frozenset(claims["rights"]),
        actor=API_CLIENT_PREFIX + claims["actor"] if of_program else claims["actor"],
    )


def requires(right: Right) -> Callable[..., Awaitable[Principal]]:
    """A dependency that answers the caller, who holds `right`, and for whom the path's `school_id` is in scope.

    401 without a valid token or with a revoked one, 403 without the right, 404 for a school out of scope: it does not
    exist for this caller. 503 before this process knows which tokens are revoked.
    """

    async def principal(
        request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
    ) -> Principal:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated
        caller = verify_token(request.app.state.auth_secret, token.strip())
        await reject_revoked(request, caller)
        if not caller.may(right):
            raise Problem(403, "right_missing", f"This token does not hold the right {right}.")
        school = request.path_params.get("school_id")
        if school is not None:
            _check_school(caller, str(school))
        return caller

    return principal


async def reject_revoked(request: Request, caller: Principal) -> None:
    """Raises Unauthenticated for a token that is revoked by now; routes that read a long body ask again after it.

    Tokens that services make for each other are over within a minute and are in no register.
    """
    if caller.kind == "token":
        revocations: TokenRevocations = request.app.state.revocations
        if await revocations.include(caller.id):
            raise Unauthenticated("This token was revoked.")


def _check_school(caller: Principal, text: str) -> None:
    try:
        school_id = UUID(text)
    except ValueError:
        return  # the route's own validation names the field
    if not caller.sees(school_id):
        raise school_not_found()


def school_not_found() -> Problem:
    """404: no such school for this caller."""
    return Problem(404, "school_not_found", "There is no such school.")


ReadRoster = Annotated[Principal, Depends(requires("roster:read"))]
WriteRoster = Annotated[Principal, Depends(requires("roster:write"))]
ReadInvitations = Annotated[Principal, Depends(requires("invitations:read"))]
WriteInvitations = Annotated[Principal, Depends(requires("invitations:write"))]
ReadNotifier = Annotated[Principal, Depends(requires("notifier:read"))]
ReadDashboard = Annotated[Principal, Depends(requires("dashboard:read"))]
