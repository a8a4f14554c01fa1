"""Evidence of a faultless campaign: one parent was added, verified and signed up, and the oracle finds nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.topics import TOPICS_BY_NAME
from shared.runtime.messaging.inbox.dedup import dedup_id
from tests.faults.campaign.evidence import Arrival, Evidence
from tests.faults.campaign.ledger import Entry, Ledger, Outcome
from tests.faults.campaign.topics import Record

SCHOOL, STUDENT, PARENT, INVITATION, ACCOUNT = (
    f"{number}0000000-0000-4000-8000-000000000000" for number in range(1, 6)
)
VERIFY_MESSAGE, JOIN_MESSAGE = "6" * 8 + SCHOOL[8:], "7" * 8 + SCHOOL[8:]
VERIFY_TOKEN, JOIN_TOKEN = "v" * 22, "j" * 22
PRESSED, JOINED = "8" * 8 + SCHOOL[8:], "9" * 8 + SCHOOL[8:]
MARK = "mark000001"
ADDRESS = f"{MARK}a@family.example"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
AT = NOW.timestamp()
Data = Mapping[str, Any]


def digest(token: str) -> str:
    """Return the digest of a token as events carry it."""
    return hashlib.sha256(token.encode()).hexdigest()


class Story:
    """Builder of the evidence; each method adds one step."""

    def __init__(self) -> None:
        self.evidence = Evidence(Ledger())
        self._offset = 0
        self._parent()
        self._invitation()
        self._messages()
        self._account()

    def add_event(self, type_: str, version: int, data: Data, *, lane: str = "single") -> Record:
        """Add an event that was committed, published and processed by every reader."""
        owner, aggregate, *_ = type_.split(".")
        topic = "notifier.commands" if type_ == "notifier.message.send.v1" else f"{owner}.{aggregate}"
        key = str(data[TOPICS_BY_NAME[topic].key])
        self._offset += 1
        event_id = f"event-{self._offset}"
        record = Record(
            topic,
            0,
            self._offset,
            key,
            event_id,
            f"/kinvite/{owner}",
            type_,
            SCHOOL,
            version,
            NOW.isoformat(),
            dict(data),
        )
        self.evidence.records.append(record)
        owner = "invitations" if topic == "notifier.commands" else owner
        headers = json.dumps({"ce_type": type_})
        row = {"id": self._offset, "topic": topic, "message_id": event_id, "lane": lane}
        self.add_row(f"{owner}.outbox", **row, headers=headers, data=json.dumps(data))
        for group in TOPICS_BY_NAME[topic].readers:
            self.add_row(
                f"{group.partition('.')[0]}.inbox", consumer=group, id=dedup_id(record.source, event_id)
            )
        if "parent_id" in data:
            self.add_row("dashboard.timeline", aggregate_id=key, version=version)
        return record

    def add_row(self, table: str, **row: Any) -> None:
        """Add a row to a table."""
        self.evidence.tables[table].append(row)

    def add_request(
        self, action: str, *, sent: dict[str, Any], mark: str = "", answer: dict[str, Any] | None = None
    ) -> None:
        """Add a request that was acknowledged."""
        entry = Entry(action, Outcome.OK, SCHOOL, mark, AT, AT + 1, 200, 1, sent, answer or {})
        self.evidence.ledger.add(entry)

    def _parent(self) -> None:
        answer = {"student_id": STUDENT, "parents": [{"parent_id": PARENT}]}
        self.add_request("add_student", sent={"invite": True, "parents": [{}]}, mark=MARK, answer=answer)
        student = {"name": f"Student {MARK}", "class_name": None}
        self.add_event("roster.student.added.v1", 1, {"student_id": STUDENT, "student": student})
        contacts = [{"kind": "email", "address": ADDRESS}]
        children = [{"student_id": STUDENT, "rights": "full"}]
        parent = {
            "parent_id": PARENT,
            "parent": {"name": f"Parent {MARK}", "contacts": contacts},
            "children": children,
        }
        self.add_event("roster.parent.added.v1", 1, parent)
        self.add_event("roster.parent.invitation_requested.v1", 2, {"parent_id": PARENT})
        name = "Renamed mark000002"
        self.add_event(
            "roster.parent.renamed.v1", 3, {**parent, "parent": {"name": name, "contacts": contacts}}
        )
        self.add_request("rename", sent={"parent_id": PARENT}, mark="mark000002")
        self.add_row("roster.students", student_id=STUDENT, name=student["name"])
        self.add_row("roster.parents", parent_id=PARENT, name=name, version=3, signed_up_at=NOW)
        replica = {"parent_id": PARENT, "name": name, "removed": False, "contacts": json.dumps(contacts)}
        self.add_row("invitations.parents", **replica, version=3, students=[STUDENT], has_access=True)
        self.add_row(
            "signup.parents", parent_id=PARENT, version=3, removed=False, visible_student_ids=[STUDENT]
        )
        shown = {"status": "signed_up", "delivery": "sent", "signed_up_at": NOW}
        self.add_row("dashboard.parents", **replica, person_version=3, listed=True, **shown)
        self.add_row("dashboard.links", parent_id=PARENT, **children[0])
        for service in ("signup", "dashboard"):
            self.add_row(f"{service}.students", student_id=STUDENT, **student, version=1, removed=False)

    def _invitation(self) -> None:
        whose = {"invitation_id": INVITATION, "parent_id": PARENT, "generation": 1}
        verify = {**whose, "message_id": VERIFY_MESSAGE, "token_digest": digest(VERIFY_TOKEN)}
        join = {**whose, "message_id": JOIN_MESSAGE, "token_digest": digest(JOIN_TOKEN)}
        self.add_event("invitations.invitation.verification_requested.v1", 1, verify)
        self.add_event("invitations.invitation.contact_verified.v1", 2, {**whose, "submission_id": PRESSED})
        self.add_event("invitations.invitation.issued.v1", 3, join)
        self.add_event("invitations.invitation.accepted.v1", 4, {**whose, "submission_id": JOINED})
        self.add_row(
            "invitations.invitations",
            **whose,
            school_id=SCHOOL,
            status="signed_up",
            delivery="sent",
            message_id=JOIN_MESSAGE,
            submission_id=JOINED,
            accepted_at=NOW,
            signed_up_at=NOW,
            expires_at=NOW + timedelta(days=7),
        )

    def _messages(self) -> None:
        for template, message_id, token in (
            ("verify", VERIFY_MESSAGE, VERIFY_TOKEN),
            ("invite", JOIN_MESSAGE, JOIN_TOKEN),
        ):
            command = {
                "message_id": message_id,
                "invitation_id": INVITATION,
                "generation": 1,
                "template": template,
            }
            self.add_event("notifier.message.send.v1", 1, command)
            row = {"message_id": message_id, "parent_id": PARENT, "channel": "email", "address": ADDRESS}
            ended = {"state": "sent", "code": "", "finished_at": NOW, "expires_at": NOW + timedelta(days=7)}
            self.add_row("notifier.messages", **row, **ended, due_at=None, attempts=1, interrupted=False)
            self.evidence.arrivals.append(Arrival(AT, "email", ADDRESS, message_id, (token,)))

    def _account(self) -> None:
        self.add_request("verify", sent={"token_digest": digest(VERIFY_TOKEN)})
        self.add_request("join", sent={"token_digest": digest(JOIN_TOKEN)})
        for purpose, submission_id in (("verify", PRESSED), ("join", JOINED)):
            row = {
                "submission_id": submission_id,
                "purpose": purpose,
                "invitation_id": INVITATION,
                "generation": 1,
            }
            self.add_row("signup.submissions", **row, state="accepted", submitted_at=NOW)
        self.add_event("signup.account.signed_up.v1", 1, {"account_id": ACCOUNT, "parent_id": PARENT})
        self.add_row("signup.accounts", account_id=ACCOUNT, state="active")
        member = {
            "account_id": ACCOUNT,
            "school_id": SCHOOL,
            "parent_id": PARENT,
            "invitation_id": INVITATION,
        }
        self.add_row("signup.memberships", **member, ended_at=None)


def resend(record: Record, **changes: Any) -> Record:
    """Return the record once more, later on its partition."""
    return replace(record, offset=record.offset + 1_000, **changes)
