"""Routes see the rows of the schools they are for, and own nothing."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.tenancy import EVERYTHING, Tenancy

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenancy = Tenancy(op, "roster")
    tenancy.open()
    tenancy.keep_apart("schools", api="SELECT, INSERT, UPDATE")
    for table in ("students", "parents", "contacts", "student_parents", "sibling_groups", "taken_apart"):
        tenancy.keep_apart(table, api=EVERYTHING)
    tenancy.keep_apart("imports", api="SELECT, INSERT, UPDATE")
    tenancy.keep_apart("import_chunks", api="INSERT")
    tenancy.keep_apart("import_rows", api="SELECT")
    tenancy.keep_apart("import_errors", api="SELECT")


downgrade = no_way_back
