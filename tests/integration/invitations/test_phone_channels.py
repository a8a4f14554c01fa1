"""SMS and WhatsApp: the life cycle of an invitation, quiet hours, and STOP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.contracts.invitations import VerificationRequested
from shared.contracts.notifier import RecipientOptedIn, RecipientOptedOut, SendMessage
from shared.contracts.quiet_hours import QuietHours
from shared.contracts.roster import ParentContactChanged
from shared.contracts.values import address_digest
from tests.integration.invitations.builders import ParentRecord, settings_for
from tests.integration.invitations.driver import InvitationsDriver, open_driver
from tests.integration.invitations.test_bulk import show, start, work_off

CHANNELS = "email,sms,whatsapp"
PHONE = "+4915112345678"
both = pytest.mark.parametrize("channel", ["sms", "whatsapp"])


@pytest.fixture
async def driver(database_url: str) -> AsyncIterator[InvitationsDriver]:
    """Return a driver that can send on every channel, without quiet hours."""
    async with open_driver(settings_for(database_url, channels=CHANNELS, quiet_hours="none")) as opened:
        await opened.register_school()
        yield opened


@pytest.fixture
async def quiet(database_url: str) -> AsyncIterator[InvitationsDriver]:
    """Return a driver whose quiet hours include the present time."""
    local = datetime.now(ZoneInfo("Europe/London"))
    hours = f"{local - timedelta(hours=2):%H:%M}-{local + timedelta(hours=2):%H:%M}"
    async with open_driver(settings_for(database_url, channels=CHANNELS, quiet_hours=hours)) as opened:
        await opened.register_school()
        yield opened


async def _commands(driver: InvitationsDriver) -> list[tuple[str, str, str]]:
    sent = await driver.emitted(SendMessage)
    return [(command.channel, command.recipient.address, command.template) for command in sent]


async def _code(driver: InvitationsDriver, record: ParentRecord, channel: str) -> str:
    answer = await driver.invite(record, channel=channel)
    return "sent" if answer.status_code == 202 else str(answer.json()["code"])


@both
async def test_p5_p12_p13_the_invitation_follows_the_confirmed_number(
    driver: InvitationsDriver, channel: str
) -> None:
    record = await driver.add_parent(phone=PHONE)
    assert await _code(driver, record, channel) == "sent"
    assert await _commands(driver) == [(channel, PHONE, "verify")]
    await driver.verify(record)
    assert (await _commands(driver))[1:] == [(channel, PHONE, "invite")]
    assert (await driver.show(record))["status"] == "invited"
    assert await driver.answer_to(await driver.sign_up(record)) == "accepted"


@both
async def test_p5_p3_p4_an_expired_one_is_invited_again_and_the_new_one_works(
    driver: InvitationsDriver, channel: str
) -> None:
    record = await driver.add_parent(phone=PHONE)
    await driver.invite(record, channel=channel)
    await driver.verify(record)
    await driver.sql("UPDATE invitations SET expires_at = now() - interval '1 second'")
    assert await driver.answer_to(await driver.sign_up(record, generation=1)) == "expired"
    await driver.tasks().expire()
    assert (await driver.show(record))["status"] == "expired"
    assert await _code(driver, record, channel) == "sent"
    assert (await _commands(driver))[-1] == (channel, PHONE, "invite")
    assert await driver.answer_to(await driver.sign_up(record, generation=2)) == "accepted"


async def test_c11_a_parent_is_invited_and_re_invited_by_sms(driver: InvitationsDriver) -> None:
    record = await driver.add_parent(phone=PHONE)
    for action in ("Re-Invite", "Re-Invite"):
        assert await _code(driver, record, "sms") == "sent"
        shown = await driver.show(record)
        assert (shown["action"], shown["channel"]) == (action, "sms")
    assert await _commands(driver) == [("sms", PHONE, "verify")] * 2
    first, second = await driver.emitted(VerificationRequested)
    assert first.token_digest != second.token_digest


async def test_a_number_and_an_address_are_confirmed_each_for_itself(driver: InvitationsDriver) -> None:
    record = await driver.add_parent(phone=PHONE, verified=True)
    assert await _code(driver, record, "sms") == "sent"
    assert await _commands(driver) == [("sms", PHONE, "verify")]


async def test_a_parent_without_a_number_has_no_contact_for_sms(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    assert await _code(driver, record, "sms") == "no_contact"


@both
async def test_p6_c13_one_run_by_phone_for_all_who_have_one(driver: InvitationsDriver, channel: str) -> None:
    reachable = [await driver.add_parent(phone=f"+49151000000{number:02}") for number in range(12)]
    for _ in range(3):
        await driver.add_parent()
    body = {"channel": channel}
    preview = await driver.client.post(
        f"{driver.root}/bulk", json={"select": {"all": True}, **body, "dry_run": True}
    )
    assert (preview.json()["to_message"], preview.json()["skipped"]) == (12, {"no_contact": 3})
    run = await start(driver, **body)
    await work_off(driver)
    shown = await show(driver, run)
    assert (shown["state"], shown["messaged"], shown["skipped"]) == ("done", 12, {"no_contact": 3})
    assert sorted(await _commands(driver)) == [(channel, record.phone, "verify") for record in reachable]


async def test_a_channel_that_is_not_set_up_is_refused_by_name(database_url: str) -> None:
    async with open_driver(settings_for(database_url)) as plain:
        await plain.register_school()
        record = await plain.add_parent(phone=PHONE)
        assert await _code(plain, record, "sms") == "channel_not_configured"
        body = {"select": {"all": True}, "channel": "whatsapp", "dry_run": True}
        answer = await plain.client.post(f"{plain.root}/bulk", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "channel")
        assert await _commands(plain) == []


@both
async def test_quiet_hours_defer_messages_until_their_end(quiet: InvitationsDriver, channel: str) -> None:
    record = await quiet.add_parent(phone=PHONE)
    assert await _code(quiet, record, channel) == "sent"
    shown = await quiet.show(record)
    send_at = datetime.fromisoformat(shown["send_at"])
    assert shown["delivery"] == "deferred"
    assert timedelta(hours=1) < send_at - datetime.now(UTC) < timedelta(hours=2, minutes=1)
    assert datetime.fromisoformat(shown["expires_at"]) == send_at + timedelta(days=7)
    [event] = await quiet.emitted(VerificationRequested)
    assert (event.send_at, event.expires_at) == (send_at, send_at + timedelta(days=7))
    await _end_quiet_hours(quiet)
    assert await _commands(quiet) == [(channel, PHONE, "verify")]
    assert (await quiet.show(record))["delivery"] == "queued"
    [command] = await quiet.emitted(SendMessage)
    assert command.message_id == event.message_id


async def test_quiet_hours_defer_no_email(quiet: InvitationsDriver) -> None:
    record = await quiet.add_parent(phone=PHONE)
    assert await _code(quiet, record, "email") == "sent"
    assert len(await _commands(quiet)) == 1


async def test_what_is_withdrawn_in_quiet_hours_is_not_sent_after_them(quiet: InvitationsDriver) -> None:
    withdrawn, gone, again = [await quiet.add_parent(phone=f"+4915100000{n:03}") for n in range(3)]
    for record in (withdrawn, gone, again, again):
        assert await _code(quiet, record, "sms") == "sent"
    await quiet.client.delete(f"{quiet.root}/invitations/{withdrawn.parent_id}")
    gone.phone = ""
    await quiet.consume(gone.event(ParentContactChanged))
    await _end_quiet_hours(quiet)
    assert await _commands(quiet) == [("sms", again.phone, "verify")]
    [command] = await quiet.emitted(SendMessage)
    assert command.generation == 2


async def test_a_run_in_quiet_hours_is_done_and_sent_once_after_them(quiet: InvitationsDriver) -> None:
    records = [await quiet.add_parent(phone=f"+49151000000{number:02}") for number in range(7)]
    run = await start(quiet, channel="sms")
    await work_off(quiet)
    shown = await show(quiet, run)
    assert (shown["state"], shown["messaged"], shown["waiting"]) == ("done", 7, 0)
    assert await _commands(quiet) == []
    await _end_quiet_hours(quiet)
    await _end_quiet_hours(quiet)
    assert sorted(address for _, address, _ in await _commands(quiet)) == [record.phone for record in records]
    topics = await quiet.sql("SELECT DISTINCT topic FROM outbox WHERE topic LIKE 'notifier.%'")
    assert [row.topic for row in topics] == ["notifier.commands.bulk"]


async def test_a_run_in_quiet_hours_counts_only_what_was_sent(quiet: InvitationsDriver) -> None:
    sent, withdrawn, again, gone = [
        await quiet.add_parent(phone=f"+49151000000{number:02}") for number in range(4)
    ]
    run = await start(quiet, channel="sms")
    await work_off(quiet)
    await quiet.client.delete(f"{quiet.root}/invitations/{withdrawn.parent_id}")
    assert await _code(quiet, again, "sms") == "sent"
    gone.phone = ""
    await quiet.consume(gone.event(ParentContactChanged))
    await _end_quiet_hours(quiet)
    assert sorted(address for _, address, _ in await _commands(quiet)) == [sent.phone, again.phone]
    shown = await show(quiet, run)
    assert (shown["state"], shown["messaged"], shown["skipped"]) == ("done", 1, {"not_sent": 3})
    await quiet.client.delete(f"{quiet.root}/invitations/{sent.parent_id}")
    assert (await show(quiet, run))["messaged"] == 1, "what was sent stays counted"


async def test_a_parent_who_confirms_in_quiet_hours_gets_the_invitation_at_once(
    quiet: InvitationsDriver,
) -> None:
    record = await quiet.add_parent(phone=PHONE)
    await quiet.invite(record, channel="sms")
    await _end_quiet_hours(quiet)
    await quiet.verify(record)
    assert [template for _, _, template in await _commands(quiet)] == ["verify", "invite"]


async def test_a_reminder_is_deferred_until_the_end_of_quiet_hours(quiet: InvitationsDriver) -> None:
    record = await quiet.add_parent(phone=PHONE)
    await quiet.invite(record, channel="sms")
    await _end_quiet_hours(quiet)
    await quiet.sql(
        "UPDATE invitations SET next_reminder_at = now(), last_message_at = now() - interval '2 days'"
    )
    await quiet.tasks().remind()
    assert len(await _commands(quiet)) == 1
    [row] = await quiet.sql("SELECT next_reminder_at > now() + interval '1 hour' AS held FROM invitations")
    assert row.held


async def _end_quiet_hours(driver: InvitationsDriver) -> None:
    """End quiet hours and send all deferred messages."""
    await driver.sql("UPDATE invitations SET send_at = now() WHERE send_at IS NOT NULL")
    tasks = driver.tasks()
    day = QuietHours(time(0), time(0))
    tasks.policy = replace(tasks.policy, limits=replace(tasks.policy.limits, quiet=day))
    while await tasks.send_deferred():
        pass


async def test_a_message_that_missed_the_end_of_quiet_hours_waits_for_the_next_one(
    quiet: InvitationsDriver,
) -> None:
    """No worker ran when quiet hours ended, and they have begun again."""
    record = await quiet.add_parent(phone=PHONE)
    await quiet.invite(record, channel="sms")
    await quiet.sql("UPDATE invitations SET send_at = now() - interval '10 hours'")
    assert not await quiet.tasks().send_deferred()
    assert await _commands(quiet) == []
    [row] = await quiet.sql("SELECT send_at > now() + interval '1 hour' AS held, delivery FROM invitations")
    assert (row.held, row.delivery) == (True, "deferred")
    await _end_quiet_hours(quiet)
    assert await _commands(quiet) == [("sms", PHONE, "verify")]


async def test_a_message_carries_the_quiet_hours_it_must_keep(quiet: InvitationsDriver) -> None:
    texted, mailed = await quiet.add_parent(phone=PHONE), await quiet.add_parent()
    await quiet.invite(texted, channel="sms")
    await quiet.invite(mailed, channel="email")
    tasks = quiet.tasks()
    local = datetime.now(ZoneInfo("Europe/London"))
    later = QuietHours((local + timedelta(hours=2)).time(), (local + timedelta(hours=3)).time())
    tasks.policy = replace(tasks.policy, limits=replace(tasks.policy.limits, quiet=later))
    await quiet.sql("UPDATE invitations SET send_at = now() WHERE send_at IS NOT NULL")
    await tasks.send_deferred()
    await quiet.verify(texted)
    emailed, texted_now, requested = await quiet.emitted(SendMessage)
    assert (emailed.quiet_from, emailed.quiet_until) == (None, None)
    assert (texted_now.quiet_from, texted_now.quiet_until) == (later.begin, later.end)
    assert (requested.template, requested.quiet_from) == ("invite", None), "who confirms is awake"


def _stop(record: ParentRecord, channel: str = "sms") -> RecipientOptedOut:
    return RecipientOptedOut(
        parent_id=record.parent_id,
        channel=channel,  # type: ignore[arg-type]
        address_digest=address_digest(PHONE),
        opted_out_at=datetime.now(UTC),
    )


async def test_i36_a_parent_who_answered_stop_is_not_invited_again_on_that_channel(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_parent(phone=PHONE)
    await driver.consume(_stop(record))
    assert await _code(driver, record, "sms") == "opted_out"
    run = await start(driver, channel="sms")
    await work_off(driver)
    assert (await show(driver, run))["skipped"] == {"opted_out": 1}
    assert await _commands(driver) == []
    assert await _code(driver, record, "whatsapp") == "sent"
    timeline = (await driver.show(record))["timeline"]
    assert timeline[0]["event"] == "opted_out"


async def test_i36_a_stop_ends_reminders_and_a_start_or_another_number_lets_messages_through(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_parent(phone=PHONE)
    await driver.invite(record, channel="sms")
    await driver.consume(_stop(record), version=5)
    await driver.sql(
        "UPDATE invitations SET next_reminder_at = now(), last_message_at = now() - interval '2 days'"
    )
    await driver.tasks().remind()
    assert len(await _commands(driver)) == 1
    opted_in = RecipientOptedIn(
        parent_id=record.parent_id,
        channel="sms",
        address_digest=address_digest(PHONE),
        opted_in_at=datetime.now(UTC),
    )
    await driver.consume(opted_in, version=4)
    assert await _code(driver, record, "sms") == "opted_out"
    await driver.consume(opted_in, version=6)
    assert await _code(driver, record, "sms") == "sent"
    await driver.consume(_stop(record), version=7)
    record.phone = "+4915187654321"
    await driver.consume(record.event(ParentContactChanged))
    await driver.sql("UPDATE invitations SET last_reinvite_at = NULL")
    assert await _code(driver, record, "sms") == "sent"
    [row] = await driver.sql("SELECT address_digest FROM opt_outs")
    assert row.address_digest == address_digest(PHONE)
