"""E-mail, SMS and WhatsApp on the pages; opt-outs, quiet hours, and failures with their remedies."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from services.dashboard.settings import Settings
from services.dashboard.views.parents import find_parent, list_timeline
from shared.contracts.envelope import Received
from shared.contracts.invitations import VerificationRequested
from shared.contracts.message import Message
from shared.contracts.notifier import MessageFailed, RecipientOptedIn, RecipientOptedOut
from shared.contracts.roster import ChildLink, Contact, ParentContactChanged, ParentDetails
from shared.contracts.values import address_digest
from shared.runtime.database import Database
from tests.integration.dashboard.driver import DashboardDriver, deliver, deliver_one_by_one
from tests.integration.dashboard.service_stub import ServiceStub
from tests.unit.dashboard.builders import START, Story

PHONE = "+4915112345678"


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of an installation that can send on every channel."""
    monkeypatch.setenv("KINVITE_CHANNELS", "whatsapp,email,sms")
    return Settings()


@pytest.fixture
async def reachable(database: Database, fresh: Story) -> Story:
    """Give the parent a phone beside the e-mail address."""
    email = Contact(contact_id=fresh.contact_id, kind="email", address=fresh.address, preferred=True)
    phone = Contact(contact_id=fresh.messages[0], kind="phone", address=PHONE, preferred=True)
    event = ParentContactChanged(
        parent_id=fresh.parent_id,
        parent=ParentDetails(name=fresh.name, contacts=(email, phone)),
        children=(ChildLink(student_id=fresh.student_id, relation="mother"),),
    )
    await deliver(database, [fresh.event(event, 5, 5)])
    return fresh


def _verification_requested(story: Story, *, send_at: datetime | None = None) -> Received[Message]:
    """Return the event that the parent was sent an SMS to confirm the number."""
    event = VerificationRequested(
        invitation_id=story.invitation_id,
        parent_id=story.parent_id,
        generation=1,
        channel="sms",
        contact_id=story.messages[0],
        message_id=story.messages[1],
        token_digest="0" * 64,
        expires_at=START + timedelta(days=7),
        send_at=send_at,
    )
    return story.event(event, 1, 10)


def _message_failed(story: Story, code: str, **more: Any) -> Received[Message]:
    event = MessageFailed.model_validate(
        {
            "message_id": story.messages[1],
            "parent_id": story.parent_id,
            "invitation_id": story.invitation_id,
            "generation": 1,
            "channel": "sms",
            "template": "verify",
            "failed_at": START,
            "permanent": True,
            "code": code,
            "reason": "It did not work.",
            **more,
        }
    )
    return story.event(event, 1, 11)


def _opted_out(story: Story, minutes: int) -> Received[Message]:
    """Return a STOP whose version follows from its time."""
    moment = START + timedelta(minutes=minutes)
    event = RecipientOptedOut(
        parent_id=story.parent_id, channel="sms", address_digest=address_digest(PHONE), opted_out_at=moment
    )
    return story.event(event, minutes * 10, minutes)


def _opted_in(story: Story, minutes: int) -> Received[Message]:
    moment = START + timedelta(minutes=minutes)
    event = RecipientOptedIn(
        parent_id=story.parent_id, channel="sms", address_digest=address_digest(PHONE), opted_in_at=moment
    )
    return story.event(event, minutes * 10, minutes)


async def test_c10_c11_the_row_offers_every_channel_and_sends_by_the_pressed_one(
    dashboard: DashboardDriver, services: ServiceStub, reachable: Story, base: str
) -> None:
    invite = f"{base}/parents/{reachable.parent_id}/invite"
    for path in ("students", "parents", f"parents/{reachable.parent_id}"):
        page = (await dashboard.get(f"{base}/{path}")).text
        assert [
            name for name in ("email", "sms", "whatsapp") if f'name="channel" value="{name}"' in page
        ] == [*("email", "sms", "whatsapp")], path
    for channel in ("sms", "whatsapp", "email"):
        assert (await dashboard.post(invite, on=f"{base}/parents", channel=channel)).status_code == 303
    assert [command.body["channel"] for command in services.commands] == ["sms", "whatsapp", "email"]
    assert (await dashboard.post(invite, on=f"{base}/parents", channel="pigeon")).status_code == 422


async def test_a_parent_without_a_phone_is_offered_no_phone_channel(
    dashboard: DashboardDriver, fresh: Story, base: str
) -> None:
    page = (await dashboard.get(f"{base}/parents")).text
    assert "by SMS" not in page
    assert "by WhatsApp" not in page


async def test_c11_re_invite_uses_the_channel_of_the_last_message_also_when_confirmed(
    dashboard: DashboardDriver, services: ServiceStub, database: Database, reachable: Story, base: str
) -> None:
    await deliver(database, [_verification_requested(reachable)])
    await _set_invited_now(database)
    assert ">Re-Invite by SMS</button>" in (await dashboard.get(f"{base}/parents")).text
    invite = f"{base}/parents/{reachable.parent_id}/invite"
    page = (await dashboard.post(invite, on=f"{base}/parents", channel="sms")).text
    assert 'name="channel" value="sms"' in page
    assert services.commands == []


async def _set_invited_now(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("UPDATE parents SET last_invited_at = now()")


async def test_c13_a_run_uses_the_chosen_channel(
    dashboard: DashboardDriver, services: ServiceStub, reachable: Story, base: str
) -> None:
    run = {"state": "preview", "selected": 12, "to_message": 9, "skipped": {"no_contact": 3}}
    services.responses["POST bulk"] = (202, {"bulk_id": str(reachable.messages[0]), **run})
    for page in (f"{base}/invite", f"{base}/students"):
        assert '<option value="whatsapp">WhatsApp</option>' in (await dashboard.get(page)).text
    preview = await dashboard.post(
        f"{base}/invite/preview", on=f"{base}/students", who="all", channel="whatsapp"
    )
    assert "of 12 parents would get a message by WhatsApp" in preview.text
    assert "<b>3</b> have no phone number on file" in preview.text
    assert 'name="channel" value="whatsapp"' in preview.text
    await dashboard.post(f"{base}/invite/run", on=f"{base}/invite", who="all", channel="whatsapp", key="k")
    assert [command.body["channel"] for command in services.commands] == ["whatsapp", "whatsapp"]
    refused = await dashboard.post(f"{base}/invite/run", on=f"{base}/invite", who="all", channel="x", key="k")
    assert (refused.status_code, len(services.commands)) == (422, 2)


async def test_i36_an_opt_out_shows_and_closes_that_channel_until_start(
    dashboard: DashboardDriver, database: Database, reachable: Story, base: str
) -> None:
    await deliver_one_by_one(database, [_verification_requested(reachable), _opted_out(reachable, 20)])
    await deliver(database, [_sent_and_delivered(reachable)])
    page = (await dashboard.get(f"{base}/parents/{reachable.parent_id}")).text
    assert "takes no SMS" in page
    assert "Answered STOP: takes no more messages by SMS" in page
    assert 'name="channel" value="sms"' not in page
    assert 'name="channel" value="whatsapp"' in page
    row = (await dashboard.get(f"/dashboard/v1/schools/{reachable.school_id}/parents")).json()["items"][0]
    assert [contact["opted_out"] for contact in row["contacts"]] == [[], ["sms"]]
    assert row["reason"] == "The parent answered STOP: this phone number takes no more SMS messages."
    await deliver(database, [_opted_in(reachable, 30)])
    page = (await dashboard.get(f"{base}/parents/{reachable.parent_id}")).text
    assert "takes no SMS" not in page
    assert "Answered START: takes messages by SMS again" in page


def _sent_and_delivered(story: Story) -> Received[Message]:
    return next(event for event in story.notifier() if type(event.data).__name__ == "MessageSent")


async def test_i36_opt_outs_in_any_order_and_received_twice_end_the_same(
    database: Database, fresh: Story
) -> None:
    events = [_opted_out(fresh, 1), _opted_in(fresh, 2), _opted_out(fresh, 3), _opted_out(fresh, 3)]
    for order in permutations(events):
        async with database.transaction() as tx:
            for table in ("opt_outs", "timeline"):
                await tx.execute(f"DELETE FROM {table}")
        await deliver_one_by_one(database, order)
        async with database.transaction() as tx:
            row = await find_parent(tx, fresh.school_id, fresh.parent_id)
            lines = await list_timeline(tx, fresh.school_id, fresh.parent_id)
        assert row is not None
        assert {channel for channel, _ in row.opt_outs} == {"sms"}
        assert [entry.kind for entry in lines] == [
            *("recipient_opted_out", "recipient_opted_in", "recipient_opted_out")
        ]


async def test_a_message_deferred_by_quiet_hours_shows_until_when(
    database: Database, reachable: Story
) -> None:
    await deliver(database, [_verification_requested(reachable, send_at=START + timedelta(hours=23))])
    async with database.transaction() as tx:
        row = await find_parent(tx, reachable.school_id, reachable.parent_id)
        lines = await list_timeline(tx, reachable.school_id, reachable.parent_id)
    assert row is not None
    assert "21 Nov 2026, 08:00" in row.explanation("Europe/London").next_step
    assert lines[0].kind == "verification_waits"


@pytest.mark.parametrize(
    ("code", "more", "next_step"),
    [
        ("30005", {}, "Correct the phone number, then Re-Invite."),
        ("policy_30007", {}, "Tell the operator of this installation, or Re-Invite another way."),
        ("not_configured", {}, "Tell the operator of this installation, or Re-Invite another way."),
        ("expired", {}, "Re-Invite to send a fresh link."),
        ("opted_out", {}, "Ask the family for another contact, or Re-Invite another way."),
        ("30001", {"permanent": False}, "Wait: we keep trying."),
        (
            "30003",
            {"permanent": False, "retry_at": START + timedelta(days=1)},
            "Wait: the next attempt is on 21 Nov 2026, 09:00.",
        ),
    ],
)
async def test_c14_each_failure_names_its_remedy(
    database: Database, reachable: Story, code: str, more: dict[str, Any], next_step: str
) -> None:
    await deliver_one_by_one(
        database, [_verification_requested(reachable), _message_failed(reachable, code, **more)]
    )
    async with database.transaction() as tx:
        row = await find_parent(tx, reachable.school_id, reachable.parent_id)
    assert row is not None
    assert row.explanation("Europe/London").next_step == next_step
