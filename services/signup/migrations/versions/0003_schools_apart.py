"""Pages see the rows of the schools they are for, and own nothing. Accounts and sessions belong to no school."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.tenancy import Tenancy, part_of

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
    tenancy = Tenancy(op, "signup")
    tenancy.open()
    for table in ("schools", "students", "parents", "memberships"):
        tenancy.keep_apart(table)
    tenancy.keep_apart("invitations", api="SELECT, UPDATE")
    tenancy.keep_apart("links", rows=part_of("links", "invitations", "invitation_id"))
    tenancy.keep_apart("submissions", api="SELECT, INSERT")
    rows = part_of("results", "submissions", "submission_id")
    tenancy.keep_apart("results", api="SELECT, INSERT", rows=rows)
    tenancy.share("accounts", api="SELECT, INSERT")
    tenancy.share("sessions", api="SELECT, INSERT, DELETE")
    tenancy.share("wrong_guesses", api="SELECT, INSERT, UPDATE")
    tenancy.look_up("schools_of_link", _OF_LINK)
    tenancy.look_up("schools_of_result", _OF_RESULT)
    tenancy.look_up("schools_of_session", _OF_SESSION)


downgrade = no_way_back
