"""What staff ask the owners to do. Every function raises CommandError with words for the page."""

from typing import Any
from uuid import UUID

from services.dashboard.channels.owners import Caller, Owners, Upload
from services.dashboard.domain.runs import BulkRun, ImportRun, RowError

Answer = dict[str, Any]
NUMBERS = ("selected", "pending", "messaged", "waiting", "to_message")


async def add_school(owners: Owners, caller: Caller, school: Answer, key: str) -> UUID:
    answer = await owners.send(caller, "POST", "roster", "v1", "schools", body=school, key=key)
    return UUID(answer["school_id"])


async def add_student(owners: Owners, caller: Caller, student: Answer, key: str) -> UUID:
    path = ("roster", "v1", "schools", _school(caller), "students")
    answer = await owners.send(caller, "POST", *path, body=student, key=key)
    return UUID(answer["student_id"])


async def add_parent(
    owners: Owners, caller: Caller, student_id: UUID, parent: Answer, *, invite: bool, key: str
) -> Answer:
    """P8-P10: `invite` sends the invitation at once, or nothing at all."""
    path = ("roster", "v1", "schools", _school(caller), "students", student_id, "parents")
    return await owners.send(caller, "POST", *path, body={**parent, "invite": invite}, key=key)


async def edit_parent(owners: Owners, caller: Caller, parent_id: UUID, changes: Answer) -> Answer:
    """P17."""
    path = ("roster", "v1", "schools", _school(caller), "parents", parent_id)
    return await owners.send(caller, "PATCH", *path, body=changes)


async def invite(owners: Owners, caller: Caller, parent_id: UUID, channel: str) -> Answer:
    """P7, P11: first invitation and re-invitation alike."""
    path = ("invitations", "v1", "schools", _school(caller), "invitations")
    return await owners.send(caller, "POST", *path, body={"parent_id": str(parent_id), "channel": channel})


async def withdraw(owners: Owners, caller: Caller, parent_id: UUID) -> None:
    path = ("invitations", "v1", "schools", _school(caller), "invitations", parent_id)
    await owners.send(caller, "DELETE", *path)


async def start_import(owners: Owners, caller: Caller, file: Upload) -> UUID:
    path = ("roster", "v1", "schools", _school(caller), "imports")
    answer = await owners.upload(caller, *path, file=file)
    return UUID(answer["import_id"])


async def apply_import(owners: Owners, caller: Caller, import_id: UUID) -> None:
    """After a look: put what the file says on the roster."""
    path = ("roster", "v1", "schools", _school(caller), "imports", import_id, "apply")
    await owners.send(caller, "POST", *path, body={})


async def get_import(owners: Owners, caller: Caller, import_id: UUID) -> ImportRun:
    told = await owners.get(caller, "roster", "v1", "schools", _school(caller), "imports", import_id)
    return ImportRun(
        import_id=str(import_id),
        state=str(told.get("state", "")),
        counts=_counts(told.get("counts")),
        errors=[
            RowError(*(str(item.get(name) or "") for name in ("row", "column", "value", "message")))
            for item in told.get("errors") or []
        ],
    )


async def preview_bulk(owners: Owners, caller: Caller, select: Answer, channel: str) -> BulkRun:
    """How many would get a message, and how many would not and why; nothing is sent."""
    return _bulk(
        await owners.send(caller, "POST", *_bulks(caller), body=_order(select, channel, dry_run=True))
    )


async def start_bulk(owners: Owners, caller: Caller, select: Answer, channel: str, key: str) -> UUID:
    """P20-P25. The same `key` again is the same run."""
    body = _order(select, channel, dry_run=False)
    answer = await owners.send(caller, "POST", *_bulks(caller), body=body, key=key)
    return UUID(answer["bulk_id"])


async def get_bulk(owners: Owners, caller: Caller, bulk_id: UUID) -> BulkRun:
    return _bulk(await owners.get(caller, *_bulks(caller), bulk_id))


async def control_bulk(owners: Owners, caller: Caller, bulk_id: UUID, control: str) -> None:
    """`control` is pause, resume or cancel."""
    await owners.send(caller, "POST", *_bulks(caller), bulk_id, control)


def _bulks(caller: Caller) -> tuple[str | UUID, ...]:
    return ("invitations", "v1", "schools", _school(caller), "bulk")


def _order(select: Answer, channel: str, *, dry_run: bool) -> Answer:
    return {"select": select, "channel": channel, "dry_run": dry_run}


def _bulk(told: Answer) -> BulkRun:
    return BulkRun(
        bulk_id=told.get("bulk_id"),
        state=str(told.get("state", "")),
        channel=str(told.get("channel") or "email"),
        skipped=_counts(told.get("skipped")),
        failed=_counts(told.get("failed")),
        **{name: int(told.get(name) or 0) for name in NUMBERS},
    )


def _counts(told: object) -> dict[str, int]:
    if not isinstance(told, dict):
        return {}
    return {str(name): count for name, count in told.items() if isinstance(count, int)}


def _school(caller: Caller) -> UUID:
    assert caller.school_id is not None
    return caller.school_id
