"""What every service's migrations share: the runtime's own tables, made by the first, and that none is undone."""

from __future__ import annotations

from collections.abc import Sequence

from shared.runtime.messaging.inbox.dedup import FIRST_OWN_ID, OWN_ID, OWN_SOURCE
from shared.runtime.migrations.runtime_tables import Operations

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


def create_first_runtime_tables(op: Operations) -> None:
    """Create outbox, inbox, relay_lease, dead_letter and idempotency_keys in the schema being migrated."""
    for statement in _STATEMENTS:
        op.execute(statement)


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
    """Create the table of the event archive."""
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


# As `mark_of` does it; what has been remembered so far is known under its new name at once.
_DEDUP_ID = f"""
CASE WHEN source ~ '^{OWN_SOURCE}$' AND message_id ~ '^{OWN_ID}$' THEN CAST(message_id AS uuid)
     ELSE CAST('00' || encode(substr(sha256(convert_to(source, 'UTF8') || '\\x00' || convert_to(message_id, 'UTF8')),
                                     1, 15), 'hex') AS uuid) END
"""
_NARROW = (
    "ALTER TABLE inbox RENAME TO inbox_before",
    "ALTER TABLE inbox_before RENAME CONSTRAINT pk_inbox TO pk_inbox_before",
    "CREATE TYPE consumer_group AS ENUM ({groups})",
    """
    CREATE TABLE inbox (
        passed_at timestamptz NOT NULL DEFAULT now(),
        id uuid NOT NULL,
        consumer consumer_group NOT NULL
    ) WITH (autovacuum_vacuum_insert_scale_factor = 0.5, autovacuum_analyze_scale_factor = 0.5)
    """,
    f"""
    INSERT INTO inbox (passed_at, id, consumer)
    SELECT passed_at, {_DEDUP_ID}, CAST(consumer AS consumer_group) FROM inbox_before WHERE consumer IN ({{groups}})
    """,
    "DROP TABLE inbox_before",
    # Only what others have told is looked for by its moment: our own ids say theirs.
    f"CREATE INDEX ix_inbox_foreign ON inbox (passed_at) WHERE id < '{FIRST_OWN_ID}'",
    "ALTER TABLE inbox ADD CONSTRAINT pk_inbox PRIMARY KEY (id, consumer)",
)


def narrow_inbox(op: Operations, groups: Sequence[str]) -> None:
    """Rewrite the inbox; `groups` are the consumer groups of the service. Some seven seconds of CPU for a million rows.

    Code from before cannot pass anything any more: it stands still until it is replaced, and nothing is lost.
    """
    listed = ", ".join(f"'{group}'" for group in groups)
    for statement in _NARROW:
        op.execute(statement.replace("{groups}", listed))


_RUNS = (
    """
    CREATE TABLE outbox_runs (
        lane text NOT NULL,
        first_id bigint NOT NULL,
        last_id bigint NOT NULL,
        CONSTRAINT pk_outbox_runs PRIMARY KEY (lane, first_id),
        CONSTRAINT ck_outbox_runs_last_id CHECK (last_id >= first_id)
    ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)
    """,
    "LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE",
    "INSERT INTO outbox_runs (lane, first_id, last_id) SELECT lane, id, id FROM outbox_pending",
    "DROP TRIGGER note_pending ON outbox",
    "DROP TABLE outbox_pending",
    # Each run takes one number of the sequence, and the 1,023 behind it for its messages.
    "ALTER TABLE outbox ALTER COLUMN id SET INCREMENT BY 1024",
    "SELECT setval('outbox_id_seq', (SELECT last_value FROM outbox_id_seq) / 1024 * 1024 + 1024)",
    # Older code, which still runs while the schema moves on, takes a number for each message: a run of one.
    """
    CREATE OR REPLACE FUNCTION note_pending() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = {schema}, pg_temp
    AS $note$ BEGIN INSERT INTO outbox_runs VALUES (NEW.lane, NEW.id, NEW.id); RETURN NULL; END $note$
    """,
    """
    CREATE TRIGGER note_pending AFTER INSERT ON outbox
        FOR EACH ROW WHEN (NEW.id % 1024 = 0) EXECUTE FUNCTION note_pending()
    """,
    """
    CREATE VIEW outbox_pending WITH (security_invoker = true) AS
    SELECT outbox.lane, outbox.id
      FROM outbox_runs AS run JOIN outbox ON outbox.lane = run.lane AND outbox.id BETWEEN run.first_id AND run.last_id
    """,
    # An older relay marks what it published message by message.
    """
    CREATE FUNCTION part_run() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp
    AS $part$
    DECLARE run outbox_runs;
    BEGIN
        DELETE FROM outbox_runs AS r WHERE r.lane = OLD.lane AND OLD.id BETWEEN r.first_id AND r.last_id
        RETURNING * INTO run;
        INSERT INTO outbox_runs
        SELECT run.lane, part.first_id, part.last_id
          FROM (VALUES (run.first_id, OLD.id - 1), (OLD.id + 1, run.last_id)) AS part (first_id, last_id)
         WHERE part.first_id <= part.last_id;
        RETURN OLD;
    END $part$
    """,
    """
    CREATE TRIGGER part_run INSTEAD OF DELETE ON outbox_pending FOR EACH ROW EXECUTE FUNCTION part_run()
    """,
)


def count_runs(op: Operations, schema: str) -> None:
    """Pending is counted in runs, each the messages of one statement; `outbox_pending` shows single messages."""
    for statement in _RUNS:
        op.execute(statement.replace("{schema}", schema))
