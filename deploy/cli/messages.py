"""dlq, outbox: messages that could not be worked on, and messages on their way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.cli.outcome import FAILED, AsJson, Failure, show, show_one
from deploy.cli.services import SERVICES, database_of, settings_of
from deploy.cli.services import in_transaction as _in
from deploy.cli.work import progress, run
from shared.runtime.consumer import Subscription
from shared.runtime.database import Transaction
from shared.runtime.errors import Rejected
from shared.runtime.redeliver import dead_letters, find_dead_letter, redeliver
from shared.runtime.republish import republish

LETTERS = ("dead_letter_id", "consumer", "type", "reason", "detail", "parked_at")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_WAITING = """
SELECT count(*) AS pending, min(created_at) AS oldest FROM outbox WHERE sent_at IS NULL
"""
Group = Annotated[
    str | None, typer.Option("--group", "-g", help="A consumer group, such as signup.on-roster.")
]
lost = typer.Typer(help="Dead letters: records that a service could not work on.", no_args_is_help=True)
outgoing = typer.Typer(help="Messages on their way to the broker.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.add_typer(lost, name="dlq")
    app.add_typer(outgoing, name="outbox")


@lost.command("list", epilog="Example: kinvite dlq list --group signup.on-roster --json")
def list_letters(group: Group = None, as_json: AsJson = False) -> None:
    """List dead letters with their reasons, the oldest first of each service."""
    show(_letters(group), LETTERS, as_json=as_json, empty="There is no dead letter.")


@lost.command("show", epilog="Example: kinvite dlq show 0199a1c2-…")
def show_letter(letter: UUID, as_json: AsJson = False) -> None:
    """Show one with its content, which may speak of a family."""

    async def work(transaction: Transaction) -> Any:
        return await find_dead_letter(transaction, letter)

    for service in SERVICES:
        row = _in(service, work)
        if row is not None:
            fields = dict(row._mapping)
            for name in ("key", "value"):
                fields[name] = (
                    None if fields[name] is None else fields[name].decode("utf-8", "backslashreplace")
                )
            show_one(fields, as_json=as_json)
            return
    raise Failure(f"There is no dead letter {letter}.")


@lost.command(
    "replay",
    epilog="Examples: kinvite dlq replay 0199a1c2-…; kinvite dlq replay --all --group signup.on-roster",
)
def replay(
    letters: Annotated[list[UUID] | None, typer.Argument(help="Which.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All, or all of --group.")] = False,
    group: Group = None,
    as_json: AsJson = False,
) -> None:
    """Deliver dead letters again, each once. What is still refused stays, with its reason."""
    if bool(letters) == everything:
        raise typer.BadParameter("name dead letters, or use --all")
    chosen = [one for one in _letters(group) if everything or one["dead_letter_id"] in (letters or [])]
    results = run(_replay(chosen))
    missing = set(letters or []) - {one["dead_letter_id"] for one in chosen}
    results += [{"dead_letter_id": one, "outcome": "not_found", "reason": ""} for one in missing]
    show(
        results,
        ("dead_letter_id", "consumer", "outcome", "reason"),
        as_json=as_json,
        empty="There is no dead letter.",
    )
    if any(one["outcome"] != "delivered" for one in results):
        raise Failure("not every dead letter could be delivered", FAILED)


@outgoing.command("status", epilog="Example: kinvite outbox status --json")
def outbox_status(as_json: AsJson = False) -> None:
    """How many messages wait in each service, and since when."""

    async def work(transaction: Transaction) -> Any:
        return await transaction.row(_WAITING)

    rows = [{"service": service, **_in(service, work)._mapping} for service in SERVICES]
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

    rows = [{"service": one, "messages": _in(one, work)} for one in SERVICES if not service or one in service]
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


def _letters(group: str | None) -> list[dict[str, Any]]:
    async def work(transaction: Transaction) -> Any:
        return await dead_letters(transaction, group)

    services = SERVICES if group is None else [one for one in SERVICES if group.startswith(f"{one}.")]
    return [dict(row._mapping) for service in services for row in _in(service, work)]


async def _replay(chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    subscriptions: dict[str, Subscription] = {}
    for service in {one["consumer"].partition(".")[0] for one in chosen}:
        subscriptions |= _subscriptions(service)
    results = []
    with progress("delivering again") as moved:
        for number, letter in enumerate(chosen, 1):
            results.append(await _deliver(letter, subscriptions.get(letter["consumer"])))
            moved(number, len(chosen))
    return results


async def _deliver(letter: dict[str, Any], subscription: Subscription | None) -> dict[str, Any]:
    result = {"dead_letter_id": letter["dead_letter_id"], "consumer": letter["consumer"], "reason": ""}
    if subscription is None:
        return result | {"outcome": "refused", "reason": "this version has no such consumer group"}
    async with database_of(letter["consumer"].partition(".")[0]) as database:
        try:
            there = await redeliver(database, subscription, letter["dead_letter_id"])
        except Rejected as error:
            return result | {"outcome": "refused", "reason": error.reason}
    return result | {"outcome": "delivered" if there else "not_found"}


def _subscriptions(service: str) -> dict[str, Subscription]:
    """The service's consumer groups with their handlers, of an app that is never started."""
    settings = settings_of([service])[service]
    app = import_module(f"services.{service}.app").create_app(settings, api=False, worker=True)
    return {one.group: one for one in app.state.consumers.subscriptions}
