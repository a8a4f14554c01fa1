"""What time brings. Due times are moved in the rows; the clock is the database's."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.invitations.timers import Sweeps
from shared.contracts.invitations import InvitationExpired
from shared.contracts.notifier import MessageFailed, SendMessage
from shared.contracts.roster import InvitationRequested, ParentRemoved
from shared.runtime.observability import Health
from tests.integration.invitations.scene import Scene, outcome_of
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


async def test_p3_the_timer_announces_each_expiry_once_and_none_early(school: Scene) -> None:
    families = [await school.invited(), await school.family(), await school.invited()]
    await school.invite(families[1])
    sweeps = school.sweeps()
    await sweeps._expire()
    assert await school.emitted(InvitationExpired) == []
    await school.sql(f"{LATE} WHERE parent_id <> :kept", kept=families[2].parent_id)
    for _ in range(2):
        await sweeps._expire()
    announced = {one.parent_id for one in await school.emitted(InvitationExpired)}
    assert announced == {families[0].parent_id, families[1].parent_id}
    assert len(await school.emitted(InvitationExpired)) == 2
    assert (await school.show(families[1]))["next_step"] == "Re-invite the parent."


async def test_p3_an_expiry_is_announced_when_it_is_due_and_not_with_the_next_poll(school: Scene) -> None:
    families = [await school.invited() for _ in range(2)]
    for family, seconds in zip(families, (0.2, 0.6), strict=True):
        await school.sql(DUE_IN, seconds=seconds, parent_id=family.parent_id)
    task = asyncio.create_task(_sweeps(school, expiry_poll_milliseconds=600_000).expiry().run(Health()))
    try:
        await eventually(lambda: _announced(school, 2))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    late = await school.sql(HOW_LATE)
    assert all(row.seconds > 0 for row in late), late


async def test_p3_a_backlog_is_announced_once_by_replicas_that_each_look_twice_at_a_time(
    school: Scene,
) -> None:
    families = await school.families(70)
    await school.feed(*(InvitationRequested(parent_id=family.parent_id) for family in families))
    await school.sql(LATE)
    replicas = [_sweeps(school, batch_size=2) for _ in range(2)]

    async def sweep(replica: Sweeps) -> None:
        while await replica._expire():
            pass

    await asyncio.gather(*map(sweep, replicas))
    announced = await school.emitted(InvitationExpired)
    assert len(announced) == 70
    assert {one.parent_id for one in announced} == {family.parent_id for family in families}
    assert len(await school.sql(HOW_LATE)) == 70


async def test_a_look_at_nothing_due_is_three_round_trips_and_expiries_are_two_more(school: Scene) -> None:
    families = [await school.invited() for _ in range(3)]
    trips: list[str] = []
    school.database.watch = trips.append
    sweeps = school.sweeps()
    await sweeps._expire()
    assert len(trips) == 3
    await school.sql(f"{LATE} WHERE parent_id <> :kept", kept=families[0].parent_id)
    trips.clear()
    await sweeps._expire()
    assert len(trips) == 5


async def test_where_one_of_two_looks_fails_the_failure_is_told_and_the_rest_is_announced(
    school: Scene,
) -> None:
    families = await school.families(9)
    await school.feed(*(InvitationRequested(parent_id=family.parent_id) for family in families))
    await school.sql(LATE)
    sweeps = _sweeps(school, batch_size=1)
    real = sweeps._expire_some
    looks = iter([real, _fails])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sweeps, "_expire_some", lambda _: next(looks, real)())
        with pytest.raises(ConnectionError):
            await sweeps._expire()
    assert len(await school.emitted(InvitationExpired)) == 9


async def _fails() -> bool:
    raise ConnectionError


def _sweeps(school: Scene, **changes: Any) -> Sweeps:
    sweeps = school.sweeps()
    return replace(sweeps, settings=sweeps.settings.model_copy(update=changes))


async def _announced(school: Scene, count: int) -> bool:
    return len(await school.emitted(InvitationExpired)) == count


async def test_signed_up_invitations_never_expire(school: Scene) -> None:
    family = await school.invited()
    await school.join(family)
    await school.sql(LATE)
    await school.sweeps()._expire()
    assert (await school.show(family))["status"] == "signed_up"


async def test_a_sign_up_made_in_time_is_accepted_after_the_expiry_was_announced(school: Scene) -> None:
    family = await school.invited()
    (row,) = await school.sql(f"{LATE} RETURNING expires_at")
    await school.sweeps()._expire()
    assert (await school.show(family))["status"] == "expired"
    assert await school.answer_to(await school.join(family, at=row.expires_at)) == "accepted"


async def test_reminders_on_day_3_and_6_repeat_the_link(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    sweeps = school.sweeps()
    for _ in range(3):
        await sweeps._remind()
        await sweeps._remind()
        await school.sql(THREE_DAYS_LATER)
    commands = await school.emitted(SendMessage)
    assert [one.template for one in commands] == ["verify", "verify_reminder", "verify_reminder"]
    assert {(one.generation, one.token_key_id) for one in commands} == {(1, "k2")}
    assert len({one.message_id for one in commands}) == 3


async def test_the_invitation_is_reminded_of_with_its_own_template(school: Scene) -> None:
    await school.invited()
    await school.sql(THREE_DAYS_LATER)
    await school.sweeps()._remind()
    assert [one.template for one in await school.emitted(SendMessage)][-1] == "invite_reminder"


async def test_s6_nobody_is_reminded_after_a_hard_bounce_a_removal_or_a_sign_up(school: Scene) -> None:
    bounced, removed, done = await school.family(), await school.family(), await school.invited()
    await school.invite(bounced)
    (command,) = [one for one in await school.emitted(SendMessage) if one.parent_id == bounced.parent_id]
    await school.invite(removed)
    moment = command.expires_at
    await school.feed(
        MessageFailed(
            **outcome_of(command), failed_at=moment, permanent=True, code="5.1.1", reason="No mailbox."
        )
    )
    await school.feed(ParentRemoved(parent_id=removed.parent_id))
    await school.join(done)
    before = len(await school.emitted(SendMessage))
    await school.sql(THREE_DAYS_LATER)
    await school.sweeps()._remind()
    assert len(await school.emitted(SendMessage)) == before
    shown = await school.show(bounced)
    assert (shown["delivery"], shown["next_step"]) == (
        "failed_permanent",
        "Correct the address, or re-invite the parent.",
    )
    assert (await school.invite(bounced)).status_code == 202
    assert (await school.show(bounced))["next_reminder_at"] is not None
