"""Query plans: rows of a parent are found by their whole keys, in custom and in generic plans."""

from __future__ import annotations

import pytest

from shared.contracts import invitations
from shared.contracts.roster import StudentRemoved
from tests.integration.signup.driver import PASSWORD, SignupDriver
from tests.support.plans import StatementLog, planner
from tests.support.postgres import execute_as_owner

TABLES = ("students", "parents", "invitations", "links", "submissions", "accounts", "memberships", "sessions")
# Rows of a school that the statistics include, so many that reading all of them costs more than an index.
_FILL = """
SET search_path = signup;
SET app.owner = 'on';
INSERT INTO parents (parent_id, school_id, version, visible_student_ids)
SELECT gen_random_uuid(), '00000000-0000-4000-8000-000000000001', 1, '{}' FROM generate_series(1, 8000);
INSERT INTO students (student_id, school_id, version, name)
SELECT gen_random_uuid(), school_id, 1, 'Kim' FROM parents;
INSERT INTO invitations (invitation_id, school_id, parent_id, version, generation, state)
SELECT gen_random_uuid(), school_id, parent_id, 1, 1, 'signed_up' FROM parents;
INSERT INTO links (token_digest, purpose, invitation_id, generation, expires_at)
SELECT gen_random_uuid()::text, 'join', invitation_id, 1, now() FROM invitations;
INSERT INTO submissions (submission_id, purpose, invitation_id, generation, school_id, parent_id, state, submitted_at)
SELECT gen_random_uuid(), 'join', invitation_id, 1, school_id, parent_id, 'accepted', now() FROM invitations;
INSERT INTO accounts (account_id, username, username_key, password_hash, state, created_at)
SELECT parent_id, parent_id::text, parent_id::text, 'x', 'active', now() FROM parents;
INSERT INTO memberships (account_id, school_id, parent_id, invitation_id, signed_up_at)
SELECT parent_id, school_id, parent_id, invitation_id, now() FROM invitations;
INSERT INTO sessions (session_digest, account_id, created_at, expires_at)
SELECT parent_id::text, parent_id, now(), now() FROM parents;
ANALYZE students, parents, invitations, links, submissions, accounts, memberships, sessions;
"""


async def test_a_walk_to_the_account_reads_no_table_and_no_school_whole(
    signup: SignupDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute_as_owner(signup.database.url, _FILL)
    queries = StatementLog()
    queries.record(signup.database, monkeypatch)
    parent = await signup.add_parent()
    await signup.client.post(await signup.request_verification(parent))
    await signup.consume(
        parent.event(
            invitations.ContactVerified, contact_id=parent.contact_id, verified_at="2026-03-02T12:00:00Z"
        )
    )
    link = await signup.sign_up(parent, "ana.silva")
    await signup.client.get(link)
    await signup.client.post("/login", data={"username": "ana.silva", "password": PASSWORD})
    await signup.client.get("/account")
    await signup.consume(parent.event(invitations.InvitationWithdrawn, withdrawn_at="2026-03-02T12:00:00Z"))
    await signup.consume(StudentRemoved(student_id=parent.student_id))
    statements = queries.naming(*TABLES)
    assert len(statements) > 20
    wrong = []
    async with planner(signup.database) as plan:
        for statement, values in statements.items():
            for which, text in (await plan.explain(statement, values)).items():
                if walks := await plan.find_full_scans(text, columns=1):
                    wrong.append(f"{walks} {which}: {statement}\n{text}")
    assert not wrong, "\n\n".join(wrong)
