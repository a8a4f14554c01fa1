"""dashboard: what pages show, made anew from what the services have told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import typer
from sqlalchemy.exc import SQLAlchemyError

from deploy.cli.api import Unavailable
from deploy.cli.outcome import FAILED, AsJson, Failure, errors, show_one
from deploy.cli.services import database_of
from deploy.cli.work import progress, run
from services.dashboard.consumers import SUBSCRIPTIONS
from services.dashboard.service.rebuild import NothingTold, Rebuilt, rebuild
from services.dashboard.storage.rebuilt import RebuildRunning
from shared.runtime.messaging import EventArchive

OWNERS = ("roster", "invitations", "notifier", "signup")
pages = typer.Typer(help="What the office's pages show.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.add_typer(pages, name="dashboard")


@pages.callback()
def of_the_dashboard() -> None:
    """Keeps `rebuild` a verb of its own while it is the only one."""


@pages.command("rebuild", epilog="Examples: kinvite dashboard rebuild; kinvite dashboard rebuild --json")
def rebuild_pages(as_json: AsJson = False) -> None:
    """Make all rows and timelines anew from what the services have told.

    Pages keep working and events go on coming in. It may be stopped at any time and run again. Rows that were right
    stay as they are; the counts are of schools, students and parents that were changed.
    """
    try:
        with _shown(as_json=as_json) as moved:
            done = run(_rebuild(moved))
    except RebuildRunning:
        raise Failure("another rebuild is at work", FAILED) from None
    except NothingTold:
        raise Failure("roster knows no school, but pages show some: nothing was changed", FAILED) from None
    except (OSError, SQLAlchemyError) as error:
        raise Unavailable(f"The database does not answer ({type(error).__name__}).") from None
    show_one(done.counts(), as_json=as_json)


async def _rebuild(moved: Callable[[str, int, int], None]) -> Rebuilt:
    handlers = {kind: handler for one in SUBSCRIPTIONS for kind, handler in one.handlers.items()}
    async with AsyncExitStack() as stack:
        owners = [EventArchive(await stack.enter_async_context(database_of(owner))) for owner in OWNERS]
        database = await stack.enter_async_context(database_of("dashboard"))
        return await rebuild(database, owners, handlers, moved)


@contextmanager
def _shown(*, as_json: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar where somebody watches, otherwise a line on standard error at the end of each part."""
    with progress("rebuilding") as bar:

        def moved(what: str, done: int, total: int) -> None:
            bar(done, total, what)
            if done == total and not errors.is_terminal and not as_json:
                errors.print(f"{what}: {done}", highlight=False)

        yield moved
