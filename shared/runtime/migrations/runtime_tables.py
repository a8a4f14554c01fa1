"""Tables of the runtime, which every service has beside its own: outbox, inbox, dead letters, archive, idempotency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn, Protocol

from sqlalchemy import Executable

from shared.runtime.messaging.inbox.dedup import FIRST_OWN_ID


class Operations(Protocol):
    """The part of Alembic's `op` that is used."""

    def execute(self, sqltext: Executable | str) -> None: ...


RUNTIME_TABLES = frozenset(
    {
        "outbox",
        "outbox_runs",
        "relay_lease",
        "history",
        "inbox",
        "dead_letter",
        "idempotency_keys",
        "failed_rows",
    }
)
_OUTBOX = (
    # Messages to publish, kept after they were sent. One statement emits a run: it takes one number of the sequence,
    # and the 1,023 numbers behind it are for its messages.
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1024 INCREMENT BY 1024) PRIMARY KEY,
        message_id uuid NOT NULL,
        topic text NOT NULL,
        key text NOT NULL,
        lane text NOT NULL CONSTRAINT ck_outbox_lane CHECK (lane IN ('single', 'bulk')),
        headers text NOT NULL,
        data text,
        created_at timestamptz NOT NULL DEFAULT now()
    ) WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)
    """,
    # Rows are in the order of their creation, so a summary of each range of pages finds the old ones.
    "CREATE INDEX ix_outbox_created_at ON outbox USING brin (created_at) WITH (autosummarize = on)",
    # Runs that are not published yet. Deleting the row marks all messages of the run as sent.
    """
    CREATE TABLE outbox_runs (
        lane text NOT NULL,
        first_id bigint NOT NULL,
        last_id bigint NOT NULL,
        CONSTRAINT pk_outbox_runs PRIMARY KEY (lane, first_id),
        CONSTRAINT ck_outbox_runs_last_id CHECK (last_id >= first_id)
    ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)
    """,
    # The relay that publishes a lane, until when.
    """
    CREATE TABLE relay_lease (
        lane text CONSTRAINT pk_relay_lease PRIMARY KEY,
        holder uuid NOT NULL,
        fence bigint NOT NULL,
        until timestamptz NOT NULL
    )
    """,
    # The event archive: events move here when the outbox's retention period ends.
    """
    CREATE TABLE history (
        id bigint CONSTRAINT pk_history PRIMARY KEY,
        topic text NOT NULL,
        key text NOT NULL,
        type text NOT NULL,
        headers text NOT NULL,
        data text
    )
    """,
    "CREATE INDEX ix_history_key ON history (key, topic)",
)
_INBOX = (
    # A row for each record that a consumer group of the service has processed.
    "CREATE TYPE consumer_group AS ENUM ({groups})",
    """
    CREATE TABLE inbox (
        passed_at timestamptz NOT NULL DEFAULT now(),
        id uuid NOT NULL,
        consumer consumer_group NOT NULL,
        CONSTRAINT pk_inbox PRIMARY KEY (id, consumer)
    ) WITH (autovacuum_vacuum_insert_scale_factor = 0.5, autovacuum_analyze_scale_factor = 0.5)
    """,
    # Our own ids contain their time; those of other systems are found by the time of the row.
    f"CREATE INDEX ix_inbox_foreign ON inbox (passed_at) WHERE id < '{FIRST_OWN_ID}'",
    # Records that a group could not process, with the reason.
    """
    CREATE TABLE dead_letter (
        dead_letter_id uuid CONSTRAINT pk_dead_letter PRIMARY KEY,
        consumer text NOT NULL,
        source text NOT NULL,
        message_id text NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        record_offset bigint NOT NULL,
        key bytea,
        headers jsonb NOT NULL,
        value bytea,
        reason text NOT NULL,
        detail text NOT NULL,
        parked_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_dead_letter_consumer ON dead_letter (consumer, parked_at)",
)
_IDEMPOTENCY = (
    # Stored responses of requests with an idempotency key.
    """
    CREATE TABLE idempotency_keys (
        credential text NOT NULL,
        route text NOT NULL,
        key text NOT NULL,
        body_digest text NOT NULL,
        status integer NOT NULL,
        response jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_idempotency_keys PRIMARY KEY (credential, route, key)
    )
    """,
    "CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at)",
)
# Rows of claimed tables that raised when a task worked on them; a row that ended the process twice is set aside.
_FAILED_ROWS = """
CREATE TABLE failed_rows (
    task text NOT NULL,
    row_id uuid NOT NULL,
    failures integer NOT NULL DEFAULT 1,
    reason text NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now(),
    set_aside_at timestamptz,
    CONSTRAINT pk_failed_rows PRIMARY KEY (task, row_id)
)
"""
# Only PostgreSQL 18 and later can delete statistics that were already collected.
_CLEAR_STATISTICS = """
DO $$ BEGIN
    IF to_regprocedure('pg_clear_attribute_stats(text, text, text, boolean)') IS NOT NULL THEN
        PERFORM pg_clear_attribute_stats('{schema}', '{table}', 'school_id', false);
    END IF;
END $$
"""


def create_runtime_tables(op: Operations, consumer_groups: Sequence[str]) -> None:
    """Create the runtime's tables in the schema being migrated; `consumer_groups` are those of the service."""
    groups = ", ".join(f"'{group}'" for group in consumer_groups)
    for statement in (*_OUTBOX, *_INBOX, *_IDEMPOTENCY):
        op.execute(statement.replace("{groups}", groups))


def create_failed_rows(op: Operations) -> None:
    """Create the table of `RowFailures` in the schema being migrated. Grant it with `RowLevelSecurity.grant`."""
    op.execute(_FAILED_ROWS)


def disable_school_statistics(op: Operations, schema: str, tables: Iterable[str]) -> None:
    """Disable statistics on `school_id` in these tables.

    With statistics the planner expects no rows for a school that was created after the last ANALYZE. Any index that
    begins with the school then seems as good as the right one, and the school's first import scans all that it has
    written, for every row.
    """
    for table in tables:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN school_id SET STATISTICS 0")
        op.execute(_CLEAR_STATISTICS.format(schema=schema, table=table))


def irreversible() -> NoReturn:
    """Raise NotImplementedError: the `downgrade` of every migration, because data would have to be deleted."""
    raise NotImplementedError("Data is never thrown away, so there is no way back: restore a backup instead.")
