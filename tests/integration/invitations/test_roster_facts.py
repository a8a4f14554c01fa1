"""What a change on the roster means for links that are out."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

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
from shared.contracts.signup import SignedUp
from shared.runtime.core import Rejected
from tests.integration.invitations.scene import Family, Scene, scene, settings_for


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url)


async def test_s6_a_changed_contact_kills_the_old_link_and_is_verified_anew(school: Scene) -> None:
    family = await school.invited()
    old = family.address
    family.address = "new@example.org"
    await school.feed(family.fact(ParentContactChanged))
    assert await school.answer_to(await school.join(family, generation=1)) == "replaced"
    commands = await school.emitted(SendMessage)
    assert [(one.template, one.recipient.address) for one in commands] == [
        ("verify", old),
        ("invite", old),
        ("verify", "new@example.org"),
    ]
    assert (await school.show(family))["status"] == "awaiting_verification"


async def test_s6_a_contact_that_is_gone_without_another_ends_the_invitation(school: Scene) -> None:
    family = await school.invited()
    family.address = ""
    await school.feed(family.fact(ParentContactChanged))
    assert (await school.show(family))["status"] == "withdrawn"
    assert len(await school.emitted(InvitationWithdrawn)) == 1
    assert await school.answer_to(await school.join(family, generation=1)) == "withdrawn"


async def test_p17_a_new_name_changes_no_link(school: Scene) -> None:
    family = await school.invited()
    await school.feed(family.fact(ParentRenamed))
    assert await school.answer_to(await school.join(family)) == "accepted"


async def test_a_contact_change_of_a_parent_nobody_invited_sends_nothing(school: Scene) -> None:
    family = await school.family()
    family.address = "new@example.org"
    await school.feed(family.fact(ParentContactChanged))
    assert await school.emitted(SendMessage) == []


async def test_i24_a_removed_parent_has_no_live_link(school: Scene) -> None:
    family = await school.invited()
    await school.feed(ParentRemoved(parent_id=family.parent_id))
    assert [one.reason for one in await school.emitted(InvitationBlocked)] == ["removed"]
    assert await school.answer_to(await school.join(family)) == "no_access"
    assert (await school.invite(family)).status_code == 404


async def test_i24_a_parent_who_may_see_no_child_has_no_live_link_until_staff_invite_again(
    school: Scene,
) -> None:
    family = await school.invited()
    family.rights = "none"
    await school.feed(family.fact(ParentAccessChanged))
    assert (await school.show(family))["status"] == "blocked"
    assert await school.answer_to(await school.join(family)) == "no_access"
    refused = await school.invite(family)
    assert (refused.status_code, refused.json()["code"]) == (409, "restricted")
    family.rights = "full"
    await school.feed(family.fact(ParentAccessChanged))
    assert (await school.show(family))["action"] == "Re-Invite"
    assert (await school.invite(family)).json()["status"] == "invited"


async def test_i24_access_that_returns_leaves_who_has_an_account_signed_up(school: Scene) -> None:
    family = await school.invited()
    submission = await school.join(family)
    assert await school.answer_to(submission) == "accepted"
    fact = SignedUp(
        account_id=uuid4(),
        parent_id=family.parent_id,
        invitation_id=(await school.link(family)).invitation_id,
        signed_up_at=datetime.now(UTC),
    )
    await school.feed(fact)
    family.rights = "none"
    await school.feed(family.fact(ParentAccessChanged))
    assert (await school.show(family))["status"] == "blocked"
    family.rights = "full"
    await school.feed(family.fact(ParentAccessChanged))
    assert (await school.show(family))["status"] == "signed_up"
    assert [one.submission_id for one in await school.emitted(InvitationAccepted)] == [submission] * 2
    assert (await school.invite(family)).json()["code"] == "signed_up"


async def test_an_older_version_never_overwrites_a_newer_one(school: Scene) -> None:
    family = await school.family(address="new@example.org")
    stale = Family(school.school_id, family.parent_id, family.contact_id, address="old@example.org")
    await school.feed(stale.fact(), version=0)
    await school.invite(family)
    assert [one.recipient.address for one in await school.emitted(SendMessage)] == ["new@example.org"]


async def test_a_removal_that_arrives_before_the_parent_stays(school: Scene) -> None:
    family = Family(school.school_id, address="a@example.org")
    await school.feed(ParentRemoved(parent_id=family.parent_id), version=2)
    await school.feed(family.fact(), version=1)
    assert (await school.invite(family)).status_code == 404


async def test_i12_a_familys_facts_end_the_same_in_every_order(settings: Settings) -> None:
    async with scene(settings) as school:
        for order in itertools.permutations(range(4)):
            family = Family(school.school_id, address=f"{'-'.join(map(str, order))}@example.org")
            await _feed_in(school, family, order)
            shown = await school.show(family)
            assert (shown["status"], shown["generation"]) == ("awaiting_verification", 1), order
            (asked,) = [
                one
                for one in await school.emitted(VerificationRequested)
                if one.parent_id == family.parent_id
            ]
            assert asked.contact_id == family.contact_id
            await school.sql("DELETE FROM schools")


async def _feed_in(school: Scene, family: Family, order: Sequence[int]) -> None:
    registered = SchoolRegistered(
        school_id=school.school_id,
        school=School(name="Elm Grove", country="GB", language="en", timezone="Europe/London"),
    )
    facts: list[tuple[Message, int]] = [
        (registered, 1),
        (family.fact(ParentAdded), 1),
        (family.fact(ParentRenamed), 2),
        (InvitationRequested(parent_id=family.parent_id), 3),
    ]
    for index in order:
        message, version = facts[index]
        await school.feed(message, version=version)


async def test_a_parent_of_another_school_cannot_be_taken_over(school: Scene) -> None:
    family = await school.family()
    await school.feed(family.fact(ParentRenamed), school_id=Family(school.school_id).parent_id, version=99)
    assert (await school.invite(family)).status_code == 202


async def test_text_that_cannot_be_stored_is_a_dead_letter(school: Scene) -> None:
    with pytest.raises(Rejected):
        await school.feed(Family(school.school_id, address="a\x00@example.org").fact())


async def test_c12_a_school_that_issues_usernames_needs_them_first(settings: Settings) -> None:
    async with scene(settings) as school:
        await school.open_school(credentials_mode="issued")
        refused = await school.invite(await school.family())
        assert (refused.status_code, refused.json()["code"]) == (409, "no_credentials")


async def test_a_batch_of_500_parents_takes_few_statements(school: Scene) -> None:
    families = await school.families(500)
    assert (await school.sql("SELECT count(*) FROM parents"))[0][0] == 500
    await school.feed(*(one.fact(ParentRenamed) for one in families))
    assert (await school.sql("SELECT min(version) FROM parents"))[0][0] == 2
