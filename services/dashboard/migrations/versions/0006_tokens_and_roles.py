"""The register of programs' tokens; staff with a role per school, who stay known by name after they have left."""

from alembic import op

from shared.runtime.migrations import ALL_PRIVILEGES, RowLevelSecurity, irreversible, rows_with_all_schools

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE access_tokens (
        token_id uuid CONSTRAINT pk_access_tokens PRIMARY KEY,
        name text NOT NULL,
        rights text[] NOT NULL,
        school_ids uuid[],
        made_by text NOT NULL,
        made_by_token uuid CONSTRAINT fk_access_tokens_made_by_token REFERENCES access_tokens,
        made_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        revoked_by text
    )
    """,
    "CREATE INDEX ix_access_tokens_made_by_token ON access_tokens (made_by_token)",
    """
    CREATE TABLE staff_roles (
        staff_id uuid NOT NULL CONSTRAINT fk_staff_roles_staff REFERENCES staff ON DELETE CASCADE,
        school_id uuid,
        role text NOT NULL CONSTRAINT ck_staff_roles_role
            CHECK (role IN ('owner', 'admin', 'viewer', 'front_desk')),
        CONSTRAINT uq_staff_roles_staff_id UNIQUE NULLS NOT DISTINCT (staff_id, school_id)
    )
    """,
    """
    INSERT INTO staff_roles (staff_id, school_id, role)
    SELECT staff_id, school_id, role FROM staff, unnest(coalesce(school_ids, ARRAY[NULL::uuid])) AS school_id
    """,
    "ALTER TABLE staff DROP COLUMN role, DROP COLUMN school_ids, ADD COLUMN ended_at timestamptz",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    tenancy = RowLevelSecurity(op, "dashboard")
    tenancy.protect("access_tokens", api="SELECT, INSERT, UPDATE", rows=rows_with_all_schools("school_ids"))
    tenancy.grant("staff_roles", api=ALL_PRIVILEGES)


downgrade = irreversible
