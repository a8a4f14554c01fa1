"""Tampering with events, replicas, requests and poison."""

from __future__ import annotations

from dataclasses import replace

from shared.contracts.topics import TOPICS_BY_NAME
from tests.faults.campaign.evidence import Evidence
from tests.faults.campaign.faults.poison import PREFIX
from tests.faults.campaign.ledger import Outcome
from tests.unit.faults.story import MARK, PARENT, resend
from tests.unit.faults.tampering import breaks, find_record, find_row


@breaks("I1")
def an_event_is_missing(evidence: Evidence) -> None:
    evidence.records.remove(find_record(evidence, "roster.parent.renamed.v1"))


@breaks("I1")
def an_event_is_never_marked(evidence: Evidence) -> None:
    evidence.tables["roster.outbox_pending"].append({"lane": "single", "id": 1})


@breaks("I1")
def a_change_left_no_event_at_all(evidence: Evidence) -> None:
    record = find_record(evidence, "roster.parent.renamed.v1")
    evidence.records.remove(record)
    evidence.table("roster.outbox").remove(find_row(evidence, "roster.outbox", message_id=record.id))


@breaks("I2")
def an_event_was_never_committed(evidence: Evidence) -> None:
    record = find_record(evidence, "roster.parent.renamed.v1")
    evidence.table("roster.outbox").remove(find_row(evidence, "roster.outbox", message_id=record.id))


@breaks("I2")
def a_refused_request_is_published(evidence: Evidence) -> None:
    evidence.ledger.entries[0] = replace(evidence.ledger.entries[0], outcome=Outcome.FAIL)


@breaks("I3 I4")
def versions_are_out_of_order(evidence: Evidence) -> None:
    first, last = (
        find_record(evidence, "roster.parent.added.v1"),
        find_record(evidence, "roster.parent.renamed.v1"),
    )
    first_at, last_at = evidence.records.index(first), evidence.records.index(last)
    evidence.records[first_at], evidence.records[last_at] = last, first


@breaks("I10 I19")
def a_group_skipped_a_record(evidence: Evidence) -> None:
    evidence.table("dashboard.inbox").pop()


@breaks("I10 I19")
def two_records_have_one_deduplication_id(evidence: Evidence) -> None:
    record = find_record(evidence, "roster.parent.renamed.v1")
    own = {"id": "01a20268-8bcc-77af-8e9e-67b2ea6491c6"}
    evidence.records += [resend(record, **own), resend(record, **own, source="/kinvite/signup")]
    for group in TOPICS_BY_NAME[record.topic].readers:
        row = {"consumer": group, **own}
        evidence.table(f"{group.partition('.')[0]}.inbox").append(row)


@breaks("I10")
def a_command_is_given_twice(evidence: Evidence) -> None:
    row = find_row(evidence, "invitations.outbox", topic="notifier.commands")
    evidence.table("invitations.outbox").append({**row, "message_id": "event-x"})


@breaks("I10")
def a_sign_up_did_not_reach_the_roster(evidence: Evidence) -> None:
    evidence.table("roster.parents")[0]["signed_up_at"] = None


@breaks("I43")
def a_repeated_request_took_effect_twice(evidence: Evidence) -> None:
    record = find_record(evidence, "roster.student.added.v1")
    evidence.records.append(resend(record, id="event-x", key="another"))


@breaks("I43")
def an_acknowledged_request_left_nothing(evidence: Evidence) -> None:
    evidence.records.remove(find_record(evidence, "roster.student.added.v1"))


@breaks("I1")
def a_change_is_stored_and_was_never_published(evidence: Evidence) -> None:
    evidence.table("roster.students").append({"student_id": "another", "name": "Student mark000009"})


@breaks("I1")
def a_press_that_was_taken_is_lost(evidence: Evidence) -> None:
    evidence.table("signup.submissions").pop()


@breaks("I1")
def a_run_that_was_promised_is_not_there(evidence: Evidence) -> None:
    entry = replace(evidence.ledger.entries[0], action="bulk", answer={"bulk_id": "run"}, sent={})
    evidence.ledger.add(entry)


@breaks("I2")
def half_of_a_request_is_there(evidence: Evidence) -> None:
    entry = evidence.ledger.entries[0]
    both = {**entry.sent, "parents": [{}, {}]}
    evidence.ledger.entries[0] = replace(entry, outcome=Outcome.UNKNOWN, sent=both)


@breaks("I3 I4")
def two_events_have_one_version(evidence: Evidence) -> None:
    record = find_record(evidence, "roster.parent.renamed.v1")
    evidence.records.append(resend(record, id="event-x"))


@breaks("I12")
def a_replica_is_stale(evidence: Evidence) -> None:
    evidence.table("invitations.parents")[0].update(version=1, name=f"Parent {MARK}")


@breaks("I12")
def a_student_is_stale(evidence: Evidence) -> None:
    evidence.table("signup.students")[0]["class_name"] = "an older one"


@breaks("I12")
def an_address_is_stale_under_the_newest_version(evidence: Evidence) -> None:
    evidence.table("invitations.parents")[0]["contacts"] = "[]"


@breaks("I12")
def who_was_removed_is_still_there(evidence: Evidence) -> None:
    record = find_record(evidence, "roster.parent.renamed.v1")
    data = {"parent_id": PARENT}
    evidence.records.append(
        resend(record, id="event-x", type="roster.parent.removed.v1", version=4, data=data)
    )


@breaks("I12")
def a_family_is_shown_with_another_child(evidence: Evidence) -> None:
    evidence.table("dashboard.links")[0]["student_id"] = "another"


@breaks("I10")
def a_line_of_the_timeline_is_missing(evidence: Evidence) -> None:
    evidence.table("dashboard.timeline").pop()


@breaks("I10")
def a_line_of_the_timeline_is_there_twice(evidence: Evidence) -> None:
    evidence.table("dashboard.timeline").append(evidence.table("dashboard.timeline")[0])


@breaks("I12")
def the_dashboard_shows_something_else(evidence: Evidence) -> None:
    evidence.table("dashboard.parents")[0]["status"] = "invited"


@breaks("I13 I15")
def a_good_record_is_parked(evidence: Evidence) -> None:
    place = {"consumer": "signup.on-roster", "topic": "roster.parent", "partition": 0, "record_offset": 2}
    evidence.tables["signup.dead_letter"].append(place)


@breaks("I13 I15")
def poison_is_not_parked(evidence: Evidence) -> None:
    record = find_record(evidence, "roster.parent.renamed.v1")
    evidence.records.append(resend(record, key=f"{PREFIX}bad json-1", id=f"{PREFIX}1"))


@breaks("I15 I16 I17")
def a_process_had_a_bug(evidence: Evidence) -> None:
    evidence.crashes.append("roster-both-0: process.crashed")
