"""Command group `token`: tokens of API clients. It works on the installation's database, with its secret."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.cli.output import FAILED, AsJson, Failure, print_fields, print_rows
from deploy.cli.services import get_auth_secret, run_in_transaction, run_with_database
from services.dashboard.domain.api_tokens import MAX_LIFETIME_DAYS, AccessToken, Grant, GrantError
from services.dashboard.use_cases.create_token import OPERATOR, create_token, register_token
from services.dashboard.use_cases.republish_revocations import are_revocations_published
from services.dashboard.use_cases.revoke_token import revoke_token
from services.dashboard.use_cases.wait_for_projection import wait_until
from services.dashboard.views.actors import list_actor_names
from services.dashboard.views.tokens import list_tokens
from shared.runtime.database import Database, Transaction
from shared.runtime.web import Unauthenticated
from shared.runtime.web.bearer_auth import ALL_RIGHTS, TOKEN_PREFIX

MAX_ROWS = 10_000
PUBLISH_TIMEOUT_SECONDS = 5.0
COLUMNS = ("token_id", "name", "state", "rights", "schools", "made_by", "made_at", "expires_at", "revoked_at")
Schools = Annotated[
    list[UUID] | None,
    typer.Option("--school", "-s", help="Id of a school; repeatable. Left out: all schools."),
]
token_group = typer.Typer(help="Tokens of API clients.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.add_typer(token_group, name="token")


@token_group.command("create", hidden=True, epilog="Example: as `kinvite token mint`, which is its name now.")
@token_group.command(
    "mint", epilog="Example: kinvite token mint nightly-import --right roster:write --days 365"
)
def mint(
    name: Annotated[str, typer.Argument(help="Who uses it; events name it as program:NAME.")],
    right: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(sorted(ALL_RIGHTS))}; repeatable.")
    ] = None,
    school: Schools = None,
    days: Annotated[
        int, typer.Option(min=1, max=MAX_LIFETIME_DAYS, help="How long it is valid.")
    ] = MAX_LIFETIME_DAYS,
    as_json: AsJson = False,
) -> None:
    """Mint a token. It is shown once and not stored."""
    rights = frozenset(right or ())
    if not rights or rights - ALL_RIGHTS:
        raise typer.BadParameter(f"name at least one --right of {', '.join(sorted(ALL_RIGHTS))}")
    grant = Grant(name, rights, frozenset(school) if school else None, days)
    secret = get_auth_secret()

    async def work(tx: Transaction) -> tuple[AccessToken, str]:
        return await create_token(tx, secret, grant, OPERATOR)

    try:
        token, text = run_in_transaction("dashboard", work)
    except GrantError as error:
        raise Failure(error.message, FAILED) from None
    fields = {"token_id": token.token_id, "name": token.name, "rights": ", ".join(sorted(rights))}
    print_fields({**fields, "expires_at": token.expires_at, "token": text}, as_json=as_json)


@token_group.command("list", epilog="Example: kinvite token list --json")
def list_all(
    everything: Annotated[bool, typer.Option("--all", help="Expired and revoked ones, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List tokens, the newest first. The tokens themselves are not stored."""

    async def work(tx: Transaction) -> list[dict[str, Any]]:
        tokens, _ = await list_tokens(tx, limit=MAX_ROWS)
        names = await list_actor_names(tx, [token.made_by for token in tokens])
        return [_to_row(token, token.state(tx.now).value, names[token.made_by]) for token in tokens]

    rows = run_in_transaction("dashboard", work)
    selected = [row for row in rows if everything or row["state"] == "valid"]
    print_rows(selected, COLUMNS, as_json=as_json, empty="There is no token.")


@token_group.command(
    "revoke",
    epilog="Examples: kinvite token revoke 0199a1c2-…; kinvite token revoke kv1_… (one that leaked, as it is)",
)
def revoke(
    which: Annotated[str, typer.Argument(help="The token's id, or the token itself.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a token at once in every service, together with all tokens that were made with it."""
    secret = get_auth_secret() if which.startswith(TOKEN_PREFIX) else ""

    async def work(database: Database) -> tuple[AccessToken, bool] | None:
        async with database.transaction() as tx:
            token_id = await register_token(tx, secret, which) if secret else UUID(which)
            token = await revoke_token(tx, token_id, OPERATOR) if token_id else None
        return (token, await _wait_until_published(database)) if token else None

    try:
        result = run_with_database("dashboard", work)
    except (ValueError, Unauthenticated):
        result = None
    if result is None:
        raise Failure("There is no such token; `kinvite token list` names them.", FAILED)
    token, is_published = result
    fields = {"token_id": token.token_id, "name": token.name, "revoked_at": token.revoked_at}
    print_fields({**fields, "announced": is_published}, as_json=as_json)
    if not is_published:
        raise Failure(
            "it is revoked, but the broker does not have it yet: every service accepts the token until it does "
            "(does a dashboard run, and Kafka?)",
            FAILED,
        )


async def _wait_until_published(database: Database) -> bool:
    """Return whether the relay publishes the revocation within PUBLISH_TIMEOUT_SECONDS."""

    async def is_published() -> bool:
        async with database.transaction() as tx:
            return await are_revocations_published(tx)

    return await wait_until(is_published, timeout_seconds=PUBLISH_TIMEOUT_SECONDS)


def _to_row(token: AccessToken, state: str, made_by: str) -> dict[str, Any]:
    return {
        "token_id": token.token_id,
        "name": token.name,
        "state": state,
        "rights": ", ".join(sorted(token.rights)),
        "schools": "all" if token.school_ids is None else ", ".join(map(str, token.school_ids)),
        "made_by": made_by,
        "made_at": token.made_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }
