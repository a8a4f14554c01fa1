"""The delivery axis on a real database."""

from datetime import UTC, datetime

from shared.contracts.notifier import (
    MessageDelivered,
    MessageFailed,
    MessageOutcomeUnknown,
    MessageSent,
    SendMessage,
)
from tests.integration.invitations.scene import Scene, outcome_of

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def test_c14_staff_see_what_became_of_a_message(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    (command,) = await school.emitted(SendMessage)
    assert (await school.show(family))["delivery"] == "queued"
    about = outcome_of(command)
    await school.feed(
        MessageFailed(**about, failed_at=NOW, permanent=False, code="4.2.2", reason="The mailbox is full.")
    )
    assert (await school.show(family))["delivery"] == "failed_temporary"
    await school.feed(MessageSent(**about, sent_at=NOW))
    await school.feed(MessageDelivered(**about, delivered_at=NOW))
    await school.feed(MessageSent(**about, sent_at=NOW))
    await school.feed(MessageOutcomeUnknown(**about, reason="late"))
    shown = await school.show(family)
    assert shown["delivery"] == "delivered"
    assert [line["event"] for line in shown["timeline"]][1:] == ["failed_temporary", "sent", "delivered"]


async def test_c14_a_hard_bounce_shows_failed_with_the_reason(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    (command,) = await school.emitted(SendMessage)
    about = outcome_of(command)
    await school.feed(
        MessageFailed(**about, failed_at=NOW, permanent=True, code="5.1.1", reason="There is no mailbox.")
    )
    shown = await school.show(family)
    assert shown["delivery"] == "failed_permanent"
    assert "There is no mailbox." in shown["reason"]


async def test_the_outcome_of_a_replaced_message_is_not_the_new_ones(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    await school.invite(family)
    first, _ = await school.emitted(SendMessage)
    await school.feed(MessageSent(**outcome_of(first), sent_at=NOW))
    assert (await school.show(family))["delivery"] == "queued"


async def test_outcomes_of_messages_nobody_here_knows_are_passed_by(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    (command,) = await school.emitted(SendMessage)
    about = {**outcome_of(command), "invitation_id": family.parent_id, "message_id": family.parent_id}
    await school.feed(MessageSent(**about, sent_at=NOW))
    assert (await school.show(family))["delivery"] == "queued"
