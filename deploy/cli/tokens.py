"""token: tokens for programs that use the API. On the installation's database, with its secret."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.cli.outcome import FAILED, AsJson, Failure, show, show_one
from deploy.cli.services import auth_secret, in_database, in_transaction
from services.dashboard.domain.tokens import AccessToken, Grant, GrantError
from services.dashboard.service.staff import names_of_actors
from services.dashboard.service.tokens import OPERATOR, enter_token, is_announced, mint_token, revoke_token
from services.dashboard.service.waiting import until
from services.dashboard.views.tokens import list_tokens
from shared.runtime.database import Database, Transaction
from shared.runtime.web import Unauthenticated
from shared.runtime.web.bearer_auth import ALL_RIGHTS, TOKEN_PREFIX

MOST = 10_000
ANNOUNCED_WITHIN_SECONDS = 5.0
COLUMNS = ("token_id", "name", "state", "rights", "schools", "made_by", "made_at", "expires_at", "revoked_at")
Schools = Annotated[
    list[UUID] | None,
    typer.Option("--school", "-s", help="Id of a school; repeatable. Left out: all schools."),
]
group = typer.Typer(help="Tokens for programs that use the API.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.add_typer(group, name="token")


@group.command("create", hidden=True, epilog="Example: as `kinvite token mint`, which is its name now.")
@group.command("mint", epilog="Example: kinvite token mint nightly-import --right roster:write --days 365")
def mint(
    name: Annotated[str, typer.Argument(help="Who uses it; events name it as program:NAME.")],
    right: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(sorted(ALL_RIGHTS))}; repeatable.")
    ] = None,
    school: Schools = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="How long it is valid.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. It is shown once and kept nowhere."""
    rights = frozenset(right or ())
    if not rights or rights - ALL_RIGHTS:
        raise typer.BadParameter(f"name at least one --right of {', '.join(sorted(ALL_RIGHTS))}")
    grant = Grant(name, rights, frozenset(school) if school else None, days)
    secret = auth_secret()

    async def work(tx: Transaction) -> tuple[AccessToken, str]:
        return await mint_token(tx, secret, grant, OPERATOR)

    try:
        token, text = in_transaction("dashboard", work)
    except GrantError as error:
        raise Failure(error.message, FAILED) from None
    told = {"token_id": token.token_id, "name": token.name, "rights": ", ".join(sorted(rights))}
    show_one({**told, "expires_at": token.expires_at, "token": text}, as_json=as_json)


@group.command("list", epilog="Example: kinvite token list --json")
def list_all(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List tokens, the newest first. What they look like is kept nowhere."""

    async def work(tx: Transaction) -> list[dict[str, Any]]:
        found, _ = await list_tokens(tx, limit=MOST)
        names = await names_of_actors(tx, [one.made_by for one in found])
        return [_row(one, one.state(tx.now).value, names[one.made_by]) for one in found]

    rows = in_transaction("dashboard", work)
    shown = [row for row in rows if everything or row["state"] == "valid"]
    show(shown, COLUMNS, as_json=as_json, empty="There is no token.")


@group.command(
    "revoke",
    epilog="Examples: kinvite token revoke 0199a1c2-…; kinvite token revoke kv1_… (one that leaked, as it is)",
)
def revoke(
    which: Annotated[str, typer.Argument(help="The token's id, or the token itself.")],
    as_json: AsJson = False,
) -> None:
    """End a token at once, in every service, with what was made with it."""
    secret = auth_secret() if which.startswith(TOKEN_PREFIX) else ""

    async def work(database: Database) -> tuple[AccessToken, bool] | None:
        async with database.transaction() as tx:
            token_id = await enter_token(tx, secret, which) if secret else UUID(which)
            token = await revoke_token(tx, token_id, OPERATOR) if token_id else None
        return (token, await _announced(database)) if token else None

    try:
        done = in_database("dashboard", work)
    except (ValueError, Unauthenticated):
        done = None
    if done is None:
        raise Failure("There is no such token; `kinvite token list` names them.", FAILED)
    token, announced = done
    told = {"token_id": token.token_id, "name": token.name, "revoked_at": token.revoked_at}
    show_one({**told, "announced": announced}, as_json=as_json)
    if not announced:
        raise Failure(
            "it is revoked, but the bus does not have it yet: every service takes the token until it does "
            "(does a dashboard run, and Kafka?)",
            FAILED,
        )


async def _announced(database: Database) -> bool:
    """Whether the relay has taken it to the bus, soon."""

    async def look() -> bool:
        async with database.transaction() as tx:
            return await is_announced(tx)

    return await until(look, seconds=ANNOUNCED_WITHIN_SECONDS)


def _row(token: AccessToken, state: str, made_by: str) -> dict[str, Any]:
    return {
        "token_id": token.token_id,
        "name": token.name,
        "state": state,
        "rights": ", ".join(sorted(token.rights)),
        "schools": "all" if token.school_ids is None else ", ".join(str(one) for one in token.school_ids),
        "made_by": made_by,
        "made_at": token.made_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }
