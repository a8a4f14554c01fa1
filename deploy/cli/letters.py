"""dlq: records that a service could not work on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.cli.outcome import FAILED, AsJson, Failure, show, show_one
from deploy.cli.services import SERVICES, database_of, in_transaction, settings_of
from deploy.cli.work import progress, run
from shared.runtime.core import Rejected
from shared.runtime.database import Transaction
from shared.runtime.messaging import Subscription, list_dead_letters
from shared.runtime.messaging.inbox.dead_letters import drop_dead_letter, find_dead_letter, replay_dead_letter

LETTERS = ("dead_letter_id", "consumer", "type", "reason", "detail", "parked_at")
OUTCOMES = ("dead_letter_id", "consumer", "outcome", "reason")
NONE = "There is no dead letter."
Group = Annotated[
    str | None, typer.Option("--group", "-g", help="A consumer group, such as signup.on-roster.")
]
Which = Annotated[list[UUID] | None, typer.Argument(help="Which.")]
Everything = Annotated[bool, typer.Option("--all", help="All, or all of --group.")]
lost = typer.Typer(help="Dead letters: records that a service could not work on.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.add_typer(lost, name="dlq")


@lost.command("list", epilog="Example: kinvite dlq list --group signup.on-roster --json")
def list_letters(group: Group = None, as_json: AsJson = False) -> None:
    """List dead letters with their reasons, the oldest first of each service."""
    show(_letters(group), LETTERS, as_json=as_json, empty=NONE)


@lost.command("show", epilog="Example: kinvite dlq show 0199a1c2-…")
def show_letter(letter: UUID, as_json: AsJson = False) -> None:
    """Show one with its content, which may speak of a family."""

    async def work(transaction: Transaction) -> Any:
        return await find_dead_letter(transaction, letter)

    for service in SERVICES:
        row = in_transaction(service, work)
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
    letters: Which = None,
    everything: Everything = False,
    group: Group = None,
    as_json: AsJson = False,
) -> None:
    """Deliver dead letters again, each once. What is still refused stays, with its reason."""
    chosen, results = _chosen(letters, group, everything=everything)
    results += run(_replay(chosen))
    show(results, OUTCOMES, as_json=as_json, empty=NONE)
    if any(one["outcome"] != "delivered" for one in results):
        raise Failure("not every dead letter could be delivered", FAILED)


@lost.command("drop", epilog="Examples: kinvite dlq drop 0199a1c2-…; kinvite dlq drop --all --yes")
def give_up(
    letters: Which = None,
    everything: Everything = False,
    group: Group = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give dead letters up for good: what they tell never takes effect, and they do not come back."""
    chosen, results = _chosen(letters, group, everything=everything)
    if chosen and not yes:
        typer.confirm(f"Give up {len(chosen)} for good?", abort=True, err=True)
    for letter in chosen:
        there = in_transaction(_service(letter), _dropping(letter["dead_letter_id"]))
        results.append(_outcome(letter) | {"outcome": "dropped" if there else "not_found"})
    show(results, OUTCOMES, as_json=as_json, empty=NONE)
    if any(one["outcome"] != "dropped" for one in results):
        raise Failure("not every dead letter was there", FAILED)


def _letters(group: str | None) -> list[dict[str, Any]]:
    async def work(transaction: Transaction) -> Any:
        return await list_dead_letters(transaction, group)

    services = SERVICES if group is None else [one for one in SERVICES if group.startswith(f"{one}.")]
    return [dict(row._mapping) for service in services for row in in_transaction(service, work)]


def _chosen(
    letters: list[UUID] | None, group: str | None, *, everything: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The dead letters that are meant, and an outcome for each that is not there."""
    if bool(letters) == everything:
        raise typer.BadParameter("name dead letters, or use --all")
    chosen = [one for one in _letters(group) if everything or one["dead_letter_id"] in (letters or [])]
    missing = set(letters or []) - {one["dead_letter_id"] for one in chosen}
    return chosen, [
        {"dead_letter_id": one, "consumer": "", "outcome": "not_found", "reason": ""} for one in missing
    ]


def _dropping(dead_letter_id: UUID) -> Callable[[Transaction], Awaitable[bool]]:
    async def work(transaction: Transaction) -> bool:
        return await drop_dead_letter(transaction, dead_letter_id)

    return work


def _service(letter: dict[str, Any]) -> str:
    return str(letter["consumer"]).partition(".")[0]


def _outcome(letter: dict[str, Any]) -> dict[str, Any]:
    return {"dead_letter_id": letter["dead_letter_id"], "consumer": letter["consumer"], "reason": ""}


async def _replay(chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    subscriptions: dict[str, Subscription] = {}
    for service in {_service(one) for one in chosen}:
        subscriptions |= _subscriptions(service)
    results = []
    with progress("delivering again") as moved:
        for number, letter in enumerate(chosen, 1):
            results.append(await _deliver(letter, subscriptions.get(letter["consumer"])))
            moved(number, len(chosen))
    return results


async def _deliver(letter: dict[str, Any], subscription: Subscription | None) -> dict[str, Any]:
    result = _outcome(letter)
    if subscription is None:
        return result | {"outcome": "refused", "reason": "this version has no such consumer group"}
    async with database_of(_service(letter)) as database:
        try:
            there = await replay_dead_letter(database, subscription, letter["dead_letter_id"])
        except Rejected as error:
            return result | {"outcome": "refused", "reason": error.reason}
    return result | {"outcome": "delivered" if there else "not_found"}


def _subscriptions(service: str) -> dict[str, Subscription]:
    """The service's consumer groups with their handlers, of an app that is never started."""
    settings = settings_of([service])[service]
    app = import_module(f"services.{service}.app").create_app(settings, api=False, worker=True)
    return {one.group: one for one in app.state.subscriptions.subscriptions}
