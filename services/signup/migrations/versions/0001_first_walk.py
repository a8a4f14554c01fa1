"""Copies of other owners' facts, submissions, accounts, memberships, sessions, wrong guesses."""

from alembic import op

from shared.runtime.migrations import irreversible
from shared.runtime.migrations.stepwise import create_first_runtime_tables

revision = "0001"
down_revision = None

_COPIES = (
    """
    CREATE TABLE schools (
        school_id uuid CONSTRAINT pk_schools PRIMARY KEY,
        version bigint NOT NULL,
        name text NOT NULL,
        language text NOT NULL
    )
    """,
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
_OWN = (
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
        decided_at timestamptz
    )
    """,
    """
    CREATE UNIQUE INDEX uq_submissions_pending ON submissions (invitation_id, generation, purpose)
        WHERE state = 'pending'
    """,
    "CREATE INDEX ix_submissions_invitation ON submissions (invitation_id, generation, purpose)",
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


def upgrade() -> None:
    create_first_runtime_tables(op)
    for statement in (*_COPIES, *_OWN):
        op.execute(statement)


downgrade = irreversible
