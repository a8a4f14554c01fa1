"""The schema of signup.

Links and submissions belong to one invitation, and by that to one school. Accounts belong to a person, not to a school:
memberships connect them with the parent records that they may act for.
"""

from __future__ import annotations

from alembic import op

from shared.runtime.migrations import (
    RowLevelSecurity,
    create_runtime_tables,
    irreversible,
    rows_of_parent_table,
)

revision = "0007"
down_revision = None
branch_labels = None
depends_on = None

CONSUMER_GROUPS = ("signup.on-invitations", "signup.on-roster")

# Replicas of what the roster owns, each in the version of the newest event about it. Names and contacts of parents are
# not stored.
_ROSTER_REPLICAS = (
    """
    CREATE TABLE schools (
        school_id uuid CONSTRAINT pk_schools PRIMARY KEY,
        version bigint NOT NULL,
        name text NOT NULL,
        language text NOT NULL
    )
    """,
    # A removed student has neither name nor class.
    """
    CREATE TABLE students (
        student_id uuid CONSTRAINT pk_students PRIMARY KEY,
        school_id uuid NOT NULL,
        version bigint NOT NULL,
        name text,
        class_name text,
        removed boolean NOT NULL DEFAULT false
    )
    """,
    # Version 0 is a placeholder: an account was opened before the first event about its parent record arrived.
    """
    CREATE TABLE parents (
        parent_id uuid CONSTRAINT pk_parents PRIMARY KEY,
        school_id uuid NOT NULL,
        version bigint NOT NULL,
        language text,
        visible_student_ids uuid[] NOT NULL,
        removed boolean NOT NULL DEFAULT false
    )
    """,
)
# Replicas of what the invitations service owns.
_INVITATION_REPLICAS = (
    # The row is locked for each submission. `submissions` is the version of the last message about the invitation, and
    # `fresh_link_requested_at` the time of the last request for a new link. Free space keeps these updates on the page.
    """
    CREATE TABLE invitations (
        invitation_id uuid CONSTRAINT pk_invitations PRIMARY KEY,
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        version bigint NOT NULL,
        generation integer NOT NULL,
        state text NOT NULL CONSTRAINT ck_invitations_state CHECK (state IN
            ('awaiting_verification', 'verified', 'invited', 'signed_up', 'expired', 'withdrawn', 'blocked')),
        submissions bigint NOT NULL DEFAULT 0,
        fresh_link_requested_at timestamptz
    ) WITH (fillfactor = 80)
    """,
    # Links that were sent, by the SHA-256 (hex) of their tokens. A link has no state of its own.
    """
    CREATE TABLE links (
        token_digest text CONSTRAINT pk_links PRIMARY KEY,
        purpose text NOT NULL CONSTRAINT ck_links_purpose CHECK (purpose IN ('verify', 'join')),
        invitation_id uuid NOT NULL,
        generation integer NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
)
_SUBMISSIONS = (
    # Verifications and sign-ups, with the decision of the invitations service. `asked_again_at` is when the event about
    # a pending submission was last emitted again.
    """
    CREATE TABLE submissions (
        submission_id uuid CONSTRAINT pk_submissions PRIMARY KEY,
        purpose text NOT NULL CONSTRAINT ck_submissions_purpose CHECK (purpose IN ('verify', 'join')),
        invitation_id uuid NOT NULL,
        generation integer NOT NULL,
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        account_id uuid,
        state text NOT NULL CONSTRAINT ck_submissions_state CHECK (state IN ('pending', 'accepted', 'refused')),
        reason text,
        submitted_at timestamptz NOT NULL,
        decided_at timestamptz,
        asked_again_at timestamptz
    )
    """,
    # A link takes one pending submission at a time.
    """
    CREATE UNIQUE INDEX uq_submissions_pending ON submissions (invitation_id, generation, purpose)
        WHERE state = 'pending'
    """,
    "CREATE INDEX ix_submissions_invitation ON submissions (invitation_id, generation, purpose)",
    # Pending submissions in the order in which they are emitted again.
    """
    CREATE INDEX ix_submissions_undecided ON submissions (coalesce(asked_again_at, submitted_at))
        WHERE state = 'pending'
    """,
    # Result pages, by the SHA-256 (hex) of the secrets in their addresses. Each browser that submits gets its own.
    """
    CREATE TABLE results (
        result_digest text CONSTRAINT pk_results PRIMARY KEY,
        submission_id uuid NOT NULL CONSTRAINT fk_results_submission REFERENCES submissions ON DELETE CASCADE,
        first_attempt boolean NOT NULL,
        created_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX ix_results_created_at ON results (created_at)",
    "CREATE INDEX ix_results_submission_id ON results (submission_id)",
)
_ACCOUNTS = (
    # A pending account reserves its username until the sign-up is decided.
    """
    CREATE TABLE accounts (
        account_id uuid CONSTRAINT pk_accounts PRIMARY KEY,
        username text NOT NULL,
        username_key text NOT NULL CONSTRAINT uq_accounts_username_key UNIQUE,
        password_hash text NOT NULL,
        state text NOT NULL CONSTRAINT ck_accounts_state CHECK (state IN ('pending', 'active')),
        created_at timestamptz NOT NULL,
        activated_at timestamptz
    )
    """,
    # A membership ends when the parent record loses its last right of access, and reopens when it gets one.
    """
    CREATE TABLE memberships (
        account_id uuid NOT NULL CONSTRAINT fk_memberships_account REFERENCES accounts ON DELETE CASCADE,
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        invitation_id uuid NOT NULL,
        signed_up_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_memberships PRIMARY KEY (account_id, school_id, parent_id)
    )
    """,
    "CREATE INDEX ix_memberships_parent_id ON memberships (parent_id)",
    # Signed-in browsers, by the SHA-256 (hex) of their cookies.
    """
    CREATE TABLE sessions (
        session_digest text CONSTRAINT pk_sessions PRIMARY KEY,
        account_id uuid NOT NULL CONSTRAINT fk_sessions_account REFERENCES accounts ON DELETE CASCADE,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX ix_sessions_expires_at ON sessions (expires_at)",
    "CREATE INDEX ix_sessions_account_id ON sessions (account_id)",
    # Failed attempts per client and period of ten minutes. Unlogged, because nothing depends on them after a crash.
    """
    CREATE UNLOGGED TABLE wrong_guesses (
        address_digest text NOT NULL,
        period_start timestamptz NOT NULL,
        guesses integer NOT NULL,
        CONSTRAINT pk_wrong_guesses PRIMARY KEY (address_digest, period_start)
    )
    """,
    "CREATE INDEX ix_wrong_guesses_period_start ON wrong_guesses (period_start)",
)
_SCHOOLS_OF_LINK = (
    "SELECT i.school_id FROM links JOIN invitations i USING (invitation_id) WHERE token_digest = $1"
)
# The school of the link, and after a sign-up all schools of the account.
_SCHOOLS_OF_RESULT = """
SELECT s.school_id FROM results JOIN submissions s USING (submission_id) WHERE result_digest = $1
 UNION
SELECT m.school_id FROM results JOIN submissions s USING (submission_id) JOIN memberships m USING (account_id)
 WHERE result_digest = $1
"""
_SCHOOLS_OF_SESSION = """
SELECT DISTINCT m.school_id FROM sessions JOIN memberships m USING (account_id)
 WHERE session_digest = $1 AND expires_at > now()
"""


def upgrade() -> None:
    create_runtime_tables(op, CONSUMER_GROUPS)
    for statement in (*_ROSTER_REPLICAS, *_INVITATION_REPLICAS, *_SUBMISSIONS, *_ACCOUNTS):
        op.execute(statement)
    security = RowLevelSecurity(op, "signup")
    security.grant_runtime_tables()
    for table in ("schools", "students", "parents", "memberships"):
        security.protect(table)
    security.protect("invitations", api="SELECT, UPDATE")
    security.protect("links", rows=rows_of_parent_table("links", "invitations", "invitation_id"))
    security.protect("submissions", api="SELECT, INSERT")
    result_rows = rows_of_parent_table("results", "submissions", "submission_id")
    security.protect("results", api="SELECT, INSERT", rows=result_rows)
    security.grant("accounts", api="SELECT, INSERT")
    security.grant("sessions", api="SELECT, INSERT, DELETE")
    security.grant("wrong_guesses", api="SELECT, INSERT, UPDATE")
    security.create_school_lookup("schools_of_link", _SCHOOLS_OF_LINK)
    security.create_school_lookup("schools_of_result", _SCHOOLS_OF_RESULT)
    security.create_school_lookup("schools_of_session", _SCHOOLS_OF_SESSION)


downgrade = irreversible
