"""Events of the sign-up pages: submissions, and completed sign-ups."""

from __future__ import annotations

from uuid import UUID

from shared.contracts.bounds import Moment
from shared.contracts.message import Generation, Message, contract
from shared.contracts.topics import SIGNUP_ACCOUNT, SIGNUP_SUBMISSION


class _Submission(Message):
    submission_id: UUID
    invitation_id: UUID
    generation: Generation
    submitted_at: Moment


@contract(
    "signup.submission.verification_submitted.v1",
    topic=SIGNUP_SUBMISSION,
    key="invitation_id",
    triggered_by="the parent pressed the button on the verification page",
)
class VerificationSubmitted(_Submission):
    """A person with the verification link confirmed the address. It never carries the token."""


@contract(
    "signup.submission.sign_up_submitted.v1",
    topic=SIGNUP_SUBMISSION,
    key="invitation_id",
    triggered_by="the parent chose a username and a password",
)
class SignUpSubmitted(_Submission):
    """A pending account waits for the decision. It never carries the token."""


@contract(
    "signup.submission.fresh_link_requested.v1",
    topic=SIGNUP_SUBMISSION,
    key="invitation_id",
    triggered_by="the page of a dead link was asked for a new one",
)
class FreshLinkRequested(Message):
    """A new link was requested, to be sent to the contact on file and to no other."""

    invitation_id: UUID
    generation: Generation
    requested_at: Moment


@contract(
    "signup.account.signed_up.v1",
    topic=SIGNUP_ACCOUNT,
    key="account_id",
    triggered_by="an accepted sign-up became an account of this school",
)
class SignedUp(Message):
    """The parent has an active account and belongs to the school."""

    account_id: UUID
    parent_id: UUID
    invitation_id: UUID
    signed_up_at: Moment
