"""Effects of roster events on invitations that were sent."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from services.invitations.settings import Settings
from shared.contracts.invitations import (
    InvitationAccepted,
    InvitationBlocked,
    InvitationWithdrawn,
    VerificationRequested,
)
from shared.contracts.message import Message
from shared.contracts.notifier import SendMessage
from shared.contracts.roster import (
    InvitationRequested,
    ParentAccessChanged,
    ParentAdded,
    ParentContactChanged,
    ParentRemoved,
    ParentRenamed,
    School,
    SchoolRegistered,
)
from shared.runtime.core import Rejected
from tests.integration.invitations.builders import ParentRecord, settings_for
from tests.integration.invitations.driver import InvitationsDriver, open_driver


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url)


async def test_s6_a_changed_contact_kills_the_old_link_and_is_verified_anew(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_invited_parent()
    old = record.address
    record.address = "new@example.org"
    await driver.consume(record.event(ParentContactChanged))
    assert await driver.answer_to(await driver.sign_up(record, generation=1)) == "replaced"
    commands = await driver.emitted(SendMessage)
    assert [(command.template, command.recipient.address) for command in commands] == [
        ("verify", old),
        ("invite", old),
        ("verify", "new@example.org"),
    ]
    assert (await driver.show(record))["status"] == "awaiting_verification"


async def test_s6_a_contact_that_is_gone_without_another_ends_the_invitation(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_invited_parent()
    record.address = ""
    await driver.consume(record.event(ParentContactChanged))
    assert (await driver.show(record))["status"] == "withdrawn"
    assert len(await driver.emitted(InvitationWithdrawn)) == 1
    assert await driver.answer_to(await driver.sign_up(record, generation=1)) == "withdrawn"


async def test_a_new_name_changes_no_link(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    await driver.consume(record.event(ParentRenamed))
    assert await driver.answer_to(await driver.sign_up(record)) == "accepted"


async def test_a_contact_change_of_a_parent_nobody_invited_sends_nothing(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    record.address = "new@example.org"
    await driver.consume(record.event(ParentContactChanged))
    assert await driver.emitted(SendMessage) == []


async def test_i24_a_removed_parent_has_no_live_link(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    await driver.consume(ParentRemoved(parent_id=record.parent_id))
    assert [event.reason for event in await driver.emitted(InvitationBlocked)] == ["removed"]
    assert await driver.answer_to(await driver.sign_up(record)) == "no_access"
    assert (await driver.invite(record)).status_code == 404


async def test_i24_a_parent_who_may_see_no_child_has_no_live_link_until_staff_invite_again(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_invited_parent()
    record.rights = "none"
    await driver.consume(record.event(ParentAccessChanged))
    assert (await driver.show(record))["status"] == "blocked"
    assert await driver.answer_to(await driver.sign_up(record)) == "no_access"
    refused = await driver.invite(record)
    assert (refused.status_code, refused.json()["code"]) == (409, "restricted")
    record.rights = "full"
    await driver.consume(record.event(ParentAccessChanged))
    assert (await driver.show(record))["action"] == "Re-Invite"
    assert (await driver.invite(record)).json()["status"] == "invited"


async def test_i24_access_that_returns_leaves_who_has_an_account_signed_up(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    submission = await driver.sign_up(record)
    assert await driver.answer_to(submission) == "accepted"
    await driver.activate_account(record)
    record.rights = "none"
    await driver.consume(record.event(ParentAccessChanged))
    assert (await driver.show(record))["status"] == "blocked"
    record.rights = "full"
    await driver.consume(record.event(ParentAccessChanged))
    assert (await driver.show(record))["status"] == "signed_up"
    assert [event.submission_id for event in await driver.emitted(InvitationAccepted)] == [submission] * 2
    assert (await driver.invite(record)).json()["code"] == "signed_up"


async def test_an_older_version_never_overwrites_a_newer_one(driver: InvitationsDriver) -> None:
    record = await driver.add_parent(address="new@example.org")
    stale = ParentRecord(driver.school_id, record.parent_id, record.contact_id, address="old@example.org")
    await driver.consume(stale.event(), version=0)
    await driver.invite(record)
    assert [command.recipient.address for command in await driver.emitted(SendMessage)] == ["new@example.org"]


async def test_a_removal_that_arrives_before_the_parent_stays(driver: InvitationsDriver) -> None:
    record = ParentRecord(driver.school_id, address="a@example.org")
    await driver.consume(ParentRemoved(parent_id=record.parent_id), version=2)
    await driver.consume(record.event(), version=1)
    assert (await driver.invite(record)).status_code == 404


async def test_i12_the_events_of_a_parent_end_the_same_in_every_order(settings: Settings) -> None:
    async with open_driver(settings) as driver:
        for order in itertools.permutations(range(4)):
            record = ParentRecord(driver.school_id, address=f"{'-'.join(map(str, order))}@example.org")
            await _feed_in(driver, record, order)
            shown = await driver.show(record)
            assert (shown["status"], shown["generation"]) == ("awaiting_verification", 1), order
            (requested,) = [
                event
                for event in await driver.emitted(VerificationRequested)
                if event.parent_id == record.parent_id
            ]
            assert requested.contact_id == record.contact_id
            await driver.sql("DELETE FROM schools")


async def _feed_in(driver: InvitationsDriver, record: ParentRecord, order: Sequence[int]) -> None:
    registered = SchoolRegistered(
        school_id=driver.school_id,
        school=School(name="Elm Grove", country="GB", language="en", timezone="Europe/London"),
    )
    events: list[tuple[Message, int]] = [
        (registered, 1),
        (record.event(ParentAdded), 1),
        (record.event(ParentRenamed), 2),
        (InvitationRequested(parent_id=record.parent_id), 3),
    ]
    for index in order:
        message, version = events[index]
        await driver.consume(message, version=version)


async def test_a_parent_of_another_school_cannot_be_taken_over(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    await driver.consume(
        record.event(ParentRenamed), school_id=ParentRecord(driver.school_id).parent_id, version=99
    )
    assert (await driver.invite(record)).status_code == 202


async def test_text_that_cannot_be_stored_is_a_dead_letter(driver: InvitationsDriver) -> None:
    with pytest.raises(Rejected):
        await driver.consume(ParentRecord(driver.school_id, address="a\x00@example.org").event())


async def test_a_school_that_issues_usernames_refuses_invitations_without_them(settings: Settings) -> None:
    async with open_driver(settings) as driver:
        await driver.register_school(credentials_mode="issued")
        refused = await driver.invite(await driver.add_parent())
        assert (refused.status_code, refused.json()["code"]) == (409, "no_credentials")


async def test_a_batch_of_500_parents_takes_few_statements(driver: InvitationsDriver) -> None:
    records = await driver.add_parents(500)
    assert (await driver.sql("SELECT count(*) FROM parents"))[0][0] == 500
    await driver.consume(*(record.event(ParentRenamed) for record in records))
    assert (await driver.sql("SELECT min(version) FROM parents"))[0][0] == 2
