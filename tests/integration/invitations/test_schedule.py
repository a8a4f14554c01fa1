"""Scheduled tasks. The tests move due times in the rows, because the clock is the database's."""

from __future__ import annotations

import asyncio

from services.invitations.schedule import ScheduledTasks
from shared.contracts.invitations import InvitationExpired
from shared.contracts.notifier import MessageFailed, SendMessage
from shared.contracts.roster import InvitationRequested, ParentRemoved
from shared.runtime.observability import Health
from tests.integration.invitations.builders import report_fields
from tests.integration.invitations.driver import InvitationsDriver
from tests.support.waiting import eventually

LATE = "UPDATE invitations SET expires_at = now() - interval '1 second'"
DUE_IN = (
    "UPDATE invitations SET expires_at = now() + make_interval(secs => :seconds) WHERE parent_id = :parent_id"
)
HOW_LATE = """
SELECT extract(epoch FROM happened_at - expires_at) AS seconds
  FROM invitation_events JOIN invitations USING (parent_id) WHERE event = 'expired'
"""
THREE_DAYS_LATER = """
UPDATE invitations SET last_message_at = last_message_at - interval '3 days',
       expires_at = expires_at - interval '3 days',
       next_reminder_at = next_reminder_at - interval '3 days'
"""


async def test_p3_the_timer_announces_each_expiry_once_and_none_early(driver: InvitationsDriver) -> None:
    records = [
        await driver.add_invited_parent(),
        await driver.add_parent(),
        await driver.add_invited_parent(),
    ]
    await driver.invite(records[1])
    tasks = driver.tasks()
    await tasks.expire()
    assert await driver.emitted(InvitationExpired) == []
    await driver.sql(f"{LATE} WHERE parent_id <> :kept", kept=records[2].parent_id)
    for _ in range(2):
        await tasks.expire()
    announced = {event.parent_id for event in await driver.emitted(InvitationExpired)}
    assert announced == {records[0].parent_id, records[1].parent_id}
    assert len(await driver.emitted(InvitationExpired)) == 2
    assert (await driver.show(records[1]))["next_step"] == "Re-Invite to send a fresh link."


async def test_an_expiry_is_announced_when_it_is_due_and_not_with_the_next_poll(
    driver: InvitationsDriver,
) -> None:
    records = [await driver.add_invited_parent() for _ in range(2)]
    for record, seconds in zip(records, (0.2, 0.6), strict=True):
        await driver.sql(DUE_IN, seconds=seconds, parent_id=record.parent_id)
    task = asyncio.create_task(driver.tasks(expiry_poll_milliseconds=600_000).expiry_task().run(Health()))
    try:
        await eventually(lambda: _announced(driver, 2))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    late = await driver.sql(HOW_LATE)
    assert all(row.seconds > 0 for row in late), late


async def test_a_backlog_of_expiries_is_announced_once_by_concurrent_replicas(
    driver: InvitationsDriver,
) -> None:
    records = await driver.add_parents(70)
    await driver.consume(*(InvitationRequested(parent_id=record.parent_id) for record in records))
    await driver.sql(LATE)
    replicas = [driver.tasks(batch_size=2) for _ in range(2)]

    async def work_off(replica: ScheduledTasks) -> None:
        while await replica.expire():
            pass

    await asyncio.gather(*map(work_off, replicas))
    announced = await driver.emitted(InvitationExpired)
    assert len(announced) == 70
    assert {event.parent_id for event in announced} == {record.parent_id for record in records}
    assert len(await driver.sql(HOW_LATE)) == 70


async def test_a_poll_with_nothing_due_is_three_round_trips_and_expiries_are_two_more(
    driver: InvitationsDriver,
) -> None:
    records = [await driver.add_invited_parent() for _ in range(3)]
    trips: list[str] = []
    driver.database.watch = trips.append
    tasks = driver.tasks()
    await tasks.expire()
    assert len(trips) == 3
    await driver.sql(f"{LATE} WHERE parent_id <> :kept", kept=records[0].parent_id)
    trips.clear()
    await tasks.expire()
    assert len(trips) == 5


async def _announced(driver: InvitationsDriver, count: int) -> bool:
    return len(await driver.emitted(InvitationExpired)) == count


async def test_signed_up_invitations_never_expire(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    await driver.sign_up(record)
    await driver.sql(LATE)
    await driver.tasks().expire()
    await driver.activate_account(record)
    assert (await driver.show(record))["status"] == "signed_up"


async def test_a_sign_up_made_in_time_is_accepted_after_the_expiry_was_announced(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_invited_parent()
    (row,) = await driver.sql(f"{LATE} RETURNING expires_at")
    await driver.tasks().expire()
    assert (await driver.show(record))["status"] == "expired"
    assert await driver.answer_to(await driver.sign_up(record, at=row.expires_at)) == "accepted"


async def test_reminders_on_day_3_and_6_repeat_the_link(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    await driver.invite(record)
    tasks = driver.tasks()
    for _ in range(3):
        await tasks.remind()
        await tasks.remind()
        await driver.sql(THREE_DAYS_LATER)
    commands = await driver.emitted(SendMessage)
    assert [command.template for command in commands] == ["verify", "verify_reminder", "verify_reminder"]
    assert {(command.generation, command.token_key_id) for command in commands} == {(1, "k2")}
    assert len({command.message_id for command in commands}) == 3


async def test_the_invitation_is_reminded_of_with_its_own_template(driver: InvitationsDriver) -> None:
    await driver.add_invited_parent()
    await driver.sql(THREE_DAYS_LATER)
    await driver.tasks().remind()
    assert [command.template for command in await driver.emitted(SendMessage)][-1] == "invite_reminder"


async def test_s6_nobody_is_reminded_after_a_hard_bounce_a_removal_or_a_sign_up(
    driver: InvitationsDriver,
) -> None:
    bounced, removed, done = (
        await driver.add_parent(),
        await driver.add_parent(),
        await driver.add_invited_parent(),
    )
    await driver.invite(bounced)
    (command,) = [
        command for command in await driver.emitted(SendMessage) if command.parent_id == bounced.parent_id
    ]
    await driver.invite(removed)
    moment = command.expires_at
    await driver.consume(
        MessageFailed(
            **report_fields(command), failed_at=moment, permanent=True, code="5.1.1", reason="No mailbox."
        )
    )
    await driver.consume(ParentRemoved(parent_id=removed.parent_id))
    await driver.sign_up(done)
    before = len(await driver.emitted(SendMessage))
    await driver.sql(THREE_DAYS_LATER)
    await driver.tasks().remind()
    assert len(await driver.emitted(SendMessage)) == before
    shown = await driver.show(bounced)
    assert (shown["delivery"], shown["next_step"]) == (
        "failed_permanent",
        "Correct the e-mail address, then Re-Invite.",
    )
    assert (await driver.invite(bounced)).status_code == 202
    assert (await driver.show(bounced))["next_reminder_at"] is not None
