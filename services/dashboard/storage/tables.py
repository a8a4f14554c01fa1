"""The tables; PostgreSQL generates `status`, `standing`, `listed` and the `sort_name`s (see the migrations)."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData()
MOMENT = DateTime(timezone=True)

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
    Column("listed", Boolean),
    Column("sort_name", Text),
)

parents = Table(
    "parents",
    metadata,
    Column("school_id", UUID, primary_key=True),
    Column("parent_id", UUID, primary_key=True),
    Column("person_version", BigInteger),
    Column("name", Text),
    Column("language", Text),
    Column("contacts", JSONB),
    Column("search", Text),
    Column("removed", Boolean),
    Column("progress_version", BigInteger),
    Column("state", Text),
    Column("state_at", MOMENT),
    Column("state_reason", Text),
    Column("sending_version", BigInteger),
    Column("generation", Integer),
    Column("channel", Text),
    Column("contact_id", UUID),
    Column("expires_at", MOMENT),
    Column("last_invited_at", MOMENT),
    Column("outcome_generation", Integer),
    Column("outcome_stage", Integer),
    Column("outcome_message_id", UUID),
    Column("outcome_version", BigInteger),
    Column("delivery", Text),
    Column("delivery_at", MOMENT),
    Column("delivery_reason", Text),
    Column("delivery_code", Text),
    Column("signed_up_at", MOMENT),
    Column("account_id", UUID),
    Column("confirmed", ARRAY(UUID), nullable=False),
    Column("status", Text),
    Column("standing", SmallInteger),
    Column("listed", Boolean),
    Column("sort_name", Text),
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
)

timeline = Table(
    "timeline",
    metadata,
    Column("school_id", UUID, primary_key=True),
    Column("parent_id", UUID, primary_key=True),
    Column("aggregate_id", UUID, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("channel", Text),
    Column("template", Text),
    Column("reason", Text),
    Column("actor", Text),
)

staff = Table(
    "staff",
    metadata,
    Column("staff_id", UUID, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("ended_at", MOMENT),
)

staff_roles = Table(
    "staff_roles",
    metadata,
    Column("staff_id", UUID, nullable=False),
    Column("school_id", UUID),
    Column("role", Text, nullable=False),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("token_id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("rights", ARRAY(Text), nullable=False),
    Column("school_ids", ARRAY(UUID)),
    Column("made_by", Text, nullable=False),
    Column("made_by_token", UUID),
    Column("made_at", MOMENT, nullable=False),
    Column("expires_at", MOMENT),
    Column("revoked_at", MOMENT),
    Column("revoked_by", Text),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("staff_id", UUID, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("expires_at", MOMENT, nullable=False),
)

wrong_passwords = Table(
    "wrong_passwords",
    metadata,
    Column("key", Text, primary_key=True),
    Column("window_start", MOMENT, nullable=False),
    Column("failures", Integer, nullable=False),
)
