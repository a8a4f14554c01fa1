"""admin, token: who may work with an installation. Both work on its database or with its secret."""

from __future__ import annotations

import secrets
from typing import Annotated
from uuid import UUID

import typer

from deploy.cli.outcome import AsJson, show_one
from deploy.cli.services import auth_secret, database_of
from deploy.cli.work import run
from services.dashboard.domain.staff import Role
from services.dashboard.service.staff import add_staff
from shared.runtime.auth import ALL_RIGHTS, mint

SECONDS_PER_DAY = 86_400
Schools = Annotated[
    list[UUID] | None,
    typer.Option("--school", "-s", help="Id of a school; repeatable. Left out: all schools."),
]
admins = typer.Typer(help="Staff who sign in to the dashboard.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens for programs that use the API.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.add_typer(admins, name="admin")
    app.add_typer(tokens, name="token")


@admins.command("add", epilog="Example: kinvite admin add office@hill.example --role front_desk")
def add_admin(
    email: Annotated[str, typer.Argument(help="What they sign in with.")],
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.ADMIN,
    school: Schools = None,
    as_json: AsJson = False,
) -> None:
    """Add somebody, or give somebody a new role and password. The password is shown once."""
    if "@" not in email:
        raise typer.BadParameter("use an e-mail address")
    password = secrets.token_urlsafe(15)

    async def work() -> None:
        async with database_of("dashboard") as database:
            await add_staff(database, email, password, role, frozenset(school) if school else None)

    run(work())
    show_one({"email": email, "role": role.value, "password": password}, as_json=as_json)


@tokens.command(
    "create", epilog="Example: kinvite token create nightly-import --right roster:write --days 365"
)
def create_token(
    name: Annotated[str, typer.Argument(help="Who uses it; events name it as the actor.")],
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
    made = mint(
        auth_secret(),
        schools=frozenset(school) if school else None,
        rights=rights,
        actor=name,
        lifetime_seconds=days * SECONDS_PER_DAY if days else None,
    )
    show_one({"name": name, "rights": ", ".join(sorted(rights)), "token": made}, as_json=as_json)
