"""Many at once, on real PostgreSQL."""

import asyncio
from uuid import uuid4

from services.invitations.domain.copies import Requested
from services.invitations.domain.states import Channel
from services.invitations.storage import marks
from shared.contracts.invitations import InvitationAccepted, InvitationIssued, InvitationRefused
from shared.contracts.notifier import SendMessage
from shared.contracts.roster import InvitationRequested, ParentRemoved
from shared.contracts.signup import SignUpSubmitted
from tests.integration.invitations.scene import Family, Scene, submission

ROUNDS = 15


async def test_i20_of_100_simultaneous_sign_ups_on_one_link_exactly_one_is_accepted(school: Scene) -> None:
    family = await school.invited()
    link = await school.link(family)
    places = asyncio.Semaphore(16)  # as many as the pool has, which lets nobody wait longer than 10 s

    async def press() -> None:
        async with places:
            await school.feed(submission(SignUpSubmitted, link))

    await asyncio.gather(*(press() for _ in range(100)))
    assert len(await school.emitted(InvitationAccepted)) == 1
    assert [one.reason for one in await school.emitted(InvitationRefused)] == ["used"] * 99


async def test_i20_within_one_batch_one_of_many_is_accepted(school: Scene) -> None:
    family = await school.invited()
    link = await school.link(family)
    stale = submission(SignUpSubmitted, link, generation=7)
    await school.feed(stale, *(submission(SignUpSubmitted, link) for _ in range(20)))
    assert len(await school.emitted(InvitationAccepted)) == 1
    assert await school.answer_to(stale.submission_id) == "replaced"
    assert len(await school.emitted(InvitationRefused)) == 20


async def test_i23_a_re_invite_against_a_sign_up_leaves_one_of_two_worlds(school: Scene) -> None:
    for _ in range(ROUNDS):
        family = await school.invited()
        link = await school.link(family)
        submitted = submission(SignUpSubmitted, link)
        again, _ = await asyncio.gather(school.invite(family), school.feed(submitted))
        shown = await school.show(family)
        if again.status_code == 202:
            assert await school.answer_to(submitted.submission_id) == "replaced"
            assert (shown["status"], shown["generation"]) == ("invited", 2)
        else:
            assert again.json()["code"] == "signed_up"
            assert await school.answer_to(submitted.submission_id) == "accepted"
            assert (shown["status"], shown["generation"]) == ("signed_up", 1)


async def test_i23_simultaneous_first_invitations_make_one_invitation(school: Scene) -> None:
    family = await school.family(verified=True)
    answers = await asyncio.gather(*(school.invite(family) for _ in range(12)))
    accepted = [one.json() for one in answers if one.status_code == 202]
    assert len({one["invitation_id"] for one in accepted}) == 1
    assert sorted(one["generation"] for one in accepted) == [1, 2]
    assert len(await school.emitted(InvitationIssued)) == 2


async def test_i24_a_removal_against_a_sign_up_ends_without_access(school: Scene) -> None:
    for _ in range(ROUNDS):
        family = await school.invited()
        submitted = submission(SignUpSubmitted, await school.link(family))
        await asyncio.gather(school.feed(ParentRemoved(parent_id=family.parent_id)), school.feed(submitted))
        assert await school.answer_to(submitted.submission_id) in {"accepted", "no_access"}
        rows = await school.sql(
            "SELECT status FROM invitations WHERE parent_id = :parent_id", parent_id=family.parent_id
        )
        assert rows[0].status == "blocked"
        late = submission(SignUpSubmitted, await school.link(family))
        await school.feed(late)
        assert await school.answer_to(late.submission_id) == "no_access"


async def test_versions_never_repeat_nor_go_back(school: Scene) -> None:
    family = await school.invited()
    link = await school.link(family)
    await asyncio.gather(
        *(school.feed(submission(SignUpSubmitted, link)) for _ in range(10)),
        *(school.invite(family) for _ in range(5)),
    )
    rows = await school.sql(
        "SELECT CAST(headers AS jsonb)->>'ce_aggregateversion' AS version FROM outbox"
        " WHERE topic = 'invitations.invitation' ORDER BY id"
    )
    versions = [int(row.version) for row in rows]
    assert versions == list(range(1, len(versions) + 1))


async def test_p9_a_wish_that_two_workers_at_once_passed_over_is_fulfilled_by_the_timer(
    school: Scene,
) -> None:
    family = Family(school.school_id, address="a@example.org")
    async with school.database.transaction() as wishing:
        wish = Requested(family.parent_id, school.school_id, Channel.EMAIL, None, "office")
        await marks.keep_wishes(wishing, [wish])
        assert await marks.take_wishes(wishing, parent_ids=[family.parent_id]) == []
        await school.feed(family.fact())
    assert await school.emitted(SendMessage) == []
    await asyncio.gather(*(school.sweeps()._fulfil() for _ in range(4)))
    assert [one.template for one in await school.emitted(SendMessage)] == ["verify"]
    assert await school.sql("SELECT 1 FROM requested_invitations") == []
    assert (await school.show(family))["timeline"][-1]["actor"] == "office"


async def test_a_wish_whose_parent_is_not_here_is_left_by_the_timer(school: Scene) -> None:
    await school.feed(InvitationRequested(parent_id=uuid4()))
    assert await school.sweeps()._fulfil() is False
    assert len(await school.sql("SELECT 1 FROM requested_invitations")) == 1
