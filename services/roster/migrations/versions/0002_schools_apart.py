"""Routes see the rows of the schools they are for, and own nothing."""

from alembic import op

from shared.runtime.migrations import ALL_PRIVILEGES, RowLevelSecurity, irreversible

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenancy = RowLevelSecurity(op, "roster")
    tenancy.open()
    tenancy.protect("schools", api="SELECT, INSERT, UPDATE")
    for table in ("students", "parents", "contacts", "student_parents", "sibling_groups", "taken_apart"):
        tenancy.protect(table, api=ALL_PRIVILEGES)
    tenancy.protect("imports", api="SELECT, INSERT, UPDATE")
    tenancy.protect("import_chunks", api="INSERT")
    tenancy.protect("import_rows", api="SELECT")
    tenancy.protect("import_errors", api="SELECT")


downgrade = irreversible
