"""Channel and time of messages: new links, parents with only a phone, quiet hours of a school."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.contracts.notifier import MessageFailed, MessageSent, RecipientOptedOut, SendMessage
from shared.contracts.roster import InvitationRequested
from shared.contracts.signup import FreshLinkRequested
from shared.contracts.values import address_digest
from tests.integration.invitations.builders import ParentRecord, report_fields, settings_for
from tests.integration.invitations.driver import InvitationsDriver, open_driver

PHONE = "+4915112345678"
LONDON = ZoneInfo("Europe/London")


@pytest.fixture
async def driver(database_url: str) -> AsyncIterator[InvitationsDriver]:
    """Return a driver that can send on every channel, without quiet hours."""
    settings = settings_for(database_url, channels="email,sms,whatsapp", quiet_hours="none")
    async with open_driver(settings) as opened:
        await opened.register_school()
        yield opened


async def _channels(driver: InvitationsDriver) -> list[tuple[str, str]]:
    return [(command.channel, command.recipient.address) for command in await driver.emitted(SendMessage)]


async def _request_link(driver: InvitationsDriver, record: ParentRecord) -> None:
    """Request a new link on the page of the expired one."""
    await driver.sql("UPDATE invitations SET expires_at = now() - interval '1 hour'")
    await driver.tasks().expire()
    link = await driver.newest_link(record)
    moment = datetime.now(UTC)
    await driver.consume(
        FreshLinkRequested(invitation_id=link.invitation_id, generation=1, requested_at=moment)
    )


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_s4_p5_a_new_link_uses_the_channel_of_the_old_one(
    driver: InvitationsDriver, channel: str
) -> None:
    record = await driver.add_parent(phone=PHONE)
    await driver.invite(record, channel=channel)
    await _request_link(driver, record)
    assert await _channels(driver) == [(channel, PHONE)] * 2


async def test_i36_a_parent_who_answered_stop_gets_no_new_link_by_phone_and_the_timeline_states_why(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_parent(phone=PHONE)
    await driver.invite(record, channel="sms")
    await driver.consume(
        RecipientOptedOut(
            parent_id=record.parent_id,
            channel="sms",
            address_digest=address_digest(PHONE),
            opted_out_at=datetime.now(UTC),
        )
    )
    await _request_link(driver, record)
    assert len(await _channels(driver)) == 1
    lines = [(line["event"], line["detail"]) for line in (await driver.show(record))["timeline"]]
    assert ("opted_out", "sms") in lines
    assert lines[-1] == ("not_invited", "parent: opted_out")


async def test_p9_a_parent_with_only_a_phone_is_invited_there(driver: InvitationsDriver) -> None:
    alone, both = (
        await driver.add_parent(phone=PHONE, address=""),
        await driver.add_parent(phone="+4915100000001"),
    )
    for record in (alone, both):
        await driver.consume(InvitationRequested(parent_id=record.parent_id))
    assert await _channels(driver) == [("sms", PHONE), ("email", both.address)]


async def test_a_parent_with_only_a_phone_is_not_invited_where_only_email_is_set_up(
    database_url: str,
) -> None:
    async with open_driver(settings_for(database_url)) as plain:
        await plain.register_school()
        record = await plain.add_parent(phone=PHONE, address="")
        await plain.consume(InvitationRequested(parent_id=record.parent_id))
        assert await _channels(plain) == []
        assert (await plain.show(record))["timeline"][-1]["detail"] == "added: no_contact"


async def test_a_schools_own_quiet_hours_defer_messages_to_phones(database_url: str) -> None:
    settings = settings_for(database_url, channels="email,sms,whatsapp")
    local = datetime.now(LONDON)
    begin, end = (local - timedelta(hours=1)).time(), (local + timedelta(hours=1)).time()
    async with open_driver(settings) as quiet:
        await quiet.register_school(quiet_from=begin.replace(second=0), quiet_until=end.replace(second=0))
        record = await quiet.add_parent(phone=PHONE)
        await quiet.invite(record, channel="sms")
        shown = await quiet.show(record)
        assert (shown["delivery"], await _channels(quiet)) == ("deferred", [])
        assert "quiet hours" in shown["reason"]


async def test_a_school_without_quiet_hours_writes_at_any_time(database_url: str) -> None:
    async with open_driver(settings_for(database_url, channels="email,sms,whatsapp")) as driver:
        await driver.register_school(quiet_from=time(0), quiet_until=time(0))
        record = await driver.add_parent(phone=PHONE)
        await driver.invite(record, channel="sms")
        assert await _channels(driver) == [("sms", PHONE)]


async def test_c14_a_failure_for_now_that_is_reported_after_the_hand_over_shows(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_parent(phone=PHONE)
    await driver.invite(record, channel="sms")
    (command,) = await driver.emitted(SendMessage)
    about, now = report_fields(command), datetime.now(UTC)
    held_up = MessageFailed(
        **about, failed_at=now, permanent=False, code="30001", reason="Its queue was full."
    )
    for event in (MessageSent(**about, sent_at=now, confirmable=True), held_up):
        await driver.consume(event)
    shown = await driver.show(record)
    assert shown["delivery"] == "failed_temporary"
    assert shown["reason"] == "Not delivered yet: Its queue was full."
    await driver.consume(MessageSent(**about, sent_at=now, confirmable=True))
    assert (await driver.show(record))["delivery"] == "sent"
