"""Routes see the rows of the schools they are for, and own nothing."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.tenancy import Tenancy

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenancy = Tenancy(op, "invitations")
    tenancy.open()
    tenancy.keep_apart("schools")
    tenancy.keep_apart("parents", api="SELECT, UPDATE")  # to lock the row
    for table in ("invitations", "contact_usages", "bulk_runs"):
        tenancy.keep_apart(table, api="SELECT, INSERT, UPDATE")
    tenancy.keep_apart("invitation_events", api="SELECT, INSERT")
    tenancy.keep_apart("bulk_items", api="SELECT, UPDATE")
    tenancy.keep_apart("requested_invitations", api="")


downgrade = no_way_back
