"""Items of runs change in place: no index but their key, room beside each, and what runs wait for is counted apart."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, disable_school_statistics, irreversible

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE bulk_runs ADD COLUMN sent integer NOT NULL DEFAULT 0, ADD COLUMN expanded_to uuid",
    """
    CREATE TABLE bulk_outcomes (
        bulk_id uuid CONSTRAINT pk_bulk_outcomes PRIMARY KEY,
        school_id uuid NOT NULL,
        outcomes integer NOT NULL
    ) WITH (fillfactor = 50)
    """,
    """
    UPDATE bulk_runs AS g SET sent = (
        SELECT count(*) FROM bulk_items AS b
         WHERE b.bulk_id = g.bulk_id AND b.state = 'messaged' AND NOT b.has_outcome)
     WHERE g.expanded_at > now() - interval '6 hours'
    """,
    "CREATE INDEX ix_bulk_runs_expanded_at ON bulk_runs (expanded_at)",
    "DROP INDEX ix_bulk_items_pending",
    "DROP INDEX ix_bulk_items_outstanding",
    "DROP INDEX ix_bulk_items_message_id",
    "ALTER TABLE bulk_items SET (fillfactor = 40)",
    # A run that came since the last ANALYZE is planned as any other, see plan_alike_for_every_school.
    "ALTER TABLE bulk_items ALTER COLUMN bulk_id SET STATISTICS 0",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    tables = ("parents", "invitations", "contact_usages", "requested_invitations", "bulk_runs", "bulk_items")
    disable_school_statistics(op, "invitations", tables)
    RowLevelSecurity(op, "invitations").protect("bulk_outcomes", api="")


downgrade = irreversible
