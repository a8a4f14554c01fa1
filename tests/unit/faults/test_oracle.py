"""The oracle finds nothing in a faultless story, and each break of a promise where one was made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.runtime.inbox import mark_of
from tests.faults.campaign.evidence import Evidence
from tests.faults.campaign.faults.bus import AGAIN
from tests.faults.campaign.faults.poison import PREFIX
from tests.faults.campaign.ledger import Outcome
from tests.faults.campaign.oracle import CHECKS, judge
from tests.faults.campaign.topics import Record
from tests.faults.campaign.world import Disturbance
from tests.unit.faults.story import (
    ADDRESS,
    AT,
    INVITATION,
    JOIN_MESSAGE,
    MARK,
    NOW,
    PARENT,
    SCHOOL,
    Story,
    again,
)

Tamper = Callable[[Evidence], None]
TAMPERINGS: dict[str, tuple[str, Tamper]] = {}


def breaks(invariant: str) -> Callable[[Tamper], Tamper]:
    def keep(tamper: Tamper) -> Tamper:
        TAMPERINGS[tamper.__name__] = (invariant, tamper)
        return tamper

    return keep


def _record(evidence: Evidence, type_: str) -> Record:
    return next(one for one in evidence.records if one.type == type_)


def _row(evidence: Evidence, table: str, **wanted: Any) -> dict[str, Any]:
    return next(
        row for row in evidence.table(table) if all(row[name] == value for name, value in wanted.items())
    )


@breaks("I1")
def an_event_is_missing(evidence: Evidence) -> None:
    evidence.records.remove(_record(evidence, "roster.parent.renamed.v1"))


@breaks("I1")
def an_event_is_never_marked(evidence: Evidence) -> None:
    evidence.tables["roster.outbox_pending"].append({"lane": "single", "id": 1})


@breaks("I1")
def a_change_left_no_event_at_all(evidence: Evidence) -> None:
    record = _record(evidence, "roster.parent.renamed.v1")
    evidence.records.remove(record)
    evidence.table("roster.outbox").remove(_row(evidence, "roster.outbox", message_id=record.id))


@breaks("I2")
def an_event_was_never_committed(evidence: Evidence) -> None:
    record = _record(evidence, "roster.parent.renamed.v1")
    evidence.table("roster.outbox").remove(_row(evidence, "roster.outbox", message_id=record.id))


@breaks("I2")
def a_refused_request_is_told(evidence: Evidence) -> None:
    evidence.ledger.entries[0] = replace(evidence.ledger.entries[0], outcome=Outcome.FAIL)


@breaks("I3 I4")
def versions_are_out_of_order(evidence: Evidence) -> None:
    first, last = _record(evidence, "roster.parent.added.v1"), _record(evidence, "roster.parent.renamed.v1")
    one, other = evidence.records.index(first), evidence.records.index(last)
    evidence.records[one], evidence.records[other] = last, first


@breaks("I10 I19")
def a_group_passed_over_a_record(evidence: Evidence) -> None:
    evidence.table("dashboard.inbox").pop()


@breaks("I10")
def a_command_is_given_twice(evidence: Evidence) -> None:
    row = _row(evidence, "invitations.outbox", topic="notifier.commands")
    evidence.table("invitations.outbox").append({**row, "message_id": "event-x"})


@breaks("I10")
def a_sign_up_did_not_reach_the_roster(evidence: Evidence) -> None:
    evidence.table("roster.parents")[0]["signed_up_at"] = None


@breaks("I43")
def a_repeated_request_took_effect_twice(evidence: Evidence) -> None:
    evidence.table("roster.students").append({"student_id": "another", "name": f"Pupil {MARK}"})


@breaks("I43")
def an_acknowledged_request_left_nothing(evidence: Evidence) -> None:
    evidence.table("roster.students").clear()


@breaks("I12")
def a_copy_is_stale(evidence: Evidence) -> None:
    evidence.table("invitations.parents")[0].update(version=1, name=f"Parent {MARK}")


@breaks("I12")
def the_office_sees_something_else(evidence: Evidence) -> None:
    evidence.table("dashboard.parents")[0]["status"] = "invited"


@breaks("I13 I15")
def a_good_record_is_parked(evidence: Evidence) -> None:
    place = {"consumer": "signup.on-roster", "topic": "roster.parent", "partition": 0, "record_offset": 2}
    evidence.tables["signup.dead_letter"].append(place)


@breaks("I13 I15")
def poison_is_not_parked(evidence: Evidence) -> None:
    record = _record(evidence, "roster.parent.renamed.v1")
    evidence.records.append(again(record, key=f"{PREFIX}bad json-1", id=f"{PREFIX}1"))


@breaks("I15 I16 I17")
def a_process_had_a_bug(evidence: Evidence) -> None:
    evidence.crashes.append("roster-both-0: process.crashed")


@breaks("I20")
def a_link_is_accepted_twice(evidence: Evidence) -> None:
    record = _record(evidence, "invitations.invitation.accepted.v1")
    data = {**(record.data or {}), "submission_id": "another"}
    evidence.records.append(again(record, id="event-y", version=5, data=data))


@breaks("I20")
def a_sign_up_is_never_decided(evidence: Evidence) -> None:
    evidence.table("signup.submissions")[1]["state"] = "pending"


@breaks("I21")
def a_link_was_used_by_looking(evidence: Evidence) -> None:
    evidence.ledger.entries[:] = [one for one in evidence.ledger.entries if one.action != "verify"]


@breaks("I22 I25")
def a_sign_up_came_after_the_week(evidence: Evidence) -> None:
    evidence.table("invitations.invitations")[0]["expires_at"] = NOW - timedelta(seconds=1)


@breaks("I22 I25")
def the_end_of_a_week_is_told_early(evidence: Evidence) -> None:
    record = _record(evidence, "invitations.invitation.issued.v1")
    data = {"generation": 1, "parent_id": PARENT, "expired_at": (NOW + timedelta(hours=1)).isoformat()}
    evidence.records.append(
        again(record, id="event-z", type="invitations.invitation.expired.v1", version=9, data=data)
    )


@breaks("I23")
def an_older_link_is_accepted(evidence: Evidence) -> None:
    record = _record(evidence, "invitations.invitation.issued.v1")
    newer = {**(record.data or {}), "generation": 2}
    evidence.records[evidence.records.index(record)] = replace(record, data=newer)


@breaks("I24")
def a_removed_parent_keeps_access(evidence: Evidence) -> None:
    evidence.table("invitations.parents")[0]["removed"] = True


@breaks("I31")
def a_mail_is_lost(evidence: Evidence) -> None:
    evidence.arrivals[:] = [one for one in evidence.arrivals if one.message_id != JOIN_MESSAGE]


@breaks("I31")
def a_message_is_never_settled(evidence: Evidence) -> None:
    evidence.table("notifier.messages")[0].update(state="queued", due_at=NOW)


@breaks("I31")
def an_invite_became_no_message(evidence: Evidence) -> None:
    evidence.table("notifier.messages").clear()


@breaks("I32")
def a_second_mail_has_another_link(evidence: Evidence) -> None:
    evidence.arrivals.append(replace(evidence.arrivals[-1], at=AT + 60, tokens=("x" * 22,)))
    _excuse_a_copy(evidence)


@breaks("I32")
def a_second_mail_has_another_id(evidence: Evidence) -> None:
    evidence.arrivals.append(replace(evidence.arrivals[-1], message_id="another"))


@breaks("I32")
def a_mail_is_sent_twice_for_no_reason(evidence: Evidence) -> None:
    evidence.arrivals.append(replace(evidence.arrivals[-1], at=AT + 60))


def _excuse_a_copy(evidence: Evidence) -> None:
    evidence.disturbances.append(Disturbance("kill notifier-both-0", AT, AT + 1))
    evidence.tables["notifier.attempts"].append({"message_id": JOIN_MESSAGE, "verdict": "interrupted"})


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
        f"of poison, runs and removed parents there are none in the story; but also: {blind}"
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
    _excuse_a_copy(evidence)
    assert [what for verdict in judge(evidence) for what in verdict.broken] == []


def test_a_second_copy_is_excused_when_a_slow_sender_ends_after_another_took_over() -> None:
    evidence = Story().evidence
    evidence.arrivals.append(replace(evidence.arrivals[-1], at=AT + 60))
    evidence.disturbances.append(Disturbance("pause notifier-both-0", AT, AT + 30))
    _row(evidence, "notifier.messages", message_id=JOIN_MESSAGE).update(attempts=2, interrupted=True)
    assert [what for verdict in judge(evidence) for what in verdict.broken] == []


def test_duplicates_and_stale_records_that_change_nothing_are_no_break() -> None:
    evidence = Story().evidence
    record = _record(evidence, "roster.parent.added.v1")
    stale = again(record, id=f"{AGAIN}1")
    evidence.records += [again(record), stale]
    for group in ("invitations", "signup", "dashboard"):
        inbox = {"consumer": f"{group}.on-roster", "id": mark_of(stale.source, stale.id)}
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
