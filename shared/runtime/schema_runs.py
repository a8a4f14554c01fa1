"""The step of every service's migrations from which on the outbox counts what is pending in runs (decision 23)."""

from __future__ import annotations

from shared.runtime.schema import Operations

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
