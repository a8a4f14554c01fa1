"""Which installation is meant: by option, by environment, else the one whose data lies here."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from deploy.cli.api import Api, connected
from deploy.cli.outcome import CONFIGURATION, FAILED, Failure
from deploy.cli.work import run
from shared.runtime.web import mint_token
from shared.runtime.web.bearer_auth import ALL_RIGHTS

AUTH_SECRET = "KINVITE_AUTH_SECRET"  # noqa: S105 - a name
OWN_TOKEN_SECONDS = 3_600
ROOT = Path(__file__).parents[2]
T = TypeVar("T")
Url = Annotated[
    str | None,
    typer.Option("--url", envvar="KINVITE_URL", help="Where Kinvite answers; else of credentials.json."),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="KINVITE_TOKEN",
        help="A token for the API; else of credentials.json.",
        show_envvar=True,
    ),
]
School = Annotated[
    str | None,
    typer.Option("--school", "-s", help="Id or name of the school; may be left out when there is only one."),
]


@dataclass(frozen=True)
class Target:
    """An installation's address and a token for it."""

    url: str
    token: str


def data_directory() -> Path:
    """KINVITE_DATA, else `.kinvite` here, else that of the repository."""
    given = os.environ.get("KINVITE_DATA", "").strip()
    if given:
        return Path(given).expanduser().absolute()
    here = Path.cwd() / ".kinvite"
    return here if here.exists() else ROOT / ".kinvite"


def target(url: str | None, token: str | None) -> Target:
    """Raises Failure 78 when neither options nor environment nor a running Kinvite here say it.

    Beside the services, as in their containers, the secret that signs tokens is at hand, and no token is needed.
    """
    if url and (token or os.environ.get(AUTH_SECRET)):
        return Target(url, token or _own_token(os.environ[AUTH_SECRET]))
    file = data_directory() / "credentials.json"
    try:
        kept: dict[str, Any] = json.loads(file.read_text())
        return Target(url or kept["url"], token or kept["api_token"])
    except (OSError, ValueError, KeyError):
        raise Failure(
            f"No Kinvite is running with the data in {file.parent}: start it with `kinvite up`, or name another "
            "with --url and --token (KINVITE_URL, KINVITE_TOKEN).",
            CONFIGURATION,
        ) from None


def _own_token(secret: str) -> str:
    return mint_token(
        secret, schools=None, rights=ALL_RIGHTS, actor="kinvite", lifetime_seconds=OWN_TOKEN_SECONDS
    )


def call(url: str | None, token: str | None, work: Callable[[Api], Awaitable[T]]) -> T:
    """Do the work with the API. Raises Failure, Refused and Unavailable."""
    chosen = target(url, token)

    async def done() -> T:
        async with connected(chosen.url, chosen.token) as api:
            return await work(api)

    return run(done())


async def school_of(api: Api, wanted: str | None) -> str:
    """The id of the school by id or name, or of the only one. Raises Failure."""
    schools = [school async for school in api.items("/roster/v1/schools")]
    named = [one for one in schools if wanted in (one["school_id"], one["name"])]
    if wanted is not None and not named:
        raise Failure(f"There is no school {wanted!r}; `kinvite school list` names them.", FAILED)
    found = schools if wanted is None else named
    if len(found) != 1:
        several = "There is no school yet: `kinvite school add` makes one." if not found else ""
        raise Failure(several or "There are several schools: name one with --school.", FAILED)
    return str(found[0]["school_id"])
