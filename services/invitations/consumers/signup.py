"""What parents sent from their pages."""

from __future__ import annotations

from collections.abc import Sequence

from services.invitations.domain.models import Submission
from services.invitations.service import submissions
from services.invitations.service.desk import Desk
from shared.contracts import signup
from shared.contracts.envelope import Received
from shared.runtime.database import Transaction

Decision = signup.VerificationSubmitted | signup.SignUpSubmitted


async def on_verification_submitted(
    desk: Desk, tx: Transaction, batch: Sequence[Received[signup.VerificationSubmitted]]
) -> None:
    await submissions.verify(tx, desk, [_submission(message.data) for message in batch])


async def on_sign_up_submitted(tx: Transaction, batch: Sequence[Received[signup.SignUpSubmitted]]) -> None:
    await submissions.sign_up(tx, [_submission(message.data) for message in batch])


async def on_fresh_link_requested(
    desk: Desk, tx: Transaction, batch: Sequence[Received[signup.FreshLinkRequested]]
) -> None:
    await submissions.send_fresh_links(tx, desk, [message.data.invitation_id for message in batch])


async def on_signed_up(tx: Transaction, batch: Sequence[Received[signup.SignedUp]]) -> None:
    await submissions.complete(
        tx, [(message.data.invitation_id, message.data.signed_up_at) for message in batch]
    )


def _submission(decision: Decision) -> Submission:
    return Submission(
        decision.submission_id, decision.invitation_id, decision.generation, decision.submitted_at
    )
