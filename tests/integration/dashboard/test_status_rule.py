"""Status rule: the generated column `status` and the actions that follow from it."""

from __future__ import annotations

from itertools import product

from services.dashboard.domain.parent_projection import InvitationState
from services.dashboard.domain.status import Action, choose_action
from services.dashboard.domain.status_sort_key import STATUS_AND_DELIVERY, list_sort_keys
from shared.contracts.values import Delivery, InvitationStatus
from shared.runtime.database import Database
from tests.unit.dashboard.builders import Story

STATUS_OF_STATE = {
    None: InvitationStatus.NOT_INVITED,
    InvitationState.AWAITING_VERIFICATION: InvitationStatus.AWAITING_VERIFICATION,
    InvitationState.VERIFIED: InvitationStatus.AWAITING_VERIFICATION,
    InvitationState.INVITED: InvitationStatus.INVITED,
    InvitationState.ACCEPTED: InvitationStatus.INVITED,
    InvitationState.DECLINED: InvitationStatus.DECLINED,
    InvitationState.EXPIRED: InvitationStatus.EXPIRED,
    InvitationState.WITHDRAWN: InvitationStatus.WITHDRAWN,
    InvitationState.BLOCKED: InvitationStatus.BLOCKED,
}
_INSERT = """
INSERT INTO parents (school_id, parent_id, state, delivery, signed_up_at)
VALUES (:school, gen_random_uuid(), :state, :delivery, CASE WHEN :signed_up THEN now() END)
RETURNING status
"""


async def _status(
    database: Database, state: InvitationState | None, *, signed_up: bool = False
) -> InvitationStatus:
    """Return the generated status of a row with this state."""
    parameters = {"school": Story().school_id, "state": state, "delivery": None, "signed_up": signed_up}
    async with database.transaction() as tx:
        return InvitationStatus(await tx.scalar(_INSERT, parameters))


async def test_every_state_has_its_status(database: Database) -> None:
    assert {state: await _status(database, state) for state in STATUS_OF_STATE} == STATUS_OF_STATE


async def test_p11_an_invited_parent_is_offered_re_invite(database: Database) -> None:
    status = await _status(database, InvitationState.AWAITING_VERIFICATION)
    assert choose_action(status) == "Re-Invite"


async def test_p14_a_signed_up_parent_is_not_offered_re_invite(database: Database) -> None:
    for state in STATUS_OF_STATE:
        status = await _status(database, state, signed_up=True)
        if state is InvitationState.BLOCKED:
            assert status is InvitationStatus.BLOCKED
        else:
            assert choose_action(status) is Action.SIGNED_UP


async def test_the_stored_sort_key_agrees_with_status_and_delivery(database: Database, story: Story) -> None:
    deliveries = [None, *Delivery]
    async with database.transaction() as tx:
        for state, delivery, signed_up in product(STATUS_OF_STATE, deliveries, (False, True)):
            await tx.execute(
                _INSERT,
                {"school": story.school_id, "state": state, "delivery": delivery, "signed_up": signed_up},
            )
        rows = await tx.rows("SELECT status, delivery, standing FROM parents")
    assert len(rows) == len(STATUS_OF_STATE) * len(deliveries) * 2
    for row in rows:
        assert STATUS_AND_DELIVERY[row.standing] == (row.status, row.delivery)
        assert row.standing in list_sort_keys(
            InvitationStatus(row.status), row.delivery and Delivery(row.delivery)
        )
    assert {row.standing for row in rows} == set(list_sort_keys())
