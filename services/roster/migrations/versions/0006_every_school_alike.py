"""A statement is planned alike for every school, whether or not the planner has heard of it."""

from alembic import op

from shared.runtime.schema import no_way_back, plan_alike_for_every_school

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables = (
        "students",
        "parents",
        "contacts",
        "student_parents",
        "sibling_groups",
        "taken_apart",
        "import_rows",
    )
    plan_alike_for_every_school(op, "roster", tables)


downgrade = no_way_back
