"""A statement is planned alike for every school, whether or not the planner has heard of it."""

from alembic import op

from shared.runtime.migrations import disable_school_statistics, irreversible

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
    disable_school_statistics(op, "roster", tables)


downgrade = irreversible
