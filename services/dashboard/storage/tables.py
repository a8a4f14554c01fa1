"""Schema of the dashboard's own tables as SQLAlchemy metadata: the one complete description, equal to the migrations.

The runtime's tables (outbox, inbox, ...) belong to `shared.runtime`. PostgreSQL generates `status`, `standing` (the
sort key), `listed` and `sort_name`.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
MOMENT = DateTime(timezone=True)
STATUSES = (
    "'not_invited','awaiting_verification','invited','signed_up','declined','expired','withdrawn','blocked'"
)
STATES = "'awaiting_verification','verified','invited','accepted','declined','expired','withdrawn','blocked'"
DELIVERIES = (
    "'queued','deferred','sent','delivered','failed_temporary','failed_permanent',"
    "'suppressed','unknown','printed'"
)
ROLES = "'owner', 'admin', 'viewer', 'front_desk'"
# The status rule: a blocked parent has no access either way, and only the account makes a sign-up.
STATUS = """
CASE WHEN state = 'blocked' THEN 'blocked' WHEN signed_up_at IS NOT NULL THEN 'signed_up'
     WHEN state IS NULL THEN 'not_invited' WHEN state = 'verified' THEN 'awaiting_verification'
     WHEN state = 'accepted' THEN 'invited' ELSE state END
"""
# 16 times the code of the status, plus the code of the delivery: see `domain/status_sort_key.py`.
SORT_KEY = """
16 * CASE WHEN state = 'blocked' THEN 7
          WHEN signed_up_at IS NOT NULL THEN 3
          ELSE CASE state WHEN 'awaiting_verification' THEN 1 WHEN 'verified' THEN 1
                          WHEN 'invited' THEN 2 WHEN 'accepted' THEN 2
                          WHEN 'declined' THEN 4 WHEN 'expired' THEN 5 WHEN 'withdrawn' THEN 6
                          ELSE 0 END END
+ CASE delivery WHEN 'queued' THEN 1 WHEN 'deferred' THEN 2 WHEN 'sent' THEN 3 WHEN 'delivered' THEN 4
                WHEN 'failed_temporary' THEN 5 WHEN 'failed_permanent' THEN 6 WHEN 'suppressed' THEN 7
                WHEN 'unknown' THEN 8 WHEN 'printed' THEN 9 ELSE 0 END
"""
SORT_NAME = "lower(coalesce(name, ''))"

# ---------------------------------------------------------------- replicas of roster
schools = Table(
    "schools",
    metadata,
    Column("school_id", UUID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("invitation_lifetime_days", Integer, nullable=False),
)

students = Table(
    "students",
    metadata,
    Column("school_id", UUID, primary_key=True),
    Column("student_id", UUID, primary_key=True),
    Column("version", BigInteger),
    Column("name", Text),
    Column("number", Text),
    Column("class_name", Text),
    Column("removed", Boolean),
    Column(
        "listed", Boolean, Computed("version IS NOT NULL AND NOT removed", persisted=True), nullable=False
    ),
    Column("sort_name", Text, Computed(SORT_NAME, persisted=True), nullable=False),
    Index("ix_students_sort", "school_id", "sort_name", "student_id", postgresql_where=text("listed")),
)

links = Table(
    "links",
    metadata,
    Column("school_id", UUID, primary_key=True),
    Column("parent_id", UUID, primary_key=True),
    Column("student_id", UUID, primary_key=True),
    Column("relation", Text),
    Column("rights", Text, nullable=False),
    Column("reason", Text),
    CheckConstraint("rights IN ('full', 'none')", name="rights"),
    Index("ix_links_student", "school_id", "student_id", "parent_id"),
)

# ---------------------------------------------------------------- the projection of parent records
parents = Table(
    "parents",
    metadata,
    Column("school_id", UUID, primary_key=True),
    Column("parent_id", UUID, primary_key=True),
    # person: from roster
    Column("person_version", BigInteger),
    Column("name", Text),
    Column("language", Text),
    Column("contacts", JSONB),
    Column("search", Text),
    Column("removed", Boolean),
    # progress: from invitations
    Column("progress_version", BigInteger),
    Column("state", Text),
    Column("state_at", MOMENT),
    Column("state_reason", Text),
    # sending: from invitations
    Column("sending_version", BigInteger),
    Column("generation", Integer),
    Column("channel", Text),
    Column("contact_id", UUID),
    Column("expires_at", MOMENT),
    Column("last_invited_at", MOMENT),
    # outcome: from notifier, and from invitations when it requests a message; see `delivery_code` below
    Column("outcome_generation", Integer),
    Column("outcome_stage", Integer),
    Column("outcome_message_id", UUID),
    Column("outcome_version", BigInteger),
    Column("delivery", Text),
    Column("delivery_at", MOMENT),
    Column("delivery_reason", Text),
    # account: from signup
    Column("signed_up_at", MOMENT),
    Column("account_id", UUID),
    # generated
    Column("status", Text, Computed(STATUS, persisted=True), nullable=False),
    Column(
        "listed",
        Boolean,
        Computed("person_version IS NOT NULL AND NOT removed", persisted=True),
        nullable=False,
    ),
    Column("sort_name", Text, Computed(SORT_NAME, persisted=True), nullable=False),
    Column("confirmed", ARRAY(UUID), nullable=False, server_default=text("'{}'")),
    Column("delivery_code", Text),
    Column("standing", SmallInteger, Computed(SORT_KEY, persisted=True), nullable=False),
    CheckConstraint(f"state IN ({STATES})", name="state"),
    CheckConstraint(f"delivery IN ({DELIVERIES})", name="delivery"),
    CheckConstraint(f"status IN ({STATUSES})", name="status"),
    Index(
        "ix_parents_standing",
        "school_id",
        "standing",
        "sort_name",
        "parent_id",
        postgresql_where=text("listed"),
    ),
    postgresql_with={"fillfactor": 85},
)

timeline = Table(
    "timeline",
    metadata,
    Column("school_id", UUID, primary_key=True),
    Column("parent_id", UUID, primary_key=True),
    Column("aggregate_id", UUID, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("channel", Text),
    Column("template", Text),
    Column("reason", Text),
    Column("actor", Text),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("school_id", UUID, primary_key=True),
    Column("parent_id", UUID, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("address_digest", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("opted_out", Boolean, nullable=False),
)

# ---------------------------------------------------------------- staff and API tokens
staff = Table(
    "staff",
    metadata,
    Column("staff_id", UUID, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Column("ended_at", MOMENT),
)

staff_roles = Table(
    "staff_roles",
    metadata,
    Column("staff_id", UUID, ForeignKey(staff.c.staff_id, ondelete="CASCADE"), nullable=False),
    Column("school_id", UUID),
    Column("role", Text, nullable=False),
    CheckConstraint(f"role IN ({ROLES})", name="role"),
    UniqueConstraint("staff_id", "school_id", postgresql_nulls_not_distinct=True),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("staff_id", UUID, ForeignKey(staff.c.staff_id, ondelete="CASCADE"), nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Column("expires_at", MOMENT, nullable=False),
    Index("ix_staff_sessions_staff", "staff_id"),
    Index("ix_staff_sessions_expires_at", "expires_at"),
)

wrong_passwords = Table(
    "wrong_passwords",
    metadata,
    Column("key", Text, primary_key=True),
    Column("window_start", MOMENT, nullable=False),
    Column("failures", Integer, nullable=False),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("token_id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("rights", ARRAY(Text), nullable=False),
    Column("school_ids", ARRAY(UUID)),
    Column("made_by", Text, nullable=False),
    Column(
        "made_by_token",
        UUID,
        ForeignKey("access_tokens.token_id", name="fk_access_tokens_made_by_token"),
    ),
    Column("made_at", MOMENT, nullable=False, server_default=func.now()),
    Column("expires_at", MOMENT),
    Column("revoked_at", MOMENT),
    Column("revoked_by", Text),
    Index("ix_access_tokens_made_by_token", "made_by_token"),
)
