"""Routes see the rows of the schools they are for, and own nothing."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenancy = RowLevelSecurity(op, "invitations")
    tenancy.open()
    tenancy.protect("schools")
    tenancy.protect("parents", api="SELECT, UPDATE")  # to lock the row
    for table in ("invitations", "contact_usages", "bulk_runs"):
        tenancy.protect(table, api="SELECT, INSERT, UPDATE")
    tenancy.protect("invitation_events", api="SELECT, INSERT")
    tenancy.protect("bulk_items", api="SELECT, UPDATE")
    tenancy.protect("requested_invitations", api="")


downgrade = irreversible
