"""outbox: messages on their way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from deploy.cli.outcome import AsJson, show
from deploy.cli.services import SERVICES, in_transaction
from shared.runtime.database import Transaction
from shared.runtime.messaging.outbox.republish import republish

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_WAITING = """
SELECT count(*) AS pending, min(created_at) AS oldest FROM outbox_pending JOIN outbox USING (lane, id)
"""
outgoing = typer.Typer(help="Messages on their way to the broker.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.add_typer(outgoing, name="outbox")


@outgoing.command("status", epilog="Example: kinvite outbox status --json")
def outbox_status(as_json: AsJson = False) -> None:
    """How many messages wait in each service, and since when."""

    async def work(transaction: Transaction) -> Any:
        return await transaction.row(_WAITING)

    rows = [{"service": service, **in_transaction(service, work)._mapping} for service in SERVICES]
    show(rows, ("service", "pending", "oldest"), as_json=as_json, empty="")


@outgoing.command("republish", epilog="Example: kinvite outbox republish --since 2h --service roster")
def republish_sent(
    since: Annotated[str, typer.Option(help="30m, 2h, 7d, or a moment (ISO 8601 with a time zone).")],
    until: Annotated[str | None, typer.Option(help="The same; left out: now.")] = None,
    service: Annotated[list[str] | None, typer.Option(help="Of these only; repeatable.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Of these topics only; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish again what the broker lost. Whoever has had a message leaves it aside."""
    begin, end = moment(since), moment(until) if until else None
    if unknown := set(service or ()) - set(SERVICES):
        raise typer.BadParameter(f"there is no service {min(unknown)}")

    async def work(transaction: Transaction) -> int:
        return await republish(transaction, since=begin, until=end, topics=topic)

    rows = [
        {"service": one, "messages": in_transaction(one, work)}
        for one in SERVICES
        if not service or one in service
    ]
    show(rows, ("service", "messages"), as_json=as_json, empty="")


def moment(text: str) -> datetime:
    """A moment, or so long ago. Raises typer.BadParameter."""
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit and number.isascii() and number.isdigit() and len(number) < 6:
        return datetime.now(UTC) - timedelta(**{unit: int(number)})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter("use 30m, 2h, 7d, or a moment such as 2026-11-20T08:00:00Z")
    return found
