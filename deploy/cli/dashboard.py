"""Command group `dashboard`: rebuilds the projection behind the dashboard's pages from the services' events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import typer
from sqlalchemy.exc import SQLAlchemyError

from deploy.cli.api import Unavailable
from deploy.cli.output import FAILED, AsJson, Failure, print_fields, progress, stderr
from deploy.cli.services import open_database
from services.dashboard.consumers import subscriptions
from services.dashboard.rebuild.run import NoEvents, RebuildResult, rebuild
from services.dashboard.rebuild.staging_tables import RebuildInProgress
from shared.runtime.messaging import EventArchive

SOURCES = ("roster", "invitations", "notifier", "signup")
ReportProgress = Callable[[str, int, int], None]
dashboard_group = typer.Typer(help="Rows and timelines on the pages of the dashboard.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.add_typer(dashboard_group, name="dashboard")


@dashboard_group.callback()
def keep_group() -> None:
    """Keep `rebuild` a command of the group although it is the only one; typer would merge them otherwise."""


@dashboard_group.command(
    "rebuild", epilog="Examples: kinvite dashboard rebuild; kinvite dashboard rebuild --json"
)
def rebuild_pages(as_json: AsJson = False) -> None:
    """Rebuild all rows and timelines from the events of the services.

    Pages keep working and events continue to be processed. It may be stopped at any time and run again. Rows that are
    already right stay as they are; it prints how many schools, students and parents were changed.
    """
    try:
        with _progress_reporter(as_json=as_json) as report:
            rebuilt = asyncio.run(_rebuild(report))
    except RebuildInProgress:
        raise Failure("another rebuild is at work", FAILED) from None
    except NoEvents:
        raise Failure("roster knows no school, but pages show some: nothing was changed", FAILED) from None
    except (OSError, SQLAlchemyError) as error:
        raise Unavailable(f"The database does not answer ({type(error).__name__}).") from None
    print_fields(rebuilt.counts(), as_json=as_json)


async def _rebuild(report: ReportProgress) -> RebuildResult:
    handlers = {
        message_type: handler
        for subscription in subscriptions()
        for message_type, handler in subscription.handlers.items()
    }
    async with AsyncExitStack() as stack:
        archives = [
            EventArchive(await stack.enter_async_context(open_database(source))) for source in SOURCES
        ]
        database = await stack.enter_async_context(open_database("dashboard"))
        return await rebuild(database, archives, handlers, report)


@contextmanager
def _progress_reporter(*, as_json: bool) -> Iterator[ReportProgress]:
    """Show a progress bar on a terminal; elsewhere print a line on standard error when a step is done."""
    with progress("rebuilding") as bar:

        def report(step: str, done: int, total: int) -> None:
            bar(done, total, step)
            if done == total and not stderr.is_terminal and not as_json:
                stderr.print(f"{step}: {done}", highlight=False)

        yield report
