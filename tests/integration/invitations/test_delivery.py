"""Delivery reports on a real database."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.contracts.notifier import (
    MessageDelivered,
    MessageFailed,
    MessageOutcomeUnknown,
    MessageSent,
    SendMessage,
)
from tests.integration.invitations.builders import report_fields
from tests.integration.invitations.driver import InvitationsDriver

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def test_c14_staff_see_the_delivery_of_a_message(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    await driver.invite(record)
    (command,) = await driver.emitted(SendMessage)
    assert (await driver.show(record))["delivery"] == "queued"
    about = report_fields(command)
    await driver.consume(
        MessageFailed(**about, failed_at=NOW, permanent=False, code="4.2.2", reason="The mailbox is full.")
    )
    assert (await driver.show(record))["delivery"] == "failed_temporary"
    await driver.consume(MessageSent(**about, sent_at=NOW))
    await driver.consume(MessageDelivered(**about, delivered_at=NOW))
    await driver.consume(MessageSent(**about, sent_at=NOW))
    await driver.consume(MessageOutcomeUnknown(**about, reason="late"))
    shown = await driver.show(record)
    assert shown["delivery"] == "delivered"
    assert [line["event"] for line in shown["timeline"]][1:] == ["failed_temporary", "sent", "delivered"]


async def test_c14_a_hard_bounce_shows_failed_with_the_reason(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    await driver.invite(record)
    (command,) = await driver.emitted(SendMessage)
    about = report_fields(command)
    await driver.consume(
        MessageFailed(**about, failed_at=NOW, permanent=True, code="5.1.1", reason="There is no mailbox.")
    )
    shown = await driver.show(record)
    assert shown["delivery"] == "failed_permanent"
    assert "There is no mailbox." in shown["reason"]


async def test_the_report_of_a_replaced_message_does_not_change_the_new_one(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_parent()
    await driver.invite(record)
    await driver.invite(record)
    first, _ = await driver.emitted(SendMessage)
    await driver.consume(MessageSent(**report_fields(first), sent_at=NOW))
    assert (await driver.show(record))["delivery"] == "queued"


async def test_reports_about_unknown_messages_are_ignored(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    await driver.invite(record)
    (command,) = await driver.emitted(SendMessage)
    about = {**report_fields(command), "invitation_id": record.parent_id, "message_id": record.parent_id}
    await driver.consume(MessageSent(**about, sent_at=NOW))
    assert (await driver.show(record))["delivery"] == "queued"
