from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.domain.family import Family, merge, merge_all
from services.dashboard.domain.status import Delivery, State, Status
from services.dashboard.service import translate
from services.dashboard.service.translate import Told
from shared.contracts import invitations, notifier, roster, signup
from shared.contracts.envelope import Received
from tests.unit.dashboard.facts import Story

STORY = Story()
MOVES: dict[type, Callable[[Any], Told]] = {
    roster.ParentAdded: translate.parent_fact,
    roster.ParentAccessChanged: translate.parent_fact,
    roster.ParentContactChanged: translate.parent_fact,
    roster.ParentRenamed: translate.parent_fact,
    invitations.VerificationRequested: translate.link_fact,
    invitations.ContactVerified: translate.contact_verified,
    invitations.InvitationIssued: translate.link_fact,
    invitations.InvitationRefused: translate.refused,
    invitations.InvitationAccepted: partial(translate.turn, state=State.ACCEPTED),
    notifier.MessageSent: partial(translate.outcome, delivery=Delivery.SENT),
    notifier.MessageDelivered: partial(translate.outcome, delivery=Delivery.DELIVERED),
    notifier.MessageFailed: translate.failed,
    signup.SignedUp: translate.signed_up,
}


def rows_of(facts: list[Received[Any]]) -> list[Family]:
    return [MOVES[type(fact.data)](fact).family for fact in facts if type(fact.data) in MOVES]


IN_ORDER = rows_of(STORY.all())


@given(st.permutations(IN_ORDER))
def test_every_permutation_of_a_familys_facts_ends_in_the_same_row(rows: list[Family]) -> None:
    assert merge_all(rows) == merge_all(IN_ORDER)


@given(st.lists(st.sampled_from(IN_ORDER), min_size=1, max_size=40), st.randoms())
def test_facts_told_twice_or_left_out_still_end_the_same_in_any_order(
    rows: list[Family], random: Any
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert merge_all(shuffled) == merge_all(rows)


@given(*(st.sampled_from(IN_ORDER) for _ in range(3)))
def test_merging_is_associative_commutative_and_idempotent(a: Family, b: Family, c: Family) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, a) == a


def test_p14_the_story_ends_signed_up_with_the_newest_name_and_delivery() -> None:
    [family] = merge_all(IN_ORDER)
    assert family.status is Status.SIGNED_UP
    assert family.delivery is Delivery.DELIVERED
    assert family.person is not None
    assert family.person.name == STORY.name
    assert family.confirmed == {STORY.contact_id}
    assert [link.student_id for link in family.person.links] == [STORY.student_id]


def test_an_accepted_invitation_alone_is_not_yet_signed_up() -> None:
    [family] = merge_all(rows_of([*STORY.roster(), *STORY.invitations()]))
    assert family.status is Status.INVITED


def test_a_family_heard_of_before_its_parent_is_kept_but_not_listed() -> None:
    [family] = merge_all(rows_of(list(STORY.invitations())))
    assert not family.listed
    assert merge_all([family, *rows_of(list(STORY.roster()))])[0].listed


def test_a_late_outcome_of_an_older_message_does_not_show() -> None:
    resent = rows_of([*STORY.roster(), *STORY.invitations()[:2], *STORY.notifier()[:1]])
    assert merge_all(resent)[0].delivery is Delivery.QUEUED


def test_rows_come_in_the_order_in_which_they_are_locked() -> None:
    families = [Family(Story().school_id, Story().parent_id) for _ in range(50)]
    rows = merge_all(families)
    assert [(row.school_id, row.parent_id) for row in rows] == sorted(
        (family.school_id, family.parent_id) for family in families
    )
