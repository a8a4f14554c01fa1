"""One family that was added, verified, signed up, as a faultless campaign leaves it: the oracle finds nothing."""

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
    """As the facts carry it."""
    return hashlib.sha256(token.encode()).hexdigest()


class Story:
    """Builds the evidence; each method tells one step."""

    def __init__(self) -> None:
        self.evidence = Evidence(Ledger())
        self._offset = 0
        self._family()
        self._invitation()
        self._messages()
        self._account()

    def tell(self, type_: str, version: int, data: Data, *, lane: str = "single") -> Record:
        """An event that went the whole way: committed, published, passed by every reader."""
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
        self.add(f"{owner}.outbox", **row, headers=headers, data=json.dumps(data))
        for group in TOPICS_BY_NAME[topic].readers:
            self.add(f"{group.partition('.')[0]}.inbox", consumer=group, id=dedup_id(record.source, event_id))
        if "parent_id" in data:
            self.add("dashboard.timeline", aggregate_id=key, version=version)
        return record

    def add(self, table: str, **row: Any) -> None:
        """A row of a table."""
        self.evidence.tables[table].append(row)

    def ask(
        self, action: str, *, sent: dict[str, Any], mark: str = "", answer: dict[str, Any] | None = None
    ) -> None:
        """A request that was acknowledged."""
        entry = Entry(action, Outcome.OK, SCHOOL, mark, AT, AT + 1, 200, 1, sent, answer or {})
        self.evidence.ledger.add(entry)

    def _family(self) -> None:
        answer = {"student_id": STUDENT, "parents": [{"parent_id": PARENT}]}
        self.ask("add_student", sent={"invite": True, "parents": [{}]}, mark=MARK, answer=answer)
        pupil = {"name": f"Pupil {MARK}", "class_name": None}
        self.tell("roster.student.added.v1", 1, {"student_id": STUDENT, "student": pupil})
        contacts = [{"kind": "email", "address": ADDRESS}]
        children = [{"student_id": STUDENT, "rights": "full"}]
        parent = {
            "parent_id": PARENT,
            "parent": {"name": f"Parent {MARK}", "contacts": contacts},
            "children": children,
        }
        self.tell("roster.parent.added.v1", 1, parent)
        self.tell("roster.parent.invitation_requested.v1", 2, {"parent_id": PARENT})
        name = "Renamed mark000002"
        self.tell("roster.parent.renamed.v1", 3, {**parent, "parent": {"name": name, "contacts": contacts}})
        self.ask("rename", sent={"parent_id": PARENT}, mark="mark000002")
        self.add("roster.students", student_id=STUDENT, name=pupil["name"])
        self.add("roster.parents", parent_id=PARENT, name=name, version=3, signed_up_at=NOW)
        kept = {"parent_id": PARENT, "name": name, "removed": False, "contacts": json.dumps(contacts)}
        self.add("invitations.parents", **kept, version=3, students=[STUDENT], has_access=True)
        self.add("signup.parents", parent_id=PARENT, version=3, removed=False, visible_student_ids=[STUDENT])
        shown = {"status": "signed_up", "delivery": "sent", "signed_up_at": NOW}
        self.add("dashboard.parents", **kept, person_version=3, listed=True, **shown)
        self.add("dashboard.links", parent_id=PARENT, **children[0])
        for service in ("signup", "dashboard"):
            self.add(f"{service}.students", student_id=STUDENT, **pupil, version=1, removed=False)

    def _invitation(self) -> None:
        whose = {"invitation_id": INVITATION, "parent_id": PARENT, "generation": 1}
        verify = {**whose, "message_id": VERIFY_MESSAGE, "token_digest": digest(VERIFY_TOKEN)}
        join = {**whose, "message_id": JOIN_MESSAGE, "token_digest": digest(JOIN_TOKEN)}
        self.tell("invitations.invitation.verification_requested.v1", 1, verify)
        self.tell("invitations.invitation.contact_verified.v1", 2, {**whose, "submission_id": PRESSED})
        self.tell("invitations.invitation.issued.v1", 3, join)
        self.tell("invitations.invitation.accepted.v1", 4, {**whose, "submission_id": JOINED})
        self.add(
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
            self.tell("notifier.message.send.v1", 1, command)
            row = {"message_id": message_id, "parent_id": PARENT, "channel": "email", "address": ADDRESS}
            ended = {"state": "sent", "code": "", "finished_at": NOW, "expires_at": NOW + timedelta(days=7)}
            self.add("notifier.messages", **row, **ended, due_at=None, attempts=1, interrupted=False)
            self.evidence.arrivals.append(Arrival(AT, "email", ADDRESS, message_id, (token,)))

    def _account(self) -> None:
        self.ask("verify", sent={"token_digest": digest(VERIFY_TOKEN)})
        self.ask("join", sent={"token_digest": digest(JOIN_TOKEN)})
        for purpose, submission_id in (("verify", PRESSED), ("join", JOINED)):
            row = {
                "submission_id": submission_id,
                "purpose": purpose,
                "invitation_id": INVITATION,
                "generation": 1,
            }
            self.add("signup.submissions", **row, state="accepted", submitted_at=NOW)
        self.tell("signup.account.signed_up.v1", 1, {"account_id": ACCOUNT, "parent_id": PARENT})
        self.add("signup.accounts", account_id=ACCOUNT, state="active")
        member = {
            "account_id": ACCOUNT,
            "school_id": SCHOOL,
            "parent_id": PARENT,
            "invitation_id": INVITATION,
        }
        self.add("signup.memberships", **member, ended_at=None)


def again(record: Record, **changes: Any) -> Record:
    """The record once more, later on its partition."""
    return replace(record, offset=record.offset + 1_000, **changes)
