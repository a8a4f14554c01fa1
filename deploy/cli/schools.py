"""Command group `school`: schools of an installation."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from deploy.cli.api import Api
from deploy.cli.connection import Token, Url, get_school_id, run_with_api
from deploy.cli.output import AsJson, print_fields, print_rows

COLUMNS = ("school_id", "name", "country", "language", "timezone", "credentials_mode")
Mode = Annotated[
    str, typer.Option(help="self_service (parents choose) or issued (the school gives usernames).")
]
school_group = typer.Typer(help="Schools: add, list, show.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.add_typer(school_group, name="school")


@school_group.command("list", epilog="Example: kinvite school list --json")
def list_schools(url: Url = None, token: Token = None, as_json: AsJson = False) -> None:
    """List schools."""

    async def work(api: Api) -> list[Any]:
        return [school async for school in api.list_items("/roster/v1/schools")]

    print_rows(run_with_api(url, token, work), COLUMNS, as_json=as_json, empty="There is no school yet.")


@school_group.command(
    "add", epilog='Example: kinvite school add "Hill School" --country DE --timezone Europe/Berlin'
)
def add_school(
    name: Annotated[str, typer.Argument(help="Its name, as parents know it.")],
    country: Annotated[str, typer.Option(help="Two letters; phone numbers are read with it.")],
    language: Annotated[
        str, typer.Option(help="Language of messages to parents who have none of their own.")
    ] = "en",
    timezone: Annotated[str, typer.Option(help="Time zone of the school, also for quiet hours.")] = "UTC",
    mode: Mode = "self_service",
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Register a school."""
    body = {
        "name": name,
        "country": country,
        "language": language,
        "timezone": timezone,
        "credentials_mode": mode,
    }
    print_fields(run_with_api(url, token, lambda api: api.post("/roster/v1/schools", body)), as_json=as_json)


@school_group.command("show", epilog='Example: kinvite school show "Hill School"')
def show_school(
    school: Annotated[
        str | None, typer.Argument(help="Id or name; may be left out when there is only one.")
    ] = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show a school with its settings."""

    async def work(api: Api) -> Any:
        return await api.get(f"/roster/v1/schools/{await get_school_id(api, school)}")

    print_fields(run_with_api(url, token, work), as_json=as_json)
