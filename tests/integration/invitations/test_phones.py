"""SMS and WhatsApp: the same life of an invitation, quiet hours, and STOP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.invitations.domain.models import QuietHours
from shared.contracts.invitations import VerificationRequested
from shared.contracts.notifier import RecipientOptedIn, RecipientOptedOut, SendMessage
from shared.contracts.roster import ParentContactChanged
from shared.contracts.values import address_digest
from tests.integration.invitations.scene import Family, Scene, scene, settings_for
from tests.integration.invitations.test_bulk import show, start, work_off

CHANNELS = "email,sms,whatsapp"
PHONE = "+4915112345678"
both = pytest.mark.parametrize("channel", ["sms", "whatsapp"])


@pytest.fixture
async def school(database_url: str) -> AsyncIterator[Scene]:
    """A school by day."""
    async with scene(settings_for(database_url, channels=CHANNELS, quiet_hours="none")) as opened:
        await opened.open_school()
        yield opened


@pytest.fixture
async def night(database_url: str) -> AsyncIterator[Scene]:
    """A school where it is night, whatever the time is."""
    local = datetime.now(ZoneInfo("Europe/London"))
    hours = f"{local - timedelta(hours=2):%H:%M}-{local + timedelta(hours=2):%H:%M}"
    async with scene(settings_for(database_url, channels=CHANNELS, quiet_hours=hours)) as opened:
        await opened.open_school()
        yield opened


async def _commands(school: Scene) -> list[tuple[str, str, str]]:
    sent = await school.emitted(SendMessage)
    return [(one.channel, one.recipient.address, one.template) for one in sent]


async def _code(school: Scene, family: Family, channel: str) -> str:
    answer = await school.invite(family, channel=channel)
    return "sent" if answer.status_code == 202 else str(answer.json()["code"])


@both
async def test_p5_p12_p13_the_invitation_follows_the_confirmed_number(school: Scene, channel: str) -> None:
    family = await school.family(phone=PHONE)
    assert await _code(school, family, channel) == "sent"
    assert await _commands(school) == [(channel, PHONE, "verify")]
    await school.verify(family)
    assert (await _commands(school))[1:] == [(channel, PHONE, "invite")]
    assert (await school.show(family))["status"] == "invited"
    assert await school.answer_to(await school.join(family)) == "accepted"


@both
async def test_p5_p3_p4_an_expired_one_is_invited_again_and_the_new_one_works(
    school: Scene, channel: str
) -> None:
    family = await school.family(phone=PHONE)
    await school.invite(family, channel=channel)
    await school.verify(family)
    await school.sql("UPDATE invitations SET expires_at = now() - interval '1 second'")
    assert await school.answer_to(await school.join(family, generation=1)) == "expired"
    await school.sweeps()._expire()
    assert (await school.show(family))["status"] == "expired"
    assert await _code(school, family, channel) == "sent"
    assert (await _commands(school))[-1] == (channel, PHONE, "invite")
    assert await school.answer_to(await school.join(family, generation=2)) == "accepted"


async def test_c11_a_parent_is_invited_and_re_invited_by_sms(school: Scene) -> None:
    family = await school.family(phone=PHONE)
    for action in ("Re-Invite", "Re-Invite"):
        assert await _code(school, family, "sms") == "sent"
        shown = await school.show(family)
        assert (shown["action"], shown["channel"]) == (action, "sms")
    assert await _commands(school) == [("sms", PHONE, "verify")] * 2
    first, second = await school.emitted(VerificationRequested)
    assert first.token_digest != second.token_digest


async def test_a_number_and_an_address_are_confirmed_each_for_itself(school: Scene) -> None:
    family = await school.family(phone=PHONE, verified=True)
    assert await _code(school, family, "sms") == "sent"
    assert await _commands(school) == [("sms", PHONE, "verify")]


async def test_a_parent_without_a_number_has_no_contact_for_sms(school: Scene) -> None:
    family = await school.family()
    assert await _code(school, family, "sms") == "no_contact"


@both
async def test_p6_c13_one_run_by_phone_for_all_who_have_one(school: Scene, channel: str) -> None:
    reachable = [await school.family(phone=f"+49151000000{number:02}") for number in range(12)]
    for _ in range(3):
        await school.family()
    body = {"channel": channel}
    preview = await school.client.post(
        f"{school.root}/bulk", json={"select": {"all": True}, **body, "dry_run": True}
    )
    assert (preview.json()["to_message"], preview.json()["skipped"]) == (12, {"no_contact": 3})
    run = await start(school, **body)
    await work_off(school)
    shown = await show(school, run)
    assert (shown["state"], shown["messaged"], shown["skipped"]) == ("done", 12, {"no_contact": 3})
    assert sorted(await _commands(school)) == [(channel, family.phone, "verify") for family in reachable]


async def test_a_channel_that_is_not_set_up_is_refused_by_name(database_url: str) -> None:
    async with scene(settings_for(database_url)) as plain:
        await plain.open_school()
        family = await plain.family(phone=PHONE)
        assert await _code(plain, family, "sms") == "channel_not_configured"
        body = {"select": {"all": True}, "channel": "whatsapp", "dry_run": True}
        answer = await plain.client.post(f"{plain.root}/bulk", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "channel")
        assert await _commands(plain) == []


@both
async def test_quiet_hours_defer_until_the_morning(night: Scene, channel: str) -> None:
    family = await night.family(phone=PHONE)
    assert await _code(night, family, channel) == "sent"
    shown = await night.show(family)
    send_at = datetime.fromisoformat(shown["send_at"])
    assert shown["delivery"] == "deferred"
    assert timedelta(hours=1) < send_at - datetime.now(UTC) < timedelta(hours=2, minutes=1)
    assert datetime.fromisoformat(shown["expires_at"]) == send_at + timedelta(days=7)
    [fact] = await night.emitted(VerificationRequested)
    assert (fact.send_at, fact.expires_at) == (send_at, send_at + timedelta(days=7))
    await _morning(night)
    assert await _commands(night) == [(channel, PHONE, "verify")]
    assert (await night.show(family))["delivery"] == "queued"
    [command] = await night.emitted(SendMessage)
    assert command.message_id == fact.message_id


async def test_quiet_hours_hold_no_mail(night: Scene) -> None:
    family = await night.family(phone=PHONE)
    assert await _code(night, family, "email") == "sent"
    assert len(await _commands(night)) == 1


async def test_what_is_withdrawn_in_the_night_is_not_sent_in_the_morning(night: Scene) -> None:
    withdrawn, gone, again = [await night.family(phone=f"+4915100000{n:03}") for n in range(3)]
    for family in (withdrawn, gone, again, again):
        assert await _code(night, family, "sms") == "sent"
    await night.client.delete(f"{night.root}/invitations/{withdrawn.parent_id}")
    gone.phone = ""
    await night.feed(gone.fact(ParentContactChanged))
    await _morning(night)
    assert await _commands(night) == [("sms", again.phone, "verify")]
    [command] = await night.emitted(SendMessage)
    assert command.generation == 2


async def test_a_run_in_the_night_is_done_and_sent_in_the_morning_once(night: Scene) -> None:
    families = [await night.family(phone=f"+49151000000{number:02}") for number in range(7)]
    run = await start(night, channel="sms")
    await work_off(night)
    shown = await show(night, run)
    assert (shown["state"], shown["messaged"], shown["waiting"]) == ("done", 7, 0)
    assert await _commands(night) == []
    await _morning(night)
    await _morning(night)
    assert sorted(address for _, address, _ in await _commands(night)) == [one.phone for one in families]
    topics = await night.sql("SELECT DISTINCT topic FROM outbox WHERE topic LIKE 'notifier.%'")
    assert [row.topic for row in topics] == ["notifier.commands.bulk"]


async def test_p6_a_run_in_the_night_counts_only_what_was_sent(night: Scene) -> None:
    sent, withdrawn, again, gone = [
        await night.family(phone=f"+49151000000{number:02}") for number in range(4)
    ]
    run = await start(night, channel="sms")
    await work_off(night)
    await night.client.delete(f"{night.root}/invitations/{withdrawn.parent_id}")
    assert await _code(night, again, "sms") == "sent"
    gone.phone = ""
    await night.feed(gone.fact(ParentContactChanged))
    await _morning(night)
    assert sorted(address for _, address, _ in await _commands(night)) == [sent.phone, again.phone]
    shown = await show(night, run)
    assert (shown["state"], shown["messaged"], shown["skipped"]) == ("done", 1, {"not_sent": 3})
    await night.client.delete(f"{night.root}/invitations/{sent.parent_id}")
    assert (await show(night, run))["messaged"] == 1, "what was sent stays counted"


async def test_who_confirms_at_night_gets_the_invitation_at_once(night: Scene) -> None:
    family = await night.family(phone=PHONE)
    await night.invite(family, channel="sms")
    await _morning(night)
    await night.verify(family)
    assert [template for _, _, template in await _commands(night)] == ["verify", "invite"]


async def test_a_reminder_waits_for_the_morning(night: Scene) -> None:
    family = await night.family(phone=PHONE)
    await night.invite(family, channel="sms")
    await _morning(night)
    await night.sql(
        "UPDATE invitations SET next_reminder_at = now(), last_message_at = now() - interval '2 days'"
    )
    await night.sweeps()._remind()
    assert len(await _commands(night)) == 1
    [row] = await night.sql("SELECT next_reminder_at > now() + interval '1 hour' AS held FROM invitations")
    assert row.held


async def _morning(school: Scene) -> None:
    """Quiet hours are over for what waits."""
    await school.sql("UPDATE invitations SET send_at = now() WHERE send_at IS NOT NULL")
    sweeps = school.sweeps()
    day = QuietHours(time(0), time(0))
    sweeps.desk = replace(sweeps.desk, limits=replace(sweeps.desk.limits, quiet=day))
    while await sweeps._release():
        pass


async def test_what_missed_its_morning_waits_for_the_next(night: Scene) -> None:
    """Nothing ran from the morning on, and now it is night again."""
    family = await night.family(phone=PHONE)
    await night.invite(family, channel="sms")
    await night.sql("UPDATE invitations SET send_at = now() - interval '10 hours'")
    assert not await night.sweeps()._release()
    assert await _commands(night) == []
    [row] = await night.sql("SELECT send_at > now() + interval '1 hour' AS held, delivery FROM invitations")
    assert (row.held, row.delivery) == (True, "deferred")
    await _morning(night)
    assert await _commands(night) == [("sms", PHONE, "verify")]


async def test_a_message_carries_the_quiet_hours_it_must_keep(night: Scene) -> None:
    texted, mailed = await night.family(phone=PHONE), await night.family()
    await night.invite(texted, channel="sms")
    await night.invite(mailed, channel="email")
    sweeps = night.sweeps()
    local = datetime.now(ZoneInfo("Europe/London"))
    later = QuietHours((local + timedelta(hours=2)).time(), (local + timedelta(hours=3)).time())
    sweeps.desk = replace(sweeps.desk, limits=replace(sweeps.desk.limits, quiet=later))
    await night.sql("UPDATE invitations SET send_at = now() WHERE send_at IS NOT NULL")
    await sweeps._release()
    await night.verify(texted)
    mail, text, asked_for = await night.emitted(SendMessage)
    assert (mail.quiet_from, mail.quiet_until) == (None, None)
    assert (text.quiet_from, text.quiet_until) == (later.begin, later.end)
    assert (asked_for.template, asked_for.quiet_from) == ("invite", None), "who confirms is awake"


def _stop(family: Family, channel: str = "sms") -> RecipientOptedOut:
    return RecipientOptedOut(
        parent_id=family.parent_id,
        channel=channel,  # type: ignore[arg-type]
        address_digest=address_digest(PHONE),
        opted_out_at=datetime.now(UTC),
    )


async def test_i36_who_answered_stop_is_not_asked_again_on_that_channel(school: Scene) -> None:
    family = await school.family(phone=PHONE)
    await school.feed(_stop(family))
    assert await _code(school, family, "sms") == "opted_out"
    run = await start(school, channel="sms")
    await work_off(school)
    assert (await show(school, run))["skipped"] == {"opted_out": 1}
    assert await _commands(school) == []
    assert await _code(school, family, "whatsapp") == "sent"
    timeline = (await school.show(family))["timeline"]
    assert timeline[0]["event"] == "opted_out"


async def test_i36_a_stop_ends_reminders_and_a_start_or_another_number_lets_messages_through(
    school: Scene,
) -> None:
    family = await school.family(phone=PHONE)
    await school.invite(family, channel="sms")
    await school.feed(_stop(family), version=5)
    await school.sql(
        "UPDATE invitations SET next_reminder_at = now(), last_message_at = now() - interval '2 days'"
    )
    await school.sweeps()._remind()
    assert len(await _commands(school)) == 1
    opted_in = RecipientOptedIn(
        parent_id=family.parent_id,
        channel="sms",
        address_digest=address_digest(PHONE),
        opted_in_at=datetime.now(UTC),
    )
    await school.feed(opted_in, version=4)
    assert await _code(school, family, "sms") == "opted_out"
    await school.feed(opted_in, version=6)
    assert await _code(school, family, "sms") == "sent"
    await school.feed(_stop(family), version=7)
    family.phone = "+4915187654321"
    await school.feed(family.fact(ParentContactChanged))
    await school.sql("UPDATE invitations SET last_reinvite_at = NULL")
    assert await _code(school, family, "sms") == "sent"
    [row] = await school.sql("SELECT address_digest FROM opt_outs")
    assert row.address_digest == address_digest(PHONE)
