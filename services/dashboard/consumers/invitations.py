"""Facts of invitations: each moves the status of a family's row."""

from collections.abc import Sequence

from services.dashboard.domain.status import State
from services.dashboard.service import translate
from services.dashboard.service.project import keep_families
from shared.contracts.envelope import Received
from shared.contracts.invitations import (
    ContactVerified,
    InvitationAccepted,
    InvitationBlocked,
    InvitationExpired,
    InvitationIssued,
    InvitationRefused,
    InvitationWithdrawn,
    VerificationRequested,
)
from shared.runtime.database import Transaction
from shared.runtime.messaging import Subscription


async def on_verification_requested(
    tx: Transaction, batch: Sequence[Received[VerificationRequested]]
) -> None:
    await keep_families(tx, [translate.link_fact(received) for received in batch])


async def on_contact_verified(tx: Transaction, batch: Sequence[Received[ContactVerified]]) -> None:
    await keep_families(tx, [translate.contact_verified(received) for received in batch])


async def on_invitation_issued(tx: Transaction, batch: Sequence[Received[InvitationIssued]]) -> None:
    await keep_families(tx, [translate.link_fact(received) for received in batch])


async def on_invitation_accepted(tx: Transaction, batch: Sequence[Received[InvitationAccepted]]) -> None:
    await keep_families(tx, [translate.turn(received, State.ACCEPTED) for received in batch])


async def on_invitation_refused(tx: Transaction, batch: Sequence[Received[InvitationRefused]]) -> None:
    await keep_families(tx, [translate.refused(received) for received in batch])


async def on_invitation_expired(tx: Transaction, batch: Sequence[Received[InvitationExpired]]) -> None:
    await keep_families(tx, [translate.turn(received, State.EXPIRED) for received in batch])


async def on_invitation_withdrawn(tx: Transaction, batch: Sequence[Received[InvitationWithdrawn]]) -> None:
    await keep_families(tx, [translate.turn(received, State.WITHDRAWN) for received in batch])


async def on_invitation_blocked(tx: Transaction, batch: Sequence[Received[InvitationBlocked]]) -> None:
    await keep_families(tx, [translate.turn(received, State.BLOCKED) for received in batch])


SUBSCRIPTION = Subscription(
    group="dashboard.on-invitations",
    handlers={
        VerificationRequested: on_verification_requested,
        ContactVerified: on_contact_verified,
        InvitationIssued: on_invitation_issued,
        InvitationAccepted: on_invitation_accepted,
        InvitationRefused: on_invitation_refused,
        InvitationExpired: on_invitation_expired,
        InvitationWithdrawn: on_invitation_withdrawn,
        InvitationBlocked: on_invitation_blocked,
    },
)
