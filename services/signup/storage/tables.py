"""The tables of signup as SQLAlchemy metadata. A test compares them with the migrated database."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

metadata = MetaData()
_MOMENT = DateTime(timezone=True)

schools = Table(
    "schools",
    metadata,
    Column("school_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    PrimaryKeyConstraint("school_id", name="pk_schools"),
)
students = Table(
    "students",
    metadata,
    Column("student_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("name", Text),
    Column("class_name", Text),
    Column("removed", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("student_id", name="pk_students"),
)
parents = Table(
    "parents",
    metadata,
    Column("parent_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("language", Text),
    Column("visible_student_ids", ARRAY(Uuid), nullable=False),
    Column("removed", Boolean, nullable=False, server_default=text("false")),
    Column("name_words", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("address_words", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    PrimaryKeyConstraint("parent_id", name="pk_parents"),
)
invitations = Table(
    "invitations",
    metadata,
    Column("invitation_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("parent_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("submissions", BigInteger, nullable=False, server_default=text("0")),
    Column("fresh_link_requested_at", _MOMENT),
    PrimaryKeyConstraint("invitation_id", name="pk_invitations"),
    CheckConstraint(
        "state IN ('awaiting_verification', 'verified', 'invited', 'signed_up', 'expired', 'withdrawn', 'blocked')",
        name="ck_invitations_state",
    ),
    postgresql_with={"fillfactor": 80},
)
links = Table(
    "links",
    metadata,
    Column("token_digest", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("invitation_id", Uuid, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    PrimaryKeyConstraint("token_digest", name="pk_links"),
    CheckConstraint("purpose IN ('verify', 'join')", name="ck_links_purpose"),
)
submissions = Table(
    "submissions",
    metadata,
    Column("submission_id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("invitation_id", Uuid, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("parent_id", Uuid, nullable=False),
    Column("account_id", Uuid),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("submitted_at", _MOMENT, nullable=False),
    Column("decided_at", _MOMENT),
    Column("asked_again_at", _MOMENT),
    PrimaryKeyConstraint("submission_id", name="pk_submissions"),
    CheckConstraint("purpose IN ('verify', 'join')", name="ck_submissions_purpose"),
    CheckConstraint("state IN ('pending', 'accepted', 'refused')", name="ck_submissions_state"),
    Index(
        "uq_submissions_pending",
        "invitation_id",
        "generation",
        "purpose",
        unique=True,
        postgresql_where=text("state = 'pending'"),
    ),
    Index("ix_submissions_invitation", "invitation_id", "generation", "purpose"),
)
Index(
    "ix_submissions_undecided",
    func.coalesce(submissions.c.asked_again_at, submissions.c.submitted_at),
    postgresql_where=text("state = 'pending'"),
)
results = Table(
    "results",
    metadata,
    Column("result_digest", Text, nullable=False),
    Column(
        "submission_id",
        ForeignKey(submissions.c.submission_id, name="fk_results_submission", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("first_attempt", Boolean, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    PrimaryKeyConstraint("result_digest", name="pk_results"),
    Index("ix_results_created_at", "created_at"),
    Index("ix_results_submission_id", "submission_id"),
)
accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Uuid, nullable=False),
    Column("username", Text, nullable=False),
    Column("username_key", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("activated_at", _MOMENT),
    Column("username_skeleton", Text),
    PrimaryKeyConstraint("account_id", name="pk_accounts"),
    UniqueConstraint("username_skeleton", name="uq_accounts_username_skeleton"),
    UniqueConstraint("username_key", name="uq_accounts_username_key"),
    CheckConstraint("state IN ('pending', 'active')", name="ck_accounts_state"),
)
memberships = Table(
    "memberships",
    metadata,
    Column(
        "account_id",
        ForeignKey(accounts.c.account_id, name="fk_memberships_account", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("school_id", Uuid, nullable=False),
    Column("parent_id", Uuid, nullable=False),
    Column("invitation_id", Uuid, nullable=False),
    Column("signed_up_at", _MOMENT, nullable=False),
    Column("ended_at", _MOMENT),
    PrimaryKeyConstraint("account_id", "school_id", "parent_id", name="pk_memberships"),
    Index("ix_memberships_parent_id", "parent_id"),
)
sessions = Table(
    "sessions",
    metadata,
    Column("session_digest", Text, nullable=False),
    Column(
        "account_id",
        ForeignKey(accounts.c.account_id, name="fk_sessions_account", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("created_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    PrimaryKeyConstraint("session_digest", name="pk_sessions"),
    Index("ix_sessions_expires_at", "expires_at"),
    Index("ix_sessions_account_id", "account_id"),
)
known_browsers = Table(
    "known_browsers",
    metadata,
    Column("browser_digest", Text, nullable=False),
    Column(
        "account_id",
        ForeignKey(accounts.c.account_id, name="fk_known_browsers_account", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("created_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    PrimaryKeyConstraint("browser_digest", "account_id", name="pk_known_browsers"),
    Index("ix_known_browsers_expires_at", "expires_at"),
    Index("ix_known_browsers_account_id", "account_id"),
)
sign_in_limits = Table(
    "sign_in_limits",
    metadata,
    Column("client_digest", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("counted_at", _MOMENT, nullable=False),
    Column("blocked_until", _MOMENT),
    PrimaryKeyConstraint("client_digest", name="pk_sign_in_limits"),
    Index("ix_sign_in_limits_counted_at", "counted_at"),
    prefixes=["UNLOGGED"],
)
wrong_guesses = Table(
    "wrong_guesses",
    metadata,
    Column("address_digest", Text, nullable=False),
    Column("period_start", _MOMENT, nullable=False),
    Column("guesses", Integer, nullable=False),
    PrimaryKeyConstraint("address_digest", "period_start", name="pk_wrong_guesses"),
    Index("ix_wrong_guesses_period_start", "period_start"),
    prefixes=["UNLOGGED"],
)
