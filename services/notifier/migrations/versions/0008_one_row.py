"""A mail that was taken over keeps its last attempt in its own row: when it began, and the server's answer."""

from alembic import op

from shared.runtime.migrations import irreversible

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE messages ADD COLUMN began_at timestamptz, ADD COLUMN answer text")


downgrade = irreversible
