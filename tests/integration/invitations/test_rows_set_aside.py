"""Rows that raise when they are worked on: set aside when they have ended the process twice, and the rest goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from services.invitations.domain import transitions
from services.invitations.domain.models import ExpiryWindow
from services.invitations.domain.rules import decide
from services.invitations.schedule import ScheduledTasks
from services.invitations.use_cases import remind, send_deferred
from shared.contracts.invitations import InvitationExpired
from shared.runtime.database import list_set_aside, release_row
from tests.integration.invitations.driver import InvitationsDriver

LATE = "UPDATE invitations SET expires_at = now() - interval '1 second' RETURNING invitation_id"
ID_OF = "SELECT invitation_id FROM invitations WHERE parent_id = :parent_id"


class _Bug(Exception):
    """Error that is neither a rejection nor transient."""


def _failing_for(original: Callable[..., Any], is_bad: Callable[..., bool]) -> Callable[..., Any]:
    def failing(*arguments: Any, **named: Any) -> Any:
        if is_bad(*arguments, **named):
            raise _Bug("address of a parent")
        return original(*arguments, **named)

    return failing


async def _end_twice(action: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(2):
        with pytest.raises(_Bug):
            while await action():
                pass


async def test_an_invitation_whose_expiry_fails_is_set_aside_and_the_others_expire(
    driver: InvitationsDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [await driver.add_invited_parent() for _ in range(5)]
    await driver.sql(LATE)
    bad = records[2].parent_id

    def is_bad(window: ExpiryWindow, _: Any) -> bool:
        return window.parent_id == bad

    with monkeypatch.context() as patch:
        patch.setattr(transitions, "expire", _failing_for(transitions.expire, is_bad))
        await _end_twice(driver.tasks().expire)
        while await driver.tasks().expire():
            pass
    expired = {event.parent_id for event in await driver.emitted(InvitationExpired)}
    assert expired == {record.parent_id for record in records} - {bad}
    [row] = await _set_aside(driver)
    [invitation] = await driver.sql(ID_OF, parent_id=bad)
    assert (row.task, row.row_id, row.failures) == ("expiry", invitation.invitation_id, 2)
    assert row.reason.startswith("_Bug at ")
    assert "address" not in row.reason
    await _release(driver, "expiry", row.row_id)
    while await driver.tasks().expire():
        pass
    assert len(await driver.emitted(InvitationExpired)) == len(records)


@pytest.mark.parametrize(
    ("due", "planner", "action"),
    [
        ("next_reminder_at", remind.plan_reminder, ScheduledTasks.remind),
        ("send_at", send_deferred.plan_deferred, ScheduledTasks.send_deferred),
    ],
)
async def test_a_due_invitation_that_fails_is_set_aside(
    driver: InvitationsDriver, monkeypatch: pytest.MonkeyPatch, due: str, planner: Any, action: Any
) -> None:
    records = [await driver.add_invited_parent() for _ in range(3)]
    await driver.sql(f"UPDATE invitations SET {due} = now() - interval '1 second' RETURNING 1")
    bad = records[0].parent_id

    def is_bad(_: Any, invitation: Any, *__: Any) -> bool:
        return bool(invitation.parent_id == bad)

    monkeypatch.setattr(f"{planner.__module__}.{planner.__name__}", _failing_for(planner, is_bad))
    await _end_twice(lambda: action(driver.tasks()))
    while await action(driver.tasks()):
        pass
    [row] = await _set_aside(driver)
    assert row.failures == 2
    still_due = await driver.sql(f"SELECT parent_id FROM invitations WHERE {due} <= now()")
    assert [item.parent_id for item in still_due] == [bad]


async def test_a_parent_who_cannot_be_invited_is_set_aside_and_the_bulk_run_ends(
    driver: InvitationsDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = await driver.add_parents(4)
    driver.roster_parents = len(records)
    bad = records[1].parent_id
    response = await driver.client.post(
        f"{driver.root}/bulk", json={"select": {"all": True}, "channel": "email"}
    )
    assert response.status_code == 202, response.text
    tasks = driver.tasks()
    await tasks.list_bulk_runs()

    def is_bad(invitee: Any, *_: Any) -> bool:
        return bool(invitee.parent.parent_id == bad)

    monkeypatch.setattr("services.invitations.use_cases.invite.decide", _failing_for(decide, is_bad))
    await _end_twice(tasks.send_bulk)
    while await tasks.send_bulk():
        pass
    [run] = await driver.sql("SELECT state FROM bulk_runs")
    assert run.state == "done"
    [row] = await _set_aside(driver)
    assert (row.task, row.row_id) == ("bulk-sending", bad)
    invited = await driver.sql("SELECT parent_id FROM invitations")
    assert {item.parent_id for item in invited} == {record.parent_id for record in records} - {bad}


async def _set_aside(driver: InvitationsDriver) -> Any:
    async with driver.database.transaction() as tx:
        return await list_set_aside(tx)


async def _release(driver: InvitationsDriver, task: str, row_id: UUID) -> None:
    async with driver.database.transaction() as tx:
        assert await release_row(tx, task, row_id)
        assert not await release_row(tx, task, row_id)
