"""One index for every list of parents, and plans that do not ask which schools there are."""

from alembic import op

from shared.runtime.migrations import disable_school_statistics, irreversible

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# 16 times the status and the delivery, as numbered in `services.dashboard.domain.standing`.
_STANDING = """
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
STATEMENTS = (
    f"ALTER TABLE parents ADD COLUMN standing smallint NOT NULL GENERATED ALWAYS AS ({_STANDING}) STORED",
    "CREATE INDEX ix_parents_standing ON parents (school_id, standing, sort_name, parent_id) WHERE listed",
    "DROP INDEX ix_parents_sort",
    "DROP INDEX ix_parents_status",
    "DROP INDEX ix_parents_delivery",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    tables = ("students", "parents", "links", "timeline", "opt_outs")
    disable_school_statistics(op, "dashboard", tables)


downgrade = irreversible
