"""Contacts that a parent has confirmed, as invitations says; ids are never used again, so they only become more."""

from alembic import op

from shared.runtime.migrations import irreversible

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE parents ADD COLUMN confirmed uuid[] NOT NULL DEFAULT '{}'")


downgrade = irreversible
