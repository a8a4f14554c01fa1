"""From "invite" to "signed up", on a real database."""

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
from shared.contracts.signup import FreshLinkRequested, SignedUp, SignUpSubmitted
from shared.runtime.core import LinkTokenKeys
from tests.integration.invitations.scene import Family, Scene, submission
from tests.support.apps import TOKEN_KEYS


async def test_p1_p2_p6_c10_staff_invite_a_parent_by_e_mail(school: Scene) -> None:
    family = await school.family()
    answer = await school.invite(family)
    assert answer.status_code == 202
    assert answer.json()["status"] == "awaiting_verification"
    assert answer.json()["action"] == "Re-Invite"
    (command,) = await school.emitted(SendMessage)
    assert (command.channel, command.recipient.address) == ("email", family.address)
    assert (command.school_name, command.timezone, command.language) == ("Elm Grove", "Europe/London", "en")


async def test_p12_p13_verification_first_then_the_invitation_by_itself(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    assert [one.template for one in await school.emitted(SendMessage)] == ["verify"]
    submission_id = await school.verify(family)
    assert await school.answer_to(submission_id) == "verified"
    assert [one.template for one in await school.emitted(SendMessage)] == ["verify", "invite"]
    assert (await school.show(family))["status"] == "invited"


async def test_the_links_can_be_derived_by_the_sender_and_only_digests_are_kept(school: Scene) -> None:
    family = await school.invited()
    token = ""
    keys = LinkTokenKeys.from_setting(TOKEN_KEYS)
    commands = await school.emitted(SendMessage)
    asked, issued = (
        (await school.emitted(VerificationRequested))[0],
        (await school.emitted(InvitationIssued))[0],
    )
    for command, fact, purpose in zip(commands, (asked, issued), ("verify", "join"), strict=True):
        assert command.message_id == fact.message_id
        token = keys.derive(purpose, command.invitation_id, command.generation, command.token_key_id)  # type: ignore[arg-type]
        assert keys.digest(purpose, command.invitation_id, command.generation, command.token_key_id) == (  # type: ignore[arg-type]
            fact.token_digest
        )
        for table in ("invitations", "outbox", "invitation_events", "contact_usages", "parents"):
            rows = await school.sql(
                f"SELECT count(*) FROM {table} t WHERE t::text LIKE :token", token=f"%{token}%"
            )
            assert rows[0][0] == 0, table
    assert token not in str(await school.show(family))


async def test_p14_after_sign_up_re_invite_is_no_longer_offered(school: Scene) -> None:
    family = await school.invited()
    assert await school.answer_to(await school.join(family)) == "accepted"
    shown = await school.show(family)
    assert (shown["status"], shown["action"]) == ("signed_up", "Signed Up")
    refused = await school.invite(family)
    assert (refused.status_code, refused.json()["code"]) == (409, "signed_up")


async def test_signed_up_is_written_into_the_timeline(school: Scene) -> None:
    family = await school.invited()
    await school.join(family)
    link = await school.link(family)
    at = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    fact = SignedUp(
        account_id=link.message_id,
        parent_id=family.parent_id,
        invitation_id=link.invitation_id,
        signed_up_at=at,
    )
    await school.feed(fact)
    shown = await school.show(family)
    assert shown["signed_up_at"] == at.isoformat()
    assert [line["event"] for line in shown["timeline"]] == [
        "verification_requested",
        "contact_verified",
        "issued",
        "accepted",
        "signed_up",
    ]


async def test_a_second_use_of_the_link_is_refused_as_used(school: Scene) -> None:
    family = await school.invited()
    await school.join(family)
    assert await school.answer_to(await school.join(family)) == "used"
    assert await school.answer_to(await school.verify(family)) == "used"
    assert len(await school.emitted(InvitationAccepted)) == 1


async def test_an_accepted_sign_up_that_is_asked_again_gets_the_same_answer_again(school: Scene) -> None:
    family = await school.invited()
    link = await school.link(family)
    mine, other = submission(SignUpSubmitted, link), submission(SignUpSubmitted, link)
    await school.feed(mine)
    before = (await school.show(family))["timeline"]
    await school.feed(mine, other, mine)
    first, *again = await school.emitted(InvitationAccepted)
    assert again == [first, first]
    assert await school.answer_to(other.submission_id) == "used"
    versions = await school.sql(
        "SELECT CAST(headers AS jsonb)->>'ce_aggregateversion' AS version FROM outbox"
        " WHERE topic = 'invitations.invitation' ORDER BY id"
    )
    assert [int(row.version) for row in versions] == list(range(1, len(versions) + 1))
    shown = await school.show(family)
    assert shown["status"] == "signed_up"
    assert [line["event"] for line in shown["timeline"][len(before) :]] == ["refused"]


async def test_an_accepted_sign_up_without_access_by_now_is_refused_when_asked_again(school: Scene) -> None:
    family = await school.invited()
    mine = submission(SignUpSubmitted, await school.link(family))
    await school.feed(mine)
    turns: tuple[tuple[Rights, str], ...] = (("none", "no_access"), ("full", "withdrawn"))
    for rights, reason in turns:
        family.rights = rights
        await school.feed(family.fact(ParentAccessChanged))
        await school.feed(mine)
        assert (await school.emitted(InvitationRefused))[-1].reason == reason
    assert len(await school.emitted(InvitationAccepted)) == 1


async def test_p11_c15_s4_an_old_link_is_dead_after_a_re_invite(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    old = await school.link(family)
    assert (await school.invite(family)).json()["generation"] == 2
    new = await school.link(family)
    assert new.token_digest != old.token_digest
    assert new.expires_at > old.expires_at
    assert await school.answer_to(await school.verify(family, generation=1)) == "replaced"
    assert await school.answer_to(await school.verify(family)) == "verified"
    shown = await school.show(family)
    assert "staff: within_cool_down" in [line["detail"] for line in shown["timeline"]]


async def test_staff_re_invite_at_most_once_a_minute(school: Scene) -> None:
    family = await school.family()
    assert [(await school.invite(family)).status_code for _ in range(3)] == [202, 202, 429]
    refused = await school.invite(family)
    assert refused.json()["code"] == "too_soon"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    await school.sql("UPDATE invitations SET last_reinvite_at = last_reinvite_at - interval '60 seconds'")
    assert (await school.invite(family)).status_code == 202


@pytest.mark.parametrize(("seconds", "answer"), [(-1, "accepted"), (0, "accepted"), (1, "expired")])
async def test_i22_p3_expiry_is_decided_on_use_without_any_timer(
    school: Scene, seconds: int, answer: str
) -> None:
    family = await school.invited()
    (row,) = await school.sql("UPDATE invitations SET expires_at = now() RETURNING expires_at")
    at = row.expires_at + timedelta(seconds=seconds)
    assert await school.answer_to(await school.join(family, at=at)) == answer


async def test_p3_p4_an_expired_link_is_refused_and_a_new_invitation_works(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    await school.sql("UPDATE invitations SET expires_at = now() - interval '1 second'")
    assert await school.answer_to(await school.verify(family)) == "expired"
    assert (await school.invite(family)).status_code == 202
    assert await school.answer_to(await school.verify(family)) == "verified"
    assert await school.answer_to(await school.join(family)) == "accepted"


async def test_s3_a_verified_address_gets_the_invitation_directly(school: Scene) -> None:
    marked = await school.family(verified=True)
    await school.invite(marked)
    assert [one.template for one in await school.emitted(SendMessage)] == ["invite"]
    proved = await school.invited()
    assert (await school.invite(proved)).json()["status"] == "invited"


async def test_withdrawing_kills_the_link_and_may_be_repeated(school: Scene) -> None:
    family = await school.invited()
    path = f"{school.root}/invitations/{family.parent_id}"
    for _ in range(2):
        answer = await school.client.delete(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    assert len(await school.emitted(InvitationWithdrawn)) == 1
    assert await school.answer_to(await school.join(family)) == "withdrawn"
    assert (await school.invite(family)).status_code == 202


async def test_p9_the_ticked_invite_option_sends_the_verification(school: Scene) -> None:
    family = await school.family()
    await school.feed(InvitationRequested(parent_id=family.parent_id))
    assert [one.template for one in await school.emitted(SendMessage)] == ["verify"]
    again = InvitationRequested(parent_id=family.parent_id)
    await school.feed(again)
    assert len(await school.emitted(SendMessage)) == 1
    assert (await school.show(family))["timeline"][-1]["detail"] == "added: cool_down"


async def test_p10_p18_parents_who_arrive_are_not_invited(school: Scene) -> None:
    families = await school.families(20)
    assert await school.emitted(SendMessage) == []
    shown = await school.show(families[0])
    assert (shown["status"], shown["action"]) == ("not_invited", "Invite")


async def test_s4_a_fresh_link_goes_to_the_contact_on_file_within_the_cool_down_only_after_expiry(
    school: Scene,
) -> None:
    family = await school.invited()
    link = await school.link(family)
    ask = FreshLinkRequested(invitation_id=link.invitation_id, generation=1, requested_at=link.expires_at)
    await school.feed(ask)
    assert len(await school.emitted(SendMessage)) == 2
    assert (await school.show(family))["timeline"][-1]["detail"] == "parent: cool_down"
    await school.sql("UPDATE invitations SET expires_at = now() - interval '1 second'")
    assert await school.sweeps()._expire() is False
    await school.feed(ask, ask)
    commands = await school.emitted(SendMessage)
    assert [one.template for one in commands] == ["verify", "invite", "invite"]
    assert {one.recipient.address for one in commands} == {family.address}
    assert (await school.show(family))["generation"] == 2


async def test_a_fresh_link_for_an_unknown_invitation_is_ignored(school: Scene) -> None:
    family = Family(school.school_id)
    moment = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    await school.feed(FreshLinkRequested(invitation_id=family.parent_id, generation=1, requested_at=moment))
    assert await school.emitted(SendMessage) == []
