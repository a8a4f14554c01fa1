"""When an undecided submission was last sent to invitations again."""

from alembic import op

from shared.runtime.migrations import irreversible

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "ALTER TABLE submissions ADD COLUMN asked_again_at timestamptz",
    """
    CREATE INDEX ix_submissions_undecided ON submissions (coalesce(asked_again_at, submitted_at))
        WHERE state = 'pending'
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


downgrade = irreversible
