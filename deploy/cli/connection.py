"""Choice of the installation for a command: by option, by environment, or the one whose data directory is here."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from deploy.cli.api import Api, connect
from deploy.cli.output import CONFIGURATION, FAILED, Failure
from shared.runtime.web import mint_token
from shared.runtime.web.bearer_auth import ALL_RIGHTS

AUTH_SECRET = "KINVITE_AUTH_SECRET"  # noqa: S105 - the name of a variable
TOKEN_LIFETIME_SECONDS = 3_600
ROOT = Path(__file__).parents[2]
T = TypeVar("T")
Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="KINVITE_URL", help="Address of Kinvite; left out: that in credentials.json."
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="KINVITE_TOKEN",
        help="API token; left out: that in credentials.json.",
        show_envvar=True,
    ),
]
School = Annotated[
    str | None,
    typer.Option("--school", "-s", help="Id or name of the school; may be left out when there is only one."),
]


@dataclass(frozen=True)
class Target:
    """Base URL of an installation and an API token for it."""

    url: str
    token: str


def data_directory() -> Path:
    """Return KINVITE_DATA, else `.kinvite` in the current directory if it exists, else that of the repository."""
    value = os.environ.get("KINVITE_DATA", "").strip()
    if value:
        return Path(value).expanduser().absolute()
    local = Path.cwd() / ".kinvite"
    return local if local.exists() else ROOT / ".kinvite"


def find_target(url: str | None, token: str | None) -> Target:
    """Return the installation that the options, the environment or the credentials.json of a running one name.

    Where the secret that signs tokens is set, as in the containers of the services, a token is minted if none is
    given. Raises Failure 78 if no installation is named.
    """
    if url and (token or os.environ.get(AUTH_SECRET)):
        return Target(url, token or _mint_token(os.environ[AUTH_SECRET]))
    file = data_directory() / "credentials.json"
    try:
        credentials: dict[str, Any] = json.loads(file.read_text())
        return Target(url or credentials["url"], token or credentials["api_token"])
    except (OSError, ValueError, KeyError):
        raise Failure(
            f"No Kinvite is running with the data in {file.parent}: start it with `kinvite up`, or name another "
            "with --url and --token (KINVITE_URL, KINVITE_TOKEN).",
            CONFIGURATION,
        ) from None


def _mint_token(secret: str) -> str:
    return mint_token(
        secret, schools=None, rights=ALL_RIGHTS, actor="kinvite", lifetime_seconds=TOKEN_LIFETIME_SECONDS
    )


def run_with_api(url: str | None, token: str | None, work: Callable[[Api], Awaitable[T]]) -> T:
    """Run `work` with a client for the chosen installation. Raises Failure, Refused and Unavailable."""
    target = find_target(url, token)

    async def run() -> T:
        async with connect(target.url, target.token) as api:
            return await work(api)

    return asyncio.run(run())


async def get_school_id(api: Api, id_or_name: str | None) -> str:
    """Return the id of a school, or of the only school if `id_or_name` is None.

    Raises Failure if there is no such school, or if the school is not unique.
    """
    schools = [school async for school in api.list_items("/roster/v1/schools")]
    matches = [school for school in schools if id_or_name in (school["school_id"], school["name"])]
    if id_or_name is not None and not matches:
        raise Failure(f"There is no school {id_or_name!r}; `kinvite school list` names them.", FAILED)
    candidates = schools if id_or_name is None else matches
    if len(candidates) != 1:
        if not candidates:
            raise Failure("There is no school yet: `kinvite school add` makes one.", FAILED)
        raise Failure("There are several schools: name one with --school.", FAILED)
    return str(candidates[0]["school_id"])
