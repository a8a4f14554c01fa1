"""The service's own tables, as SQLAlchemy Core knows them. The migrations create them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = MetaData()
_MOMENT = DateTime(timezone=True)

invitations = Table(
    "invitations",
    METADATA,
    Column("invitation_id", Uuid, primary_key=True),
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
)

parents = Table(
    "parents",
    METADATA,
    Column("parent_id", Uuid, primary_key=True),
    Column("school_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text),
    Column("contacts", JSONB, nullable=False),
    Column("students", ARRAY(Uuid), nullable=False),
    Column("has_access", Boolean, nullable=False),
    Column("removed", Boolean, nullable=False),
)

schools = Table(
    "schools",
    METADATA,
    Column("school_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("credentials_mode", Text, nullable=False),
    Column("invitation_lifetime_days", Integer, nullable=False),
    Column("reminder_days", ARRAY(Integer), nullable=False),
)

contact_usages = Table(
    "contact_usages",
    METADATA,
    Column("parent_id", Uuid, primary_key=True),
    Column("contact_id", Uuid, primary_key=True),
    Column("school_id", Uuid, nullable=False),
    Column("address_digest", Text, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("verified_at", _MOMENT),
)

invitation_events = Table(
    "invitation_events",
    METADATA,
    Column("event_id", Uuid, primary_key=True),
    Column("school_id", Uuid, nullable=False),
    Column("parent_id", Uuid, nullable=False),
    Column("happened_at", _MOMENT, nullable=False),
    Column("event", Text, nullable=False),
    Column("detail", Text),
    Column("actor", Text),
)

requested_invitations = Table(
    "requested_invitations",
    METADATA,
    Column("parent_id", Uuid, primary_key=True),
    Column("school_id", Uuid, nullable=False),
    Column("channel", Text, nullable=False),
    Column("contact_id", Uuid),
    Column("actor", Text),
)

bulk_runs = Table(
    "bulk_runs",
    METADATA,
    Column("bulk_id", Uuid, primary_key=True),
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
    Column("not_known_yet", Integer, nullable=False),
    Column("note", Text),
)

bulk_items = Table(
    "bulk_items",
    METADATA,
    Column("bulk_id", Uuid, primary_key=True),
    Column("parent_id", Uuid, primary_key=True),
    Column("school_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("message_id", Uuid),
    Column("has_outcome", Boolean, nullable=False),
)
