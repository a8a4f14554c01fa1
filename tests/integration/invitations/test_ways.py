"""Which way a message takes, and when: fresh links, parents with a phone alone, a school's own nights."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.invitations.service.due import expire, overdue
from shared.contracts.notifier import MessageFailed, MessageSent, RecipientOptedOut, SendMessage
from shared.contracts.roster import InvitationRequested
from shared.contracts.signup import FreshLinkRequested
from shared.contracts.values import address_digest
from tests.integration.invitations.scene import Family, Scene, outcome_of, scene, settings_for

PHONE = "+4915112345678"
LONDON = ZoneInfo("Europe/London")


@pytest.fixture
async def school(database_url: str) -> AsyncIterator[Scene]:
    """Everything can be sent, and there is no night."""
    settings = settings_for(database_url, channels="email,sms,whatsapp", quiet_hours="none")
    async with scene(settings) as opened:
        await opened.open_school()
        yield opened


async def _ways(school: Scene) -> list[tuple[str, str]]:
    return [(one.channel, one.recipient.address) for one in await school.emitted(SendMessage)]


async def _ask_fresh(school: Scene, family: Family) -> None:
    """A dead link's page asks, after the week is over."""
    await school.sql("UPDATE invitations SET expires_at = now() - interval '1 hour'")
    async with school.database.transaction(first=overdue(10)) as tx:
        await expire(tx)
    link = await school.link(family)
    moment = datetime.now(UTC)
    await school.feed(FreshLinkRequested(invitation_id=link.invitation_id, generation=1, requested_at=moment))


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_s4_p5_a_fresh_link_goes_the_way_the_old_one_went(school: Scene, channel: str) -> None:
    family = await school.family(phone=PHONE)
    await school.invite(family, channel=channel)
    await _ask_fresh(school, family)
    assert await _ways(school) == [(channel, PHONE)] * 2


async def test_i36_who_answered_stop_gets_no_fresh_link_by_phone_and_the_timeline_says_why(
    school: Scene,
) -> None:
    family = await school.family(phone=PHONE)
    await school.invite(family, channel="sms")
    await school.feed(
        RecipientOptedOut(
            parent_id=family.parent_id,
            channel="sms",
            address_digest=address_digest(PHONE),
            opted_out_at=datetime.now(UTC),
        )
    )
    await _ask_fresh(school, family)
    assert len(await _ways(school)) == 1
    lines = [(line["event"], line["detail"]) for line in (await school.show(family))["timeline"]]
    assert ("opted_out", "sms") in lines
    assert lines[-1] == ("not_invited", "parent: opted_out")


async def test_p9_a_parent_with_a_phone_alone_is_invited_there(school: Scene) -> None:
    alone, both = await school.family(phone=PHONE, address=""), await school.family(phone="+4915100000001")
    for family in (alone, both):
        await school.feed(InvitationRequested(parent_id=family.parent_id))
    assert await _ways(school) == [("sms", PHONE), ("email", both.address)]


async def test_p9_a_parent_with_a_phone_alone_where_only_mail_is_set_up(database_url: str) -> None:
    async with scene(settings_for(database_url)) as plain:
        await plain.open_school()
        family = await plain.family(phone=PHONE, address="")
        await plain.feed(InvitationRequested(parent_id=family.parent_id))
        assert await _ways(plain) == []
        assert (await plain.show(family))["timeline"][-1]["detail"] == "added: no_contact"


async def test_a_schools_own_night_holds_messages_to_phones(database_url: str) -> None:
    settings = settings_for(database_url, channels="email,sms,whatsapp")
    local = datetime.now(LONDON)
    begin, end = (local - timedelta(hours=1)).time(), (local + timedelta(hours=1)).time()
    async with scene(settings) as sleepy:
        await sleepy.open_school(quiet_from=begin.replace(second=0), quiet_until=end.replace(second=0))
        family = await sleepy.family(phone=PHONE)
        await sleepy.invite(family, channel="sms")
        shown = await sleepy.show(family)
        assert (shown["delivery"], await _ways(sleepy)) == ("deferred", [])
        assert "quiet hours" in shown["reason"]


async def test_a_school_without_quiet_hours_writes_at_any_time(database_url: str) -> None:
    async with scene(settings_for(database_url, channels="email,sms,whatsapp")) as wakeful:
        await wakeful.open_school(quiet_from=time(0), quiet_until=time(0))
        family = await wakeful.family(phone=PHONE)
        await wakeful.invite(family, channel="sms")
        assert await _ways(wakeful) == [("sms", PHONE)]


async def test_c14_a_failure_for_now_that_is_reported_after_the_hand_over_shows(school: Scene) -> None:
    family = await school.family(phone=PHONE)
    await school.invite(family, channel="sms")
    (command,) = await school.emitted(SendMessage)
    about, now = outcome_of(command), datetime.now(UTC)
    held_up = MessageFailed(
        **about, failed_at=now, permanent=False, code="30001", reason="Its queue was full."
    )
    for fact in (MessageSent(**about, sent_at=now, confirmable=True), held_up):
        await school.feed(fact)
    shown = await school.show(family)
    assert shown["delivery"] == "failed_temporary"
    assert shown["reason"] == "The last message has not been delivered yet: Its queue was full."
    await school.feed(MessageSent(**about, sent_at=now, confirmable=True))
    assert (await school.show(family))["delivery"] == "sent"
