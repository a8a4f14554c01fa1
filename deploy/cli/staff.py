"""admin: the office's people, who sign in to the dashboard. On the installation's database."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.cli.outcome import FAILED, AsJson, Failure, show, show_one
from deploy.cli.services import in_database
from services.dashboard.domain.office import OfficeError
from services.dashboard.domain.staff import Role, Schools, Staff, roles_in
from services.dashboard.service.office import (
    add_person,
    colleagues,
    end_work,
    find_person,
    give_role,
    new_password,
)
from services.dashboard.views.tokens import count_valid
from shared.runtime.database import Database

SomeSchools = Annotated[
    list[UUID] | None,
    typer.Option("--school", "-s", help="Id of a school; repeatable. Left out: all schools."),
]
Email = Annotated[str, typer.Argument(help="What they sign in with.")]
group = typer.Typer(help="Staff who sign in to the dashboard.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.add_typer(group, name="admin")


@group.command("add", epilog="Example: kinvite admin add office@hill.example --role front_desk")
def add(
    email: Email,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.ADMIN,
    school: SomeSchools = None,
    as_json: AsJson = False,
) -> None:
    """Add somebody. The password is shown once."""

    async def work(database: Database) -> dict[str, Any]:
        added = await add_person(database, None, email, roles_in(role, _schools(school)))
        return {"email": added.staff.email, "role": role.value, "password": added.password}

    show_one(_done(work), as_json=as_json)


@group.command("list", epilog="Example: kinvite admin list --json")
def list_all(as_json: AsJson = False) -> None:
    """List everybody with their roles, a line for each."""

    async def work(database: Database) -> list[dict[str, Any]]:
        return [
            {"email": one.email, "role": role.value, "school": school_id or "all", "staff_id": one.staff_id}
            for one in await colleagues(database, None)
            for school_id, role in one.roles.items()
        ]

    columns = ("email", "role", "school", "staff_id")
    show(in_database("dashboard", work), columns, as_json=as_json, empty="Nobody can sign in.")


@group.command("role", epilog="Example: kinvite admin role office@hill.example --role viewer -s 0199a1c2-…")
def change_role(
    email: Email,
    role: Annotated[Role, typer.Option(help="What they may do from now on.")],
    school: SomeSchools = None,
    as_json: AsJson = False,
) -> None:
    """Give somebody another role, in some schools or (in place of every other) in all. It holds at once.

    What opens another school, or makes an owner, comes with a new password: the old one may be known to others.
    """

    async def work(database: Database) -> dict[str, Any]:
        member = await _member(database, email)
        given = await give_role(database, None, member.staff_id, role, _schools(school))
        password = {"password": given.password} if given and given.password else {}
        return {**_shown(given.staff if given else None), **password}

    show_one(_done(work), as_json=as_json)


@group.command("end", epilog="Example: kinvite admin end office@hill.example")
def end(email: Email, school: SomeSchools = None, as_json: AsJson = False) -> None:
    """Somebody leaves: no role is left in these schools. With the last one go sessions and open pages, at once.

    Tokens that the person made go on, and are counted here: `kinvite token list` shows them.
    """

    async def work(database: Database) -> dict[str, Any]:
        member = await _member(database, email)
        shown = _shown(await end_work(database, None, member.staff_id, _schools(school)))
        async with database.transaction() as tx:
            return {**shown, "valid_tokens_made": await count_valid(tx, member.actor)}

    show_one(_done(work), as_json=as_json)


@group.command("password", epilog="Example: kinvite admin password office@hill.example")
def password(email: Email, as_json: AsJson = False) -> None:
    """Give somebody a new password, shown once. Whoever is signed in with the old one is signed out."""

    async def work(database: Database) -> dict[str, Any]:
        member = await _member(database, email)
        return {"email": member.email, "password": await new_password(database, member.staff_id)}

    show_one(_done(work), as_json=as_json)


def _done(work: Any) -> dict[str, Any]:
    try:
        done: dict[str, Any] = in_database("dashboard", work)
    except OfficeError as error:
        raise Failure(error.message, FAILED) from None
    return done


async def _member(database: Database, email: str) -> Staff:
    member = await find_person(database, email)
    if member is None:
        raise Failure(f"Nobody signs in with {email}; `kinvite admin list` names everybody.", FAILED)
    return member


def _schools(chosen: list[UUID] | None) -> Schools:
    return frozenset(chosen) if chosen else None


def _shown(member: Staff | None) -> dict[str, Any]:
    if member is None:
        raise Failure("Somebody else ended this account just now.", FAILED)
    roles = [f"{role.value} in {school_id or 'all schools'}" for school_id, role in member.roles.items()]
    return {"email": member.email, "roles": "; ".join(roles) or "none: out, and signed out everywhere"}
