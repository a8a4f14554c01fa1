"""Pages see the rows of the schools they are for, and own nothing. Staff accounts belong to no school."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.tenancy import EVERYTHING, Tenancy

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenancy = Tenancy(op, "dashboard")
    tenancy.open()
    for table in ("schools", "students", "links", "parents", "timeline"):
        tenancy.keep_apart(table)
    tenancy.share("staff", api="SELECT, INSERT, UPDATE")
    for table in ("staff_sessions", "wrong_passwords"):
        tenancy.share(table, api=EVERYTHING)


downgrade = no_way_back
