"""Schema of the service's own tables, as SQLAlchemy metadata. The first migration describes what each is for."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Time,
    Uuid,
    text,
)

metadata = MetaData()
_MOMENT = DateTime(timezone=True)
_FALSE = text("false")
_NOW = text("now()")
_ZERO = text("0")

messages = Table(
    "messages",
    metadata,
    Column("message_id", Uuid),
    Column("school_id", Uuid, nullable=False),
    Column("parent_id", Uuid, nullable=False),
    Column("invitation_id", Uuid, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("school_name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("token_key_id", Text, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    Column("traceparent", Text),
    Column("state", Text, nullable=False),
    Column("due_at", _MOMENT),
    Column("locked_until", _MOMENT),
    Column("fence", Integer, nullable=False, server_default=_ZERO),
    Column("attempts", Integer, nullable=False, server_default=_ZERO),
    Column("ambiguous", Integer, nullable=False, server_default=_ZERO),
    Column("announced", Boolean, nullable=False, server_default=_FALSE),
    Column("interrupted", Boolean, nullable=False, server_default=_FALSE),
    Column("version", BigInteger, nullable=False, server_default=_ZERO),
    Column("code", Text, nullable=False, server_default=text("''")),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("queued_at", _MOMENT, nullable=False, server_default=_NOW),
    Column("finished_at", _MOMENT),
    Column("provider_id", Text),
    Column("ask_at", _MOMENT),
    Column("asked", Integer, nullable=False, server_default=_ZERO),
    Column("quiet_from", Time),
    Column("quiet_until", Time),
    Column("began_at", _MOMENT),
    Column("answer", Text),
    PrimaryKeyConstraint("message_id", name="pk_messages"),
    CheckConstraint("lane IN ('single', 'bulk')", name="ck_messages_lane"),
    CheckConstraint(
        "state IN ('queued', 'sending', 'failed_temporary', 'sent', 'delivered', 'failed_permanent', 'unknown')",
        name="ck_messages_state",
    ),
    CheckConstraint(
        "(due_at IS NULL) = (state IN ('sent', 'delivered', 'failed_permanent', 'unknown'))",
        name="ck_messages_due_at",
    ),
    CheckConstraint("(locked_until IS NOT NULL) = (state = 'sending')", name="ck_messages_locked_until"),
    Index(
        "ix_messages_due",
        "channel",
        "lane",
        "due_at",
        "message_id",
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index("ix_messages_school", "school_id", "queued_at", "message_id"),
    Index("ix_messages_parent", "parent_id"),
    Index(
        "ix_messages_number",
        "address",
        "channel",
        postgresql_where=text("channel IN ('sms', 'whatsapp')"),
    ),
    Index("ix_messages_ask_at", "channel", "ask_at", postgresql_where=text("ask_at IS NOT NULL")),
    postgresql_with={
        "fillfactor": 70,
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_analyze_scale_factor": 0.05,
    },
)

attempts = Table(
    "attempts",
    metadata,
    Column("message_id", Uuid),
    Column("number", Integer, autoincrement=False),
    Column("began_at", _MOMENT),
    Column("ended_at", _MOMENT, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("message_id", "number", name="pk_attempts"),
    ForeignKeyConstraint(
        ["message_id"], ["messages.message_id"], name="fk_attempts_message_id_messages", ondelete="CASCADE"
    ),
    CheckConstraint(
        "verdict IN ('sent', 'refused', 'try_later', 'unavailable', 'unknown', 'interrupted')",
        name="ck_attempts_verdict",
    ),
)

reports = Table(
    "reports",
    metadata,
    Column("provider_id", Text),
    Column("message_id", Uuid, nullable=False),
    Column("word", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("code", Integer),
    Column("applied", Boolean, nullable=False, server_default=_FALSE),
    Column("heard_at", _MOMENT, nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("provider_id", name="pk_reports"),
    CheckConstraint("word IN ('taken', 'delivered', 'failed', 'silent')", name="ck_reports_word"),
    Index("ix_reports_message_id", "message_id"),
    Index("ix_reports_waiting", "message_id", postgresql_where=text("NOT applied")),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("channel", Text),
    Column("address", Text),
    Column("since", _MOMENT, nullable=False, server_default=_NOW),
    Column("lifted_at", _MOMENT),
    Column("announced", Boolean, nullable=False, server_default=_FALSE),
    PrimaryKeyConstraint("channel", "address", name="pk_suppressions"),
    Index("ix_suppressions_unannounced", "channel", "address", postgresql_where=text("NOT announced")),
)

inbound = Table(
    "inbound",
    metadata,
    Column("message_sid", Text),
    Column("heard_at", _MOMENT, nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("message_sid", name="pk_inbound"),
    Index("ix_inbound_heard_at", "heard_at"),
)

spending = Table(
    "spending",
    metadata,
    Column("school_id", Uuid),
    Column("hour", _MOMENT),
    Column("texts", Integer, nullable=False),
    PrimaryKeyConstraint("school_id", "hour", name="pk_spending"),
)
