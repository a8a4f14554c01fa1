"""${message}"""

from alembic import op

from shared.runtime.schema import no_way_back

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


downgrade = no_way_back
