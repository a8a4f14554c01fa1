"""Usernames that look the same are one. Of older accounts that look the same, only the first is compared so."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from services.signup.use_cases.check_username import username_skeleton
from shared.runtime.migrations import irreversible

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SELECT = text("SELECT account_id, username FROM accounts ORDER BY created_at, account_id")
_UPDATE = text("UPDATE accounts SET username_skeleton = :skeleton WHERE account_id = :account_id")


def upgrade() -> None:
    op.execute("ALTER TABLE accounts ADD COLUMN username_skeleton text")
    connection = op.get_bind()
    firsts: dict[str, object] = {}
    for account_id, username in connection.execute(_SELECT):
        firsts.setdefault(username_skeleton(username), account_id)
    for skeleton, account_id in firsts.items():
        connection.execute(_UPDATE, {"skeleton": skeleton, "account_id": account_id})
    op.execute("ALTER TABLE accounts ADD CONSTRAINT uq_accounts_username_skeleton UNIQUE (username_skeleton)")


downgrade = irreversible
