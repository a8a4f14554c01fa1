"""The oracle finds nothing in a faultless story, and each break of a promise where one was made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.runtime.messaging.inbox.dedup import dedup_id
from tests.faults.campaign.faults.bus import AGAIN
from tests.faults.campaign.oracle import CHECKS, judge
from tests.faults.campaign.oracle.tokens import never_too_late
from tests.faults.campaign.world import Disturbance
from tests.unit.faults import tamper_facts, tamper_links
from tests.unit.faults.story import ADDRESS, AT, INVITATION, JOIN_MESSAGE, NOW, PARENT, SCHOOL, Story, again
from tests.unit.faults.tampering import TAMPERINGS, excuse_a_copy, record_of, row_of

MODULES = (tamper_facts, tamper_links)


@pytest.mark.parametrize("name", sorted(TAMPERINGS))
def test_the_oracle_sees_what_was_tampered_with(name: str) -> None:
    invariant, tamper = TAMPERINGS[name]
    evidence = Story().evidence
    tamper(evidence)
    assert invariant in {verdict.invariant for verdict in judge(evidence) if verdict.broken}


def test_the_oracle_finds_nothing_in_a_faultless_story() -> None:
    verdicts = judge(Story().evidence)
    assert [what for verdict in verdicts for what in verdict.broken] == []
    blind = [verdict.promise for verdict in verdicts if not verdict.looked_at]
    assert len(blind) == 3, (
        f"of poison, runs and weeks that ended there are none in the story; but also: {blind}"
    )


def test_each_check_has_a_tampering_that_it_alone_or_with_others_sees() -> None:
    seen = set()
    for _, tamper in TAMPERINGS.values():
        evidence = Story().evidence
        tamper(evidence)
        seen |= {check.__name__ for check in CHECKS if check(evidence).broken}
    assert {check.__name__ for check in CHECKS} - seen == {"runs_add_up"}


def test_a_second_copy_is_excused_by_an_interrupted_attempt_and_a_kill_beside_it() -> None:
    evidence = Story().evidence
    evidence.arrivals.append(replace(evidence.arrivals[-1], at=AT + 60))
    excuse_a_copy(evidence)
    assert [what for verdict in judge(evidence) for what in verdict.broken] == []


def test_a_second_copy_is_excused_when_a_slow_sender_ends_after_another_took_over() -> None:
    evidence = Story().evidence
    evidence.arrivals.append(replace(evidence.arrivals[-1], at=AT + 60))
    evidence.disturbances.append(Disturbance("pause notifier-both-0", AT, AT + 30))
    row_of(evidence, "notifier.messages", message_id=JOIN_MESSAGE).update(attempts=2, interrupted=True)
    assert [what for verdict in judge(evidence) for what in verdict.broken] == []


def test_duplicates_and_stale_records_that_change_nothing_are_no_break() -> None:
    evidence = Story().evidence
    record = record_of(evidence, "roster.parent.added.v1")
    stale = again(record, id=f"{AGAIN}1")
    evidence.records += [again(record), stale]
    for group in ("invitations", "signup", "dashboard"):
        inbox = {"consumer": f"{group}.on-roster", "id": dedup_id(stale.source, stale.id)}
        evidence.table(f"{group}.inbox").append(inbox)
    assert [what for verdict in judge(evidence) for what in verdict.broken] == []


def test_a_run_without_an_end_is_seen() -> None:
    evidence = Story().evidence
    evidence.tables["invitations.bulk_runs"].append(
        {"bulk_id": "run", "school_id": SCHOOL, "state": "running"}
    )
    item = {"bulk_id": "run", "parent_id": PARENT, "state": "messaged", "message_id": JOIN_MESSAGE}
    evidence.tables["invitations.bulk_items"].append({**item, "has_outcome": False})
    broken = [what for verdict in judge(evidence) for what in verdict.broken]
    assert len(broken) == 2
    assert ADDRESS not in " ".join(broken)
    assert INVITATION not in " ".join(broken)


def test_who_lost_access_between_acceptance_and_account_may_be_without_one() -> None:
    evidence = Story().evidence
    accepted = record_of(evidence, "invitations.invitation.accepted.v1")
    blocked = again(accepted, id="event-b", type="invitations.invitation.blocked.v1", version=5)
    evidence.records.append(blocked)
    for table in ("signup.accounts", "signup.memberships"):
        evidence.table(table).clear()
    accounts = next(one for one in judge(evidence) if one.invariant == "I20")
    assert accounts.broken == []


@pytest.mark.parametrize("renewed", [True, False], ids=["a new week", "no new week"])
def test_i22_the_end_of_the_first_week_does_not_hold_in_the_one_that_verifying_in_time_began(
    renewed: bool,
) -> None:
    """Pressed in the week and read after its end, which was told meanwhile; the sign-up came in the second week."""
    evidence = Story().evidence
    steps = ("verification_requested", "expired", "contact_verified", "issued", "accepted")
    versions = {f"invitations.invitation.{step}.v1": number for number, step in enumerate(steps)}
    requested = record_of(evidence, "invitations.invitation.verification_requested.v1")
    ended = {**(requested.data or {}), "expired_at": (NOW - timedelta(minutes=1)).isoformat()}
    evidence.records.append(again(requested, id="end", type="invitations.invitation.expired.v1", data=ended))
    evidence.records[:] = [
        replace(record, version=versions.get(record.type, record.version))
        for record in evidence.records
        if renewed or record.type != "invitations.invitation.issued.v1"
    ]
    row_of(evidence, "signup.submissions", purpose="verify")["submitted_at"] = NOW - timedelta(minutes=2)
    assert bool(never_too_late(evidence).broken) is not renewed
