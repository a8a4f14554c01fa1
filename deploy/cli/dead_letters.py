"""Command group `dlq`: dead letters, the records that a service could not process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.cli.output import FAILED, AsJson, Failure, print_fields, print_rows, progress
from deploy.cli.services import SERVICES, load_all_settings, open_database, run_in_transaction
from shared.runtime.core import Rejected
from shared.runtime.database import Transaction, list_set_aside, release_row
from shared.runtime.messaging import Subscription, list_dead_letters
from shared.runtime.messaging.inbox.dead_letters import drop_dead_letter, find_dead_letter, replay_dead_letter

LIST_COLUMNS = ("dead_letter_id", "consumer", "type", "reason", "detail", "parked_at")
ROW_COLUMNS = ("service", "task", "row_id", "reason", "failures", "set_aside_at")
OUTCOME_COLUMNS = ("dead_letter_id", "consumer", "outcome", "reason")
EMPTY = "There is no dead letter."
NO_ROW = "No row is set aside."
DeadLetter = dict[str, Any]
Outcome = dict[str, Any]
Group = Annotated[
    str | None, typer.Option("--group", "-g", help="A consumer group, such as signup.on-roster.")
]
Ids = Annotated[list[UUID] | None, typer.Argument(help="Ids of dead letters.")]
All = Annotated[bool, typer.Option("--all", help="All, or all of --group.")]
dlq_group = typer.Typer(help="Dead letters: records that a service could not process.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.add_typer(dlq_group, name="dlq")


@dlq_group.command("list", epilog="Example: kinvite dlq list --group signup.on-roster --json")
def list_all(group: Group = None, as_json: AsJson = False) -> None:
    """List dead letters with their reasons, the oldest first of each service."""
    print_rows(_load(group), LIST_COLUMNS, as_json=as_json, empty=EMPTY)


@dlq_group.command("show", epilog="Example: kinvite dlq show 0199a1c2-…")
def show(dead_letter_id: UUID, as_json: AsJson = False) -> None:
    """Show a dead letter with its content, which may be personal data."""

    async def work(tx: Transaction) -> Any:
        return await find_dead_letter(tx, dead_letter_id)

    for service in SERVICES:
        row = run_in_transaction(service, work)
        if row is not None:
            fields = dict(row._mapping)
            for name in ("key", "value"):
                fields[name] = (
                    None if fields[name] is None else fields[name].decode("utf-8", "backslashreplace")
                )
            print_fields(fields, as_json=as_json)
            return
    raise Failure(f"There is no dead letter {dead_letter_id}.")


@dlq_group.command(
    "replay",
    epilog="Examples: kinvite dlq replay 0199a1c2-…; kinvite dlq replay --all --group signup.on-roster",
)
def replay(
    ids: Ids = None,
    everything: All = False,
    group: Group = None,
    as_json: AsJson = False,
) -> None:
    """Deliver dead letters again, each once. What is still refused stays, with its reason."""
    selected, outcomes = _select(ids, group, everything=everything)
    outcomes += asyncio.run(_redeliver_all(selected))
    print_rows(outcomes, OUTCOME_COLUMNS, as_json=as_json, empty=EMPTY)
    if any(outcome["outcome"] != "delivered" for outcome in outcomes):
        raise Failure("not every dead letter could be delivered", FAILED)


@dlq_group.command("drop", epilog="Examples: kinvite dlq drop 0199a1c2-…; kinvite dlq drop --all --yes")
def drop_for_good(
    ids: Ids = None,
    everything: All = False,
    group: Group = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Drop dead letters for good: they never take effect, and they do not come back."""
    selected, outcomes = _select(ids, group, everything=everything)
    if selected and not yes:
        typer.confirm(f"Give up {len(selected)} for good?", abort=True, err=True)
    for dead_letter in selected:
        is_dropped = run_in_transaction(_get_service(dead_letter), _drop(dead_letter["dead_letter_id"]))
        outcomes.append(_outcome(dead_letter, "dropped" if is_dropped else "not_found"))
    print_rows(outcomes, OUTCOME_COLUMNS, as_json=as_json, empty=EMPTY)
    if any(outcome["outcome"] != "dropped" for outcome in outcomes):
        raise Failure("not every dead letter was there", FAILED)


@dlq_group.command("rows", epilog="Example: kinvite dlq rows --json")
def list_rows(as_json: AsJson = False) -> None:
    """List rows that were set aside because working on them ended a process twice, with the place of the error."""

    async def work(tx: Transaction) -> Any:
        return await list_set_aside(tx)

    rows = [
        {"service": service, **row._mapping}
        for service in SERVICES
        for row in run_in_transaction(service, work)
    ]
    print_rows(rows, ROW_COLUMNS, as_json=as_json, empty=NO_ROW)


@dlq_group.command("release", epilog="Example: kinvite dlq release invitations expiry 0199a1c2-…")
def release(service: str, task: str, row_id: UUID, as_json: AsJson = False) -> None:
    """Make a row due again that was set aside, once the error is mended."""
    if service not in SERVICES:
        raise typer.BadParameter(f"the services are {', '.join(SERVICES)}")

    async def work(tx: Transaction) -> bool:
        return await release_row(tx, task, row_id)

    if not run_in_transaction(service, work):
        raise Failure(f"{service} has set no row {row_id} aside for {task}.")
    print_fields({"service": service, "task": task, "row_id": row_id, "outcome": "due"}, as_json=as_json)


def _load(group: str | None) -> list[DeadLetter]:
    async def work(tx: Transaction) -> Any:
        return await list_dead_letters(tx, group)

    services = [service for service in SERVICES if group is None or group.startswith(f"{service}.")]
    return [dict(row._mapping) for service in services for row in run_in_transaction(service, work)]


def _select(
    ids: list[UUID] | None, group: str | None, *, everything: bool
) -> tuple[list[DeadLetter], list[Outcome]]:
    """Return the selected dead letters, and an outcome for each id that does not exist."""
    if bool(ids) == everything:
        raise typer.BadParameter("name dead letters, or use --all")
    selected = [
        dead_letter
        for dead_letter in _load(group)
        if everything or dead_letter["dead_letter_id"] in (ids or [])
    ]
    missing = set(ids or []) - {dead_letter["dead_letter_id"] for dead_letter in selected}
    return selected, [
        _outcome({"dead_letter_id": dead_letter_id, "consumer": ""}, "not_found")
        for dead_letter_id in missing
    ]


def _drop(dead_letter_id: UUID) -> Callable[[Transaction], Awaitable[bool]]:
    async def work(tx: Transaction) -> bool:
        return await drop_dead_letter(tx, dead_letter_id)

    return work


def _get_service(dead_letter: DeadLetter) -> str:
    return str(dead_letter["consumer"]).partition(".")[0]


def _outcome(dead_letter: DeadLetter, outcome: str, reason: str = "") -> Outcome:
    return {
        "dead_letter_id": dead_letter["dead_letter_id"],
        "consumer": dead_letter["consumer"],
        "outcome": outcome,
        "reason": reason,
    }


async def _redeliver_all(selected: list[DeadLetter]) -> list[Outcome]:
    subscriptions: dict[str, Subscription] = {}
    for service in {_get_service(dead_letter) for dead_letter in selected}:
        subscriptions |= _load_subscriptions(service)
    outcomes = []
    with progress("delivering again") as update:
        for number, dead_letter in enumerate(selected, 1):
            outcomes.append(await _redeliver(dead_letter, subscriptions.get(dead_letter["consumer"])))
            update(number, len(selected))
    return outcomes


async def _redeliver(dead_letter: DeadLetter, subscription: Subscription | None) -> Outcome:
    if subscription is None:
        return _outcome(dead_letter, "refused", "this version has no such consumer group")
    async with open_database(_get_service(dead_letter)) as database:
        try:
            is_delivered = await replay_dead_letter(database, subscription, dead_letter["dead_letter_id"])
        except Rejected as error:
            return _outcome(dead_letter, "refused", error.reason)
    return _outcome(dead_letter, "delivered" if is_delivered else "not_found")


def _load_subscriptions(service: str) -> dict[str, Subscription]:
    """Return the service's subscriptions by consumer group, from an app that is created but never started."""
    settings = load_all_settings([service])[service]
    app = import_module(f"services.{service}.app").create_app(settings, api=False, worker=True)
    return {subscription.group: subscription for subscription in app.state.subscriptions.subscriptions}
