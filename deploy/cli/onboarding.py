"""Commands `import`, `invite`, `bulk` and `status`: the way from a spreadsheet to parents who have signed up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.api import Api, poll_until
from deploy.cli.connection import School, Token, Url, get_school_id, run_with_api
from deploy.cli.output import (
    FAILED,
    AsJson,
    Failure,
    print_fields,
    print_json,
    print_line,
    print_rows,
    progress,
)

FINAL_IMPORT_STATES = frozenset({"preview", "applied", "refused", "failed"})
FINAL_RUN_STATES = frozenset({"done", "cancelled", "paused"})
ERROR_COLUMNS = ("row", "column", "value", "message")
PARENT_COLUMNS = ("name", "status", "delivery", "reason", "next_step")
RUN_FIELDS = ("bulk_id", "state", "selected", "to_message", "messaged", "skipped", "failed", "note")
Channel = Annotated[str, typer.Option("--channel", "-c", help="email, sms or whatsapp.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
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
    """Import a spreadsheet of families. It invites nobody."""
    fields = {"dry_run": str(dry_run).lower(), "skip_bad_rows": str(skip_bad_rows).lower()}

    async def work(api: Api) -> Any:
        root = f"/roster/v1/schools/{await get_school_id(api, school)}/imports"
        with progress(f"importing {file.name}") as update:
            state = await api.upload(root, file.name, file.read_bytes(), fields)
            path = f"{root}/{state['import_id']}"
            async for state in poll_until(api, path, states=FINAL_IMPORT_STATES):
                update(state["counts"]["rows"], state["counts"]["rows"], state["state"])
        return state

    state = run_with_api(url, token, work)
    if as_json:
        print_json(state)
    else:
        counts = [f"{count} {name.replace('_', ' ')}" for name, count in state["counts"].items() if count]
        print_line(f"{state['state']}: " + ", ".join(counts))
        if state["errors"]:
            print_rows(state["errors"], ERROR_COLUMNS, as_json=False, empty="")
    if state["state"] in ("refused", "failed"):
        raise Failure(state.get("failure") or "the spreadsheet was not applied", FAILED)


def invite(
    parent_id: Annotated[
        str, typer.Argument(help="Id of the parent; `kinvite status --parents --json` lists them.")
    ],
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
        school_id = await get_school_id(api, school)
        return await api.post(f"/invitations/v1/schools/{school_id}/invitations", body)

    print_fields(run_with_api(url, token, work), as_json=as_json)


def bulk(
    channel: Channel = "email",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show who would get a message.")] = False,
    status: Annotated[list[str] | None, typer.Option(help="Only parents of this status; repeatable.")] = None,
    not_before: Annotated[str | None, typer.Option(help="Start then (ISO 8601 with a time zone).")] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: requests with the same key start one run only.")
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
        root = f"/invitations/v1/schools/{await get_school_id(api, school)}/bulk"
        run = await api.post(root, body, key=None if dry_run else key)
        if dry_run or not_before:
            return run
        with progress("inviting") as update:
            path = f"{root}/{run['bulk_id']}"
            async for run in poll_until(api, path, states=FINAL_RUN_STATES):
                update(run["selected"] - run["pending"], run["selected"])
        return run

    run = run_with_api(url, token, work)
    if as_json:
        print_json(run)
        return
    print_fields({name: run[name] for name in RUN_FIELDS if run.get(name) not in (None, {})}, as_json=False)


def status(
    parents: Annotated[bool, typer.Option("--parents", help="List the parents, too.")] = False,
    wanted: Annotated[str | None, typer.Option("--status", help="Only parents of this status.")] = None,
    delivery: Annotated[
        str | None, typer.Option(help="Only parents whose last message has this delivery status.")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", "-q", help="Only names or contacts that match this text.")
    ] = None,
    school: School = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show how many parents have each status, and with --parents which ones."""
    with_parents = parents or any((wanted, delivery, query))

    async def work(api: Api) -> tuple[Any, list[Any]]:
        root = f"/dashboard/v1/schools/{await get_school_id(api, school)}"
        rows = api.list_items(f"{root}/parents", status=wanted, delivery=delivery, q=query)
        return await api.get(f"{root}/summary"), [row async for row in rows] if with_parents else []

    summary, rows = run_with_api(url, token, work)
    if as_json:
        print_json(summary | ({"parents": rows} if with_parents else {}))
        return
    print_fields(summary, as_json=False)
    if with_parents:
        print_rows(rows, PARENT_COLUMNS, as_json=False, empty="No parent is like that.")
