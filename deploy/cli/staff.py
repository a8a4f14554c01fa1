"""Command group `admin`: staff who sign in to the dashboard. It works on the installation's database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.cli.output import FAILED, AsJson, Failure, print_fields, print_rows
from deploy.cli.services import run_with_database
from services.dashboard.domain.role_changes import StaffError
from services.dashboard.domain.staff import Role, Schools, Staff, assign_role
from services.dashboard.use_cases.staff_admin import (
    add_staff_member,
    change_role,
    end_access,
    find_staff_member,
    list_staff,
    reset_password,
)
from services.dashboard.views.tokens import count_valid_tokens
from shared.runtime.database import Database

SomeSchools = Annotated[
    list[UUID] | None,
    typer.Option("--school", "-s", help="Id of a school; repeatable. Left out: all schools."),
]
Email = Annotated[str, typer.Argument(help="Address with which the person signs in.")]
admin_group = typer.Typer(help="Staff who sign in to the dashboard.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.add_typer(admin_group, name="admin")


@admin_group.command("add", epilog="Example: kinvite admin add office@hill.example --role front_desk")
def add(
    email: Email,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.ADMIN,
    school: SomeSchools = None,
    as_json: AsJson = False,
) -> None:
    """Add somebody. The password is shown once."""

    async def work(database: Database) -> dict[str, Any]:
        added = await add_staff_member(database, None, email, assign_role(role, _to_schools(school)))
        return {"email": added.staff.email, "role": role.value, "password": added.password}

    print_fields(_run(work), as_json=as_json)


@admin_group.command("list", epilog="Example: kinvite admin list --json")
def list_all(as_json: AsJson = False) -> None:
    """List everybody with their roles, a line for each."""

    async def work(database: Database) -> list[dict[str, Any]]:
        return [
            {
                "email": member.email,
                "role": role.value,
                "school": school_id or "all",
                "staff_id": member.staff_id,
            }
            for member in await list_staff(database, None)
            for school_id, role in member.roles.items()
        ]

    columns = ("email", "role", "school", "staff_id")
    print_rows(run_with_database("dashboard", work), columns, as_json=as_json, empty="Nobody can sign in.")


@admin_group.command(
    "role", epilog="Example: kinvite admin role office@hill.example --role viewer -s 0199a1c2-…"
)
def give_role(
    email: Email,
    role: Annotated[Role, typer.Option(help="What they may do from now on.")],
    school: SomeSchools = None,
    as_json: AsJson = False,
) -> None:
    """Give somebody another role in some schools, or in all schools in place of every other role, at once.

    A change that opens another school or makes an owner sets a new password, because others may know the old one.
    """

    async def work(database: Database) -> dict[str, Any]:
        member = await _get_member(database, email)
        change = await change_role(database, None, member.staff_id, role, _to_schools(school))
        password = {"password": change.password} if change and change.password else {}
        return {**_describe(change.staff if change else None), **password}

    print_fields(_run(work), as_json=as_json)


@admin_group.command("end", epilog="Example: kinvite admin end office@hill.example")
def end(email: Email, school: SomeSchools = None, as_json: AsJson = False) -> None:
    """End somebody's roles in these schools. With the last role, all sessions and open pages end at once.

    Tokens that the person made stay valid and are counted here: `kinvite token list` shows them.
    """

    async def work(database: Database) -> dict[str, Any]:
        member = await _get_member(database, email)
        fields = _describe(await end_access(database, None, member.staff_id, _to_schools(school)))
        async with database.transaction() as tx:
            return {**fields, "valid_tokens_made": await count_valid_tokens(tx, member.actor)}

    print_fields(_run(work), as_json=as_json)


@admin_group.command("password", epilog="Example: kinvite admin password office@hill.example")
def password(email: Email, as_json: AsJson = False) -> None:
    """Give somebody a new password, shown once. Whoever is signed in with the old one is signed out."""

    async def work(database: Database) -> dict[str, Any]:
        member = await _get_member(database, email)
        return {"email": member.email, "password": await reset_password(database, member.staff_id)}

    print_fields(_run(work), as_json=as_json)


def _run(work: Callable[[Database], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    try:
        return run_with_database("dashboard", work)
    except StaffError as error:
        raise Failure(error.message, FAILED) from None


async def _get_member(database: Database, email: str) -> Staff:
    member = await find_staff_member(database, email)
    if member is None:
        raise Failure(f"Nobody signs in with {email}; `kinvite admin list` names everybody.", FAILED)
    return member


def _to_schools(school_ids: list[UUID] | None) -> Schools:
    return frozenset(school_ids) if school_ids else None


def _describe(member: Staff | None) -> dict[str, Any]:
    if member is None:
        raise Failure("Somebody else ended this account just now.", FAILED)
    roles = [f"{role.value} in {school_id or 'all schools'}" for school_id, role in member.roles.items()]
    return {"email": member.email, "roles": "; ".join(roles) or "none: out, and signed out everywhere"}
