"""Schema of the service's own tables as SQLAlchemy metadata. The migration creates it; a test keeps both equal."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()
_MOMENT = DateTime(timezone=True)

schools = Table(
    "schools",
    metadata,
    Column("school_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("credentials_mode", Text, nullable=False),
    Column("invitation_lifetime_days", Integer, nullable=False),
    Column("reminder_days", ARRAY(Integer), nullable=False),
    Column("quiet_from", Time, nullable=False, server_default=text("'20:00:00'::time without time zone")),
    Column("quiet_until", Time, nullable=False, server_default=text("'08:00:00'::time without time zone")),
    PrimaryKeyConstraint("school_id", name="pk_schools"),
)

parents = Table(
    "parents",
    metadata,
    Column("parent_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text),
    Column("contacts", JSONB, nullable=False),
    Column("students", ARRAY(Uuid), nullable=False),
    Column("has_access", Boolean, nullable=False),
    Column("removed", Boolean, nullable=False),
    PrimaryKeyConstraint("parent_id", name="pk_parents"),
    Index("ix_parents_school_id", "school_id", "parent_id", postgresql_where=text("NOT removed")),
    Index("ix_parents_students", "students", postgresql_using="gin"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("invitation_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("parent_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("contact_id", Uuid, nullable=False),
    Column("address_digest", Text, nullable=False),
    Column("token_key_id", Text, nullable=False),
    Column("token_digest", Text, nullable=False),
    Column("message_id", Uuid, nullable=False),
    Column("template", Text, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("first_invited_at", _MOMENT, nullable=False),
    Column("last_invited_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    Column("last_message_at", _MOMENT, nullable=False),
    Column("delivery_reason", Text),
    Column("last_reinvite_at", _MOMENT),
    Column("next_reminder_at", _MOMENT),
    Column("accepted_at", _MOMENT),
    Column("submission_id", Uuid),
    Column("signed_up_at", _MOMENT),
    Column("blocked_reason", Text),
    Column("send_at", _MOMENT),
    PrimaryKeyConstraint("invitation_id", name="pk_invitations"),
    UniqueConstraint("parent_id", "school_id", name="uq_invitations_parent_id"),
    CheckConstraint(
        "status IN ('awaiting_verification', 'invited', 'signed_up', 'declined', 'expired', 'withdrawn', 'blocked')",
        name="ck_invitations_status",
    ),
    CheckConstraint("generation > 0", name="ck_invitations_generation"),
    CheckConstraint("purpose IN ('verify', 'join')", name="ck_invitations_purpose"),
    CheckConstraint(
        "delivery IN ('queued', 'deferred', 'sent', 'delivered', 'failed_temporary', 'failed_permanent', "
        "'suppressed', 'unknown', 'printed')",
        name="ck_invitations_delivery",
    ),
    Index(
        "ix_invitations_expires_at",
        "expires_at",
        postgresql_where=text("status IN ('awaiting_verification', 'invited')"),
    ),
    Index(
        "ix_invitations_next_reminder_at",
        "next_reminder_at",
        postgresql_where=text("next_reminder_at IS NOT NULL"),
    ),
    Index("ix_invitations_send_at", "send_at", postgresql_where=text("send_at IS NOT NULL")),
    postgresql_with={"fillfactor": 50},
)
"""One row per parent. The columns stand in the order of the fields of `domain.models.Invitation`."""

contact_usages = Table(
    "contact_usages",
    metadata,
    Column("parent_id", Uuid, nullable=False),
    Column("contact_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("address_digest", Text, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("verified_at", _MOMENT),
    PrimaryKeyConstraint("parent_id", "contact_id", name="pk_contact_usages"),
)

invitation_events = Table(
    "invitation_events",
    metadata,
    Column("event_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("parent_id", Uuid, nullable=False),
    Column("happened_at", _MOMENT, nullable=False),
    Column("event", Text, nullable=False),
    Column("detail", Text),
    Column("actor", Text),
    PrimaryKeyConstraint("parent_id", "event_id", name="pk_invitation_events"),
)
"""Timelines of parents, for staff."""

requested_invitations = Table(
    "requested_invitations",
    metadata,
    Column("parent_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("channel", Text, nullable=False),
    Column("contact_id", Uuid),
    Column("actor", Text),
    PrimaryKeyConstraint("parent_id", name="pk_requested_invitations"),
    Index("ix_requested_invitations_school_id", "school_id"),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("parent_id", Uuid, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address_digest", Text, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("opted_out", Boolean, nullable=False),
    PrimaryKeyConstraint("parent_id", "channel", "address_digest", name="pk_opt_outs"),
)

bulk_runs = Table(
    "bulk_runs",
    metadata,
    Column("bulk_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("selection", JSONB, nullable=False),
    Column("idempotency_key", Text),
    Column("body_digest", Text, nullable=False),
    Column("actor", Text),
    Column("created_at", _MOMENT, nullable=False),
    Column("not_before", _MOMENT),
    Column("selected_at", _MOMENT),
    Column("expanded_at", _MOMENT),
    Column("finished_at", _MOMENT),
    Column("not_known_yet", Integer, nullable=False, server_default=text("0")),
    Column("note", Text),
    Column("sent", Integer, nullable=False, server_default=text("0")),
    Column("expanded_to", Uuid),
    PrimaryKeyConstraint("bulk_id", name="pk_bulk_runs"),
    UniqueConstraint("school_id", "idempotency_key", name="uq_bulk_runs_idempotency_key"),
    CheckConstraint(
        "state IN ('selecting', 'running', 'paused', 'cancelled', 'done')", name="ck_bulk_runs_state"
    ),
    Index("ix_bulk_runs_open", "bulk_id", postgresql_where=text("state IN ('selecting', 'running')")),
    Index("ix_bulk_runs_school_id", "school_id", "bulk_id"),
    Index("ix_bulk_runs_expanded_at", "expanded_at"),
)

bulk_items = Table(
    "bulk_items",
    metadata,
    Column("bulk_id", Uuid, nullable=False),
    Column("parent_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("message_id", Uuid),
    Column("has_outcome", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("bulk_id", "parent_id", name="pk_bulk_items"),
    CheckConstraint("state IN ('pending', 'messaged', 'skipped', 'failed')", name="ck_bulk_items_state"),
    postgresql_with={"fillfactor": 40},
)

bulk_outcomes = Table(
    "bulk_outcomes",
    metadata,
    Column("bulk_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("outcomes", Integer, nullable=False),
    PrimaryKeyConstraint("bulk_id", name="pk_bulk_outcomes"),
    postgresql_with={"fillfactor": 50},
)
"""Messages of each bulk run that have a delivery report, counted apart from the run so that neither locks the other."""
