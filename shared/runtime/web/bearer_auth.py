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
TOKEN_PREFIX = "kv1_"  # noqa: S105 - it marks a token, and is none
# Precedes the name of a token, so that no name reads as a person, a service or the operator.
API_CLIENT_PREFIX = "program:"
_SALT = "kinvite.access-token"


class Unauthenticated(Problem):
    """Problem 401: no token, one that was not signed here, or one that has expired."""

    def __init__(self, detail: str = "Send a valid token as 'Authorization: Bearer …'.") -> None:
        super().__init__(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Authenticated caller. `schools` is None for all schools of the installation.

    `actor` is the name in events and in the audit log: API_CLIENT_PREFIX and the name of the token, or the person for
    whom a service acts.
    """

    id: str
    kind: Literal["token", "staff", "service"]
    schools: frozenset[UUID] | None
    rights: frozenset[str]
    actor: str

    def may(self, right: str) -> bool:
        """Return whether the caller has the right; `admin` includes all rights."""
        return right in self.rights or "admin" in self.rights

    def sees(self, school_id: UUID) -> bool:
        """Return whether the school is in scope."""
        return self.schools is None or school_id in self.schools

    @property
    def scope(self) -> frozenset[UUID] | EverySchool:
        """Scope of a transaction for this caller, for a path that names no school."""
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
    """Create a token. Without `lifetime_seconds` it is valid until revoked.

    Idempotency keys belong to a credential: tokens created anew for one caller share an `identity`.
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
    """Return the principal of a token. Raises Unauthenticated."""
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
    """Return a dependency that gives the caller, who has `right` and for whom the path's `school_id` is in scope.

    It answers 401 for a missing, invalid or revoked token, 403 without the right, 404 for a school out of scope, which
    does not exist for this caller, and 503 before this process knows which tokens are revoked.
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
    """Raise Unauthenticated if the caller's token has been revoked.

    Routes that read a long body call it again after it.

    Tokens that services create for each other expire within a minute and are in no register.
    """
    if caller.kind == "token":
        revocations: TokenRevocations = request.app.state.revocations
        if await revocations.is_revoked(caller.id):
            raise Unauthenticated("This token was revoked.")


def _check_school(caller: Principal, text: str) -> None:
    try:
        school_id = UUID(text)
    except ValueError:
        return  # the route's own validation names the field
    if not caller.sees(school_id):
        raise school_not_found()


def school_not_found() -> Problem:
    """Return problem 404: no such school for this caller."""
    return Problem(404, "school_not_found", "There is no such school.")


ReadRoster = Annotated[Principal, Depends(requires("roster:read"))]
WriteRoster = Annotated[Principal, Depends(requires("roster:write"))]
ReadInvitations = Annotated[Principal, Depends(requires("invitations:read"))]
WriteInvitations = Annotated[Principal, Depends(requires("invitations:write"))]
ReadNotifier = Annotated[Principal, Depends(requires("notifier:read"))]
