"""Hidden words of parents, which their passwords may not contain. Rows get theirs with the next event about them."""

from __future__ import annotations

from alembic import op

from shared.runtime.migrations import irreversible

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("name_words", "address_words"):
        op.execute(f"ALTER TABLE parents ADD COLUMN {column} text[] NOT NULL DEFAULT '{{}}'")


downgrade = irreversible
