"""Pages see the rows of the schools they are for, and own nothing. Accounts and sessions belong to no school."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible, rows_of_parent_table

revision = "0003"
down_revision = "0002"

_OF_LINK = "SELECT i.school_id FROM links JOIN invitations i USING (invitation_id) WHERE token_digest = $1"
_OF_RESULT = """
SELECT s.school_id FROM results JOIN submissions s USING (submission_id) WHERE result_digest = $1
 UNION
SELECT m.school_id FROM results JOIN submissions s USING (submission_id) JOIN memberships m USING (account_id)
 WHERE result_digest = $1
"""
_OF_SESSION = """
SELECT DISTINCT m.school_id FROM sessions JOIN memberships m USING (account_id)
 WHERE session_digest = $1 AND expires_at > now()
"""


def upgrade() -> None:
    tenancy = RowLevelSecurity(op, "signup")
    tenancy.open()
    for table in ("schools", "students", "parents", "memberships"):
        tenancy.protect(table)
    tenancy.protect("invitations", api="SELECT, UPDATE")
    tenancy.protect("links", rows=rows_of_parent_table("links", "invitations", "invitation_id"))
    tenancy.protect("submissions", api="SELECT, INSERT")
    rows = rows_of_parent_table("results", "submissions", "submission_id")
    tenancy.protect("results", api="SELECT, INSERT", rows=rows)
    tenancy.grant("accounts", api="SELECT, INSERT")
    tenancy.grant("sessions", api="SELECT, INSERT, DELETE")
    tenancy.grant("wrong_guesses", api="SELECT, INSERT, UPDATE")
    tenancy.create_school_lookup("schools_of_link", _OF_LINK)
    tenancy.create_school_lookup("schools_of_result", _OF_RESULT)
    tenancy.create_school_lookup("schools_of_session", _OF_SESSION)


downgrade = irreversible
