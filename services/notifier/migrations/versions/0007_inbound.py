"""Each reply of a person counts once."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.tenancy import Tenancy

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE inbound (
            message_sid text CONSTRAINT pk_inbound PRIMARY KEY,
            heard_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX ix_inbound_heard_at ON inbound (heard_at)")
    # Of no school: a reply is about a number.
    Tenancy(op, "notifier").share("inbound", api="SELECT, INSERT")


downgrade = no_way_back
