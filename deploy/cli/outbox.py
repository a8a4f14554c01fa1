"""Command group `outbox`: messages that wait for publication, and republishing of messages that the broker lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from deploy.cli.output import AsJson, print_rows
from deploy.cli.services import SERVICES, run_in_transaction
from shared.runtime.database import Transaction
from shared.runtime.messaging.outbox.republish import republish

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_COUNT_PENDING = """
SELECT count(*) AS pending, min(created_at) AS oldest
  FROM outbox_runs AS run JOIN outbox ON outbox.lane = run.lane AND outbox.id BETWEEN run.first_id AND run.last_id
"""
outbox_group = typer.Typer(help="Messages on their way to the broker.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.add_typer(outbox_group, name="outbox")


@outbox_group.command("status", epilog="Example: kinvite outbox status --json")
def outbox_status(as_json: AsJson = False) -> None:
    """Count the messages that wait in each service, and show since when they do."""

    async def work(tx: Transaction) -> Any:
        return await tx.row(_COUNT_PENDING)

    rows = [{"service": service, **run_in_transaction(service, work)._mapping} for service in SERVICES]
    print_rows(rows, ("service", "pending", "oldest"), as_json=as_json, empty="")


@outbox_group.command("republish", epilog="Example: kinvite outbox republish --since 2h --service roster")
def republish_sent(
    since: Annotated[str, typer.Option(help="30m, 2h, 7d, or a moment (ISO 8601 with a time zone).")],
    until: Annotated[str | None, typer.Option(help="The same; left out: now.")] = None,
    service: Annotated[list[str] | None, typer.Option(help="Only of this service; repeatable.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Only on this topic; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish messages again that the broker has lost. Consumers skip those that they have processed."""
    start, end = parse_moment(since), parse_moment(until) if until else None
    if unknown := set(service or ()) - set(SERVICES):
        raise typer.BadParameter(f"there is no service {min(unknown)}")

    async def work(tx: Transaction) -> int:
        return await republish(tx, since=start, until=end, topics=topic)

    rows = [
        {"service": name, "messages": run_in_transaction(name, work)}
        for name in SERVICES
        if not service or name in service
    ]
    print_rows(rows, ("service", "messages"), as_json=as_json, empty="")


def parse_moment(text: str) -> datetime:
    """Parse an ISO 8601 date and time with an offset, or a duration before now such as 2h. Raises BadParameter."""
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit and number.isascii() and number.isdigit() and len(number) < 6:
        return datetime.now(UTC) - timedelta(**{unit: int(number)})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter("use 30m, 2h, 7d, or a moment such as 2026-11-20T08:00:00Z")
    return moment
