"""What every service's migrations share: the runtime's own tables, made by the first, and that none is undone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn, Protocol

from sqlalchemy import Executable


class Operations(Protocol):
    """The part of Alembic's `op` that is used."""

    def execute(self, sqltext: Executable | str) -> None: ...


_STATEMENTS = (
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        message_id uuid NOT NULL,
        topic text NOT NULL,
        key text NOT NULL,
        lane text NOT NULL CONSTRAINT ck_outbox_lane CHECK (lane IN ('single', 'bulk')),
        headers text NOT NULL,
        data text,
        created_at timestamptz NOT NULL DEFAULT now(),
        sent_at timestamptz
    ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)
    """,
    "CREATE INDEX ix_outbox_pending ON outbox (lane, id) WHERE sent_at IS NULL",
    "CREATE INDEX ix_outbox_sent_at ON outbox (sent_at) WHERE sent_at IS NOT NULL",
    """
    CREATE TABLE inbox (
        consumer text NOT NULL,
        source text NOT NULL,
        message_id text NOT NULL,
        passed_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_inbox PRIMARY KEY (consumer, source, message_id)
    )
    """,
    "CREATE INDEX ix_inbox_passed_at ON inbox (passed_at)",
    """
    CREATE TABLE relay_lease (
        lane text CONSTRAINT pk_relay_lease PRIMARY KEY,
        holder uuid NOT NULL,
        fence bigint NOT NULL,
        until timestamptz NOT NULL
    )
    """,
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


def create_runtime_tables(op: Operations) -> None:
    """Create outbox, inbox, relay_lease, dead_letter and idempotency_keys in the schema being migrated."""
    for statement in _STATEMENTS:
        op.execute(statement)


def no_way_back() -> NoReturn:
    """The `downgrade` of every migration: what older code could not read would have to be thrown away."""
    raise NotImplementedError("Data is never thrown away, so there is no way back: restore a backup instead.")


_HISTORY = (
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


def create_history_table(op: Operations) -> None:
    """Create the table that facts move to when the outbox forgets them; see `shared.runtime.history`."""
    for statement in _HISTORY:
        op.execute(statement)


_PENDING = (
    """
    CREATE TABLE outbox_pending (
        lane text NOT NULL,
        id bigint NOT NULL,
        CONSTRAINT pk_outbox_pending PRIMARY KEY (lane, id)
    ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000)
    """,
    "INSERT INTO outbox_pending (lane, id) SELECT lane, id FROM outbox WHERE sent_at IS NULL AND data IS NOT NULL",
    # Also for code that is older than this table and still runs while the schema moves on.
    """
    CREATE FUNCTION note_pending() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = {schema}, pg_temp
    AS $note$ BEGIN INSERT INTO outbox_pending (lane, id) SELECT lane, id FROM written; RETURN NULL; END $note$
    """,
    "REVOKE ALL ON FUNCTION note_pending() FROM PUBLIC",
    """
    CREATE TRIGGER note_pending AFTER INSERT ON outbox REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION note_pending()
    """,
    "DROP INDEX ix_outbox_pending",
    "DROP INDEX ix_outbox_sent_at",
    "ALTER TABLE outbox DROP COLUMN sent_at",
    "ALTER TABLE outbox SET (fillfactor = 100)",
    # Rows come in the order of their moments, so a summary of each range of pages finds the old ones.
    "CREATE INDEX ix_outbox_created_at ON outbox USING brin (created_at) WITH (autosummarize = on)",
)


def keep_pending_apart(op: Operations, schema: str) -> None:
    """What is not published yet becomes a narrow table of its own; `outbox` is only written and, in time, emptied."""
    for statement in _PENDING:
        op.execute(statement.replace("{schema}", schema))


# PostgreSQL before 18 has no way to forget what it has counted already.
_FORGET = """
DO $$ BEGIN
    IF to_regprocedure('pg_clear_attribute_stats(text, text, text, boolean)') IS NOT NULL THEN
        PERFORM pg_clear_attribute_stats('{schema}', '{table}', 'school_id', false);
    END IF;
END $$
"""


def plan_alike_for_every_school(op: Operations, schema: str, tables: Iterable[str]) -> None:
    """Keep no statistics of which schools there are in these tables.

    Where all rows are of schools that the last ANALYZE has seen, a school that came since is planned as one without
    rows: every index that begins with the school looks as good as the right one, and its first import walks over all
    that it has written, for every row.
    """
    for table in tables:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN school_id SET STATISTICS 0")
        op.execute(_FORGET.format(schema=schema, table=table))
