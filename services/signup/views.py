"""Read-only queries for the result page and the account page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.signup.domain.links import Purpose, SubmissionState
from shared.contracts.values import RefusalReason
from shared.runtime.database import Transaction

_RESULT = text(
    """
    SELECT s.purpose, s.state, s.reason, s.submitted_at, s.account_id, r.first_attempt, c.name AS school_name,
           coalesce(p.language, c.language) AS language
      FROM results r
      JOIN submissions s USING (submission_id)
      LEFT JOIN schools c ON c.school_id = s.school_id
      LEFT JOIN parents p ON p.parent_id = s.parent_id
     WHERE r.result_digest = :digest AND r.created_at > :since
    """
)
_USERNAME = text("SELECT username FROM accounts WHERE account_id = :account_id AND state = 'active'")
_LANGUAGE = text(
    """
    SELECT coalesce(p.language, s.language)
      FROM memberships m
      LEFT JOIN parents p USING (parent_id)
      LEFT JOIN schools s ON s.school_id = m.school_id
     WHERE m.account_id = :account_id ORDER BY m.signed_up_at LIMIT 1
    """
)
_SCHOOLS = text(
    """
    SELECT m.school_id, s.name AS school_name, st.name AS student_name, st.class_name
      FROM memberships m
      JOIN parents p ON p.parent_id = m.parent_id AND NOT p.removed
      LEFT JOIN schools s ON s.school_id = m.school_id
      LEFT JOIN students st ON st.student_id = ANY(p.visible_student_ids) AND NOT st.removed
     WHERE m.account_id = :account_id AND m.ended_at IS NULL
     ORDER BY s.name, m.school_id, st.name
    """
)


@dataclass(frozen=True, slots=True)
class StudentView:
    """A student as shown to a parent."""

    name: str
    class_name: str | None


@dataclass(frozen=True, slots=True)
class SchoolView:
    """A school that the account belongs to, with the students that the account may see there."""

    school_id: UUID
    name: str | None
    students: tuple[StudentView, ...]


@dataclass(frozen=True, slots=True)
class ResultView:
    """State of a submission. `first_attempt` is False if another person made the submission on the same link first."""

    purpose: Purpose
    state: SubmissionState
    reason: RefusalReason | None
    submitted_at: datetime
    account_id: UUID | None
    first_attempt: bool
    school_name: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """An active account with its schools."""

    username: str
    language: str | None
    schools: tuple[SchoolView, ...]


async def find_result(tx: Transaction, result_digest: str, since: datetime) -> ResultView | None:
    """Return the result page with this digest if it was created after `since`, otherwise None."""
    row = await tx.row(_RESULT, {"digest": result_digest, "since": since})
    if row is None:
        return None
    fields = row._asdict()
    fields["purpose"] = Purpose(row.purpose)
    fields["state"] = SubmissionState(row.state)
    fields["reason"] = None if row.reason is None else RefusalReason(row.reason)
    return ResultView(**fields)


async def find_account(tx: Transaction, account_id: UUID) -> AccountView | None:
    """Return the active account with its schools and students, or None."""
    username = await tx.scalar(_USERNAME, {"account_id": account_id})
    if username is None:
        return None
    language = await tx.scalar(_LANGUAGE, {"account_id": account_id})
    return AccountView(username, language, await list_schools(tx, account_id))


async def list_schools(tx: Transaction, account_id: UUID) -> tuple[SchoolView, ...]:
    """Return the schools to which the account has access now, each with the students that it may see."""
    schools: dict[UUID, SchoolView] = {}
    for row in await tx.rows(_SCHOOLS, {"account_id": account_id}):
        school = schools.get(row.school_id) or SchoolView(row.school_id, row.school_name, ())
        if row.student_name is not None:
            student = StudentView(row.student_name, row.class_name)
            school = replace(school, students=(*school.students, student))
        schools[row.school_id] = school
    return tuple(schools.values())
