"""import, invite, bulk, status: from a spreadsheet to who has signed up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.api import Api, followed
from deploy.cli.connection import School, Token, Url, call, school_of
from deploy.cli.outcome import FAILED, AsJson, Failure, say, show, show_json, show_one
from deploy.cli.work import progress

IMPORT_ENDED = frozenset({"preview", "applied", "refused", "failed"})
RUN_ENDED = frozenset({"done", "cancelled", "paused"})
ERRORS = ("row", "column", "value", "message")
PARENTS = ("name", "status", "delivery", "reason", "next_step")
Channel = Annotated[str, typer.Option("--channel", "-c", help="email, sms or whatsapp.")]


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.command("import", epilog="Example: kinvite import families.csv --dry-run")(import_file)
    app.command(epilog="Example: kinvite invite 0199a1c2-… --school 'Hill School'")(invite)
    app.command(epilog="Examples: kinvite bulk --dry-run; kinvite bulk --status expired --channel email")(
        bulk
    )
    app.command(epilog="Examples: kinvite status; kinvite status --delivery failed_permanent --parents")(
        status
    )


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV or XLSX.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and preview only.")] = False,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Apply the good rows.")] = False,
    school: School = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Load a spreadsheet of families. Nobody is invited by it."""
    fields = {"dry_run": str(dry_run).lower(), "skip_bad_rows": str(skip_bad_rows).lower()}

    async def work(api: Api) -> Any:
        root = f"/roster/v1/schools/{await school_of(api, school)}/imports"
        with progress(f"importing {file.name}") as moved:
            state = await api.upload(root, file.name, file.read_bytes(), fields)
            path = f"{root}/{state['import_id']}"
            async for state in followed(api, path, until=IMPORT_ENDED):
                moved(state["counts"]["rows"], state["counts"]["rows"], state["state"])
        return state

    state = call(url, token, work)
    if as_json:
        show_json(state)
    else:
        say(
            f"{state['state']}: "
            + ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in state["counts"].items() if n)
        )
        if state["errors"]:
            show(state["errors"], ERRORS, as_json=False, empty="")
    if state["state"] in ("refused", "failed"):
        raise Failure(state.get("failure") or "the spreadsheet was not applied", FAILED)


def invite(
    parent_id: Annotated[str, typer.Argument(help="Whom; `kinvite status --parents --json` has the ids.")],
    channel: Channel = "email",
    reason: Annotated[
        str | None, typer.Option(help="Why this contact gets more messages than it may have.")
    ] = None,
    school: School = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Invite or re-invite one parent."""
    body = {"parent_id": parent_id, "channel": channel} | ({"override_reason": reason} if reason else {})

    async def work(api: Api) -> Any:
        return await api.post(f"/invitations/v1/schools/{await school_of(api, school)}/invitations", body)

    show_one(call(url, token, work), as_json=as_json)


def bulk(
    channel: Channel = "email",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show who would get a message.")] = False,
    status: Annotated[list[str] | None, typer.Option(help="Only parents of this status; repeatable.")] = None,
    not_before: Annotated[str | None, typer.Option(help="Start then (ISO 8601 with a time zone).")] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: the same key makes one run for ever.")
    ] = None,
    school: School = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Invite all parents in one run, or those of a status; follow it to its end."""
    select: dict[str, Any] = {"filter": {"status": status}} if status else {"all": True}
    body = {"select": select, "channel": channel, "dry_run": dry_run}
    body |= {"not_before": not_before} if not_before else {}

    async def work(api: Api) -> Any:
        root = f"/invitations/v1/schools/{await school_of(api, school)}/bulk"
        run = await api.post(root, body, key=None if dry_run else key)
        if dry_run or not_before:
            return run
        with progress("inviting") as moved:
            path = f"{root}/{run['bulk_id']}"
            async for run in followed(api, path, until=RUN_ENDED):
                moved(run["selected"] - run["pending"], run["selected"])
        return run

    run = call(url, token, work)
    if as_json:
        show_json(run)
        return
    names = ("bulk_id", "state", "selected", "to_message", "messaged", "skipped", "failed", "note")
    show_one({name: run[name] for name in names if run.get(name) not in (None, {})}, as_json=False)


def status(
    parents: Annotated[bool, typer.Option("--parents", help="List the parents, too.")] = False,
    wanted: Annotated[str | None, typer.Option("--status", help="Only parents of this status.")] = None,
    delivery: Annotated[str | None, typer.Option(help="Only parents whose last message is so.")] = None,
    query: Annotated[
        str | None, typer.Option("--query", "-q", help="Only names or contacts like this.")
    ] = None,
    school: School = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """How many parents stand where, and with --parents who."""
    listed = parents or any((wanted, delivery, query))

    async def work(api: Api) -> tuple[Any, list[Any]]:
        root = f"/dashboard/v1/schools/{await school_of(api, school)}"
        rows = api.items(f"{root}/parents", status=wanted, delivery=delivery, q=query)
        return await api.get(f"{root}/summary"), [row async for row in rows] if listed else []

    summary, rows = call(url, token, work)
    if as_json:
        show_json(summary | ({"parents": rows} if listed else {}))
        return
    show_one(summary, as_json=False)
    if listed:
        show(rows, PARENTS, as_json=False, empty="No parent is like that.")
