"""Pages see the rows of the schools they are for, and own nothing. Staff accounts belong to no school."""

from alembic import op

from shared.runtime.migrations import ALL_PRIVILEGES, RowLevelSecurity, irreversible

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenancy = RowLevelSecurity(op, "dashboard")
    tenancy.open()
    for table in ("schools", "students", "links", "parents", "timeline"):
        tenancy.protect(table)
    tenancy.grant("staff", api="SELECT, INSERT, UPDATE")
    for table in ("staff_sessions", "wrong_passwords"):
        tenancy.grant(table, api=ALL_PRIVILEGES)


downgrade = irreversible
