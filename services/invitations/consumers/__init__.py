"""One `on_<event>` per message: words of other services into ours, then one service call for the whole batch."""

from __future__ import annotations

from functools import partial

from services.invitations.consumers import notifier as on_notifier
from services.invitations.consumers import roster as on_roster
from services.invitations.consumers import signup as on_signup
from services.invitations.service.countdown import Countdown
from services.invitations.service.desk import Desk
from shared.contracts import notifier, signup
from shared.contracts import roster as facts
from shared.runtime.messaging import Subscription


def subscriptions(desk: Desk, arrivals: Countdown, outcomes: Countdown) -> tuple[Subscription, ...]:
    """The consumer groups; new parents and the outcomes of messages are counted for whoever waits for them."""
    of_parent = partial(on_roster.on_parent, desk)
    return (
        Subscription(
            "invitations.on-roster",
            {
                facts.SchoolRegistered: partial(on_roster.on_school, desk),
                facts.SchoolSettingsChanged: partial(on_roster.on_school, desk),
                facts.ParentAdded: arrivals.counting(of_parent),
                facts.ParentRenamed: of_parent,
                facts.ParentContactChanged: of_parent,
                facts.ParentAccessChanged: of_parent,
                facts.ParentRemoved: partial(on_roster.on_parent_removed, desk),
                facts.InvitationRequested: partial(on_roster.on_invitation_requested, desk),
            },
            after_commit=arrivals.settle,
        ),
        Subscription(
            "invitations.on-notifier",
            {
                notifier.MessageSent: outcomes.counting(on_notifier.on_message_sent),
                notifier.MessageDelivered: on_notifier.on_message_delivered,
                notifier.MessageFailed: outcomes.counting(on_notifier.on_message_failed),
                notifier.MessageOutcomeUnknown: outcomes.counting(on_notifier.on_message_outcome_unknown),
                notifier.RecipientOptedOut: on_notifier.on_recipient_opted_out,
                notifier.RecipientOptedIn: on_notifier.on_recipient_opted_in,
            },
            after_commit=outcomes.settle,
        ),
        Subscription(
            "invitations.on-signup",
            {
                signup.VerificationSubmitted: partial(on_signup.on_verification_submitted, desk),
                signup.SignUpSubmitted: on_signup.on_sign_up_submitted,
                signup.FreshLinkRequested: partial(on_signup.on_fresh_link_requested, desk),
                signup.SignedUp: on_signup.on_signed_up,
            },
        ),
    )
