"""Life cycle of an invitation up to the sign-up, on a real database."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.contracts.invitations import (
    InvitationAccepted,
    InvitationIssued,
    InvitationRefused,
    InvitationWithdrawn,
    VerificationRequested,
)
from shared.contracts.notifier import SendMessage
from shared.contracts.roster import InvitationRequested, ParentAccessChanged, Rights
from shared.contracts.signup import FreshLinkRequested, SignUpSubmitted
from shared.runtime.core import LinkTokenKeys
from tests.integration.invitations.builders import ParentRecord, submission
from tests.integration.invitations.driver import InvitationsDriver
from tests.support.apps import TOKEN_KEYS


async def test_p1_p2_p6_c10_staff_invite_a_parent_by_e_mail(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    answer = await driver.invite(record)
    assert answer.status_code == 202
    assert answer.json()["status"] == "awaiting_verification"
    assert answer.json()["action"] == "Re-Invite"
    (command,) = await driver.emitted(SendMessage)
    assert (command.channel, command.recipient.address) == ("email", record.address)
    assert (command.school_name, command.timezone, command.language) == ("Elm Grove", "Europe/London", "en")


async def test_p12_p13_verification_first_then_the_invitation_by_itself(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    await driver.invite(record)
    assert [command.template for command in await driver.emitted(SendMessage)] == ["verify"]
    submission_id = await driver.verify(record)
    assert await driver.answer_to(submission_id) == "verified"
    assert [command.template for command in await driver.emitted(SendMessage)] == ["verify", "invite"]
    assert (await driver.show(record))["status"] == "invited"


async def test_the_links_can_be_derived_by_the_sender_and_only_digests_are_stored(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_invited_parent()
    token = ""
    keys = LinkTokenKeys.from_setting(TOKEN_KEYS)
    commands = await driver.emitted(SendMessage)
    requested, issued = (
        (await driver.emitted(VerificationRequested))[0],
        (await driver.emitted(InvitationIssued))[0],
    )
    for command, event, purpose in zip(commands, (requested, issued), ("verify", "join"), strict=True):
        assert command.message_id == event.message_id
        token = keys.derive(purpose, command.invitation_id, command.generation, command.token_key_id)  # type: ignore[arg-type]
        assert keys.digest(purpose, command.invitation_id, command.generation, command.token_key_id) == (  # type: ignore[arg-type]
            event.token_digest
        )
        for table in ("invitations", "outbox", "invitation_events", "contact_usages", "parents"):
            rows = await driver.sql(
                f"SELECT count(*) FROM {table} t WHERE t::text LIKE :token", token=f"%{token}%"
            )
            assert rows[0][0] == 0, table
    assert token not in str(await driver.show(record))


async def test_p14_after_sign_up_re_invite_is_no_longer_offered(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    assert await driver.answer_to(await driver.sign_up(record)) == "accepted"
    refused = await driver.invite(record)
    assert (refused.status_code, refused.json()["code"]) == (409, "signed_up")
    shown = await driver.show(record)
    assert (shown["status"], shown["action"]) == ("invited", None), "the account is not active yet"
    assert shown["reason"] == "The parent has filled in the form; the account is being opened."
    await driver.activate_account(record)
    shown = await driver.show(record)
    assert (shown["status"], shown["action"]) == ("signed_up", "Signed Up")
    refused = await driver.invite(record)
    assert (refused.status_code, refused.json()["code"]) == (409, "signed_up")


async def test_signed_up_is_written_into_the_timeline(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    await driver.sign_up(record)
    at = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    await driver.activate_account(record, at)
    shown = await driver.show(record)
    assert shown["signed_up_at"] == at.isoformat()
    assert [line["event"] for line in shown["timeline"]] == [
        "verification_requested",
        "contact_verified",
        "issued",
        "accepted",
        "signed_up",
    ]


async def test_a_second_use_of_the_link_is_refused_as_used(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    await driver.sign_up(record)
    assert await driver.answer_to(await driver.sign_up(record)) == "used"
    assert await driver.answer_to(await driver.verify(record)) == "used"
    assert len(await driver.emitted(InvitationAccepted)) == 1


async def test_an_accepted_sign_up_that_is_repeated_gets_the_same_answer_again(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_invited_parent()
    link = await driver.newest_link(record)
    submitted, other = submission(SignUpSubmitted, link), submission(SignUpSubmitted, link)
    await driver.consume(submitted)
    before = (await driver.show(record))["timeline"]
    await driver.consume(submitted, other, submitted)
    first, *again = await driver.emitted(InvitationAccepted)
    assert again == [first, first]
    assert await driver.answer_to(other.submission_id) == "used"
    versions = await driver.sql(
        "SELECT CAST(headers AS jsonb)->>'ce_aggregateversion' AS version FROM outbox"
        " WHERE topic = 'invitations.invitation' ORDER BY id"
    )
    assert [int(row.version) for row in versions] == list(range(1, len(versions) + 1))
    shown = await driver.show(record)
    assert [line["event"] for line in shown["timeline"][len(before) :]] == ["refused"]
    await driver.activate_account(record)
    assert (await driver.show(record))["status"] == "signed_up"


async def test_an_accepted_sign_up_without_access_by_now_is_refused_when_repeated(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_invited_parent()
    submitted = submission(SignUpSubmitted, await driver.newest_link(record))
    await driver.consume(submitted)
    turns: tuple[tuple[Rights, str], ...] = (("none", "no_access"), ("full", "withdrawn"))
    for rights, reason in turns:
        record.rights = rights
        await driver.consume(record.event(ParentAccessChanged))
        await driver.consume(submitted)
        assert (await driver.emitted(InvitationRefused))[-1].reason == reason
    assert len(await driver.emitted(InvitationAccepted)) == 1


async def test_p11_s4_an_old_link_is_dead_after_a_re_invite(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    await driver.invite(record)
    old = await driver.newest_link(record)
    assert (await driver.invite(record)).json()["generation"] == 2
    new = await driver.newest_link(record)
    assert new.token_digest != old.token_digest
    assert new.expires_at > old.expires_at
    assert await driver.answer_to(await driver.verify(record, generation=1)) == "replaced"
    assert await driver.answer_to(await driver.verify(record)) == "verified"
    shown = await driver.show(record)
    assert "staff: within_cool_down" in [line["detail"] for line in shown["timeline"]]


async def test_staff_re_invite_at_most_once_a_minute(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    assert [(await driver.invite(record)).status_code for _ in range(3)] == [202, 202, 429]
    refused = await driver.invite(record)
    assert refused.json()["code"] == "too_soon"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    await driver.sql("UPDATE invitations SET last_reinvite_at = last_reinvite_at - interval '60 seconds'")
    assert (await driver.invite(record)).status_code == 202


@pytest.mark.parametrize(("seconds", "answer"), [(-1, "accepted"), (0, "accepted"), (1, "expired")])
async def test_i22_p3_expiry_is_decided_on_use_without_any_timer(
    driver: InvitationsDriver, seconds: int, answer: str
) -> None:
    record = await driver.add_invited_parent()
    (row,) = await driver.sql("UPDATE invitations SET expires_at = now() RETURNING expires_at")
    at = row.expires_at + timedelta(seconds=seconds)
    assert await driver.answer_to(await driver.sign_up(record, at=at)) == answer


async def test_p3_p4_an_expired_link_is_refused_and_a_new_invitation_works(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    await driver.invite(record)
    await driver.sql("UPDATE invitations SET expires_at = now() - interval '1 second'")
    assert await driver.answer_to(await driver.verify(record)) == "expired"
    assert (await driver.invite(record)).status_code == 202
    assert await driver.answer_to(await driver.verify(record)) == "verified"
    assert await driver.answer_to(await driver.sign_up(record)) == "accepted"


async def test_s3_a_verified_address_gets_the_invitation_directly(driver: InvitationsDriver) -> None:
    marked = await driver.add_parent(verified=True)
    await driver.invite(marked)
    assert [command.template for command in await driver.emitted(SendMessage)] == ["invite"]
    proved = await driver.add_invited_parent()
    assert (await driver.invite(proved)).json()["status"] == "invited"


async def test_withdrawing_kills_the_link_and_may_be_repeated(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    path = f"{driver.root}/invitations/{record.parent_id}"
    for _ in range(2):
        answer = await driver.client.delete(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    assert len(await driver.emitted(InvitationWithdrawn)) == 1
    assert await driver.answer_to(await driver.sign_up(record)) == "withdrawn"
    assert (await driver.invite(record)).status_code == 202


async def test_p9_the_ticked_invite_option_sends_the_verification(driver: InvitationsDriver) -> None:
    record = await driver.add_parent()
    await driver.consume(InvitationRequested(parent_id=record.parent_id))
    assert [command.template for command in await driver.emitted(SendMessage)] == ["verify"]
    again = InvitationRequested(parent_id=record.parent_id)
    await driver.consume(again)
    assert len(await driver.emitted(SendMessage)) == 1
    assert (await driver.show(record))["timeline"][-1]["detail"] == "added: cool_down"


async def test_p10_p18_parents_who_arrive_are_not_invited(driver: InvitationsDriver) -> None:
    records = await driver.add_parents(20)
    assert await driver.emitted(SendMessage) == []
    shown = await driver.show(records[0])
    assert (shown["status"], shown["action"]) == ("not_invited", "Invite")


async def test_s4_a_fresh_link_goes_to_the_contact_on_file_within_the_cool_down_only_after_expiry(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_invited_parent()
    link = await driver.newest_link(record)
    request = FreshLinkRequested(invitation_id=link.invitation_id, generation=1, requested_at=link.expires_at)
    await driver.consume(request)
    assert len(await driver.emitted(SendMessage)) == 2
    assert (await driver.show(record))["timeline"][-1]["detail"] == "parent: cool_down"
    await driver.sql("UPDATE invitations SET expires_at = now() - interval '1 second'")
    assert await driver.tasks().expire() is False
    await driver.consume(request, request)
    commands = await driver.emitted(SendMessage)
    assert [command.template for command in commands] == ["verify", "invite", "invite"]
    assert {command.recipient.address for command in commands} == {record.address}
    assert (await driver.show(record))["generation"] == 2


async def test_a_fresh_link_for_an_unknown_invitation_is_ignored(driver: InvitationsDriver) -> None:
    record = ParentRecord(driver.school_id)
    moment = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    await driver.consume(
        FreshLinkRequested(invitation_id=record.parent_id, generation=1, requested_at=moment)
    )
    assert await driver.emitted(SendMessage) == []
