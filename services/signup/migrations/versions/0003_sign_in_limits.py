"""Growing waits between failed sign-ins, and browsers that do not wait for the failures of others."""

from __future__ import annotations

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = (
    # Unlogged, because nothing depends on these counts after a crash.
    """
    CREATE UNLOGGED TABLE sign_in_limits (
        client_digest text CONSTRAINT pk_sign_in_limits PRIMARY KEY,
        failures integer NOT NULL,
        counted_at timestamptz NOT NULL,
        blocked_until timestamptz
    )
    """,
    "CREATE INDEX ix_sign_in_limits_counted_at ON sign_in_limits (counted_at)",
    # By the SHA-256 (hex) of their cookies.
    """
    CREATE TABLE known_browsers (
        browser_digest text NOT NULL,
        account_id uuid NOT NULL CONSTRAINT fk_known_browsers_account REFERENCES accounts ON DELETE CASCADE,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_known_browsers PRIMARY KEY (browser_digest, account_id)
    )
    """,
    "CREATE INDEX ix_known_browsers_expires_at ON known_browsers (expires_at)",
    "CREATE INDEX ix_known_browsers_account_id ON known_browsers (account_id)",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)
    security = RowLevelSecurity(op, "signup")
    security.grant("sign_in_limits", api="SELECT, INSERT, UPDATE")
    security.grant("known_browsers", api="SELECT, INSERT, UPDATE")


downgrade = irreversible
