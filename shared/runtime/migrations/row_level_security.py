"""Row-level security: what each of a service's two roles may do with each table.

`<service>_api` (routes) has row-level security on every table with school data: it sees and writes rows of the schools
in `app.schools`, which `transaction(schools=…)` sets, and none where that is not set. `<service>_worker` (consumers,
scheduled work, the relay) sees all rows. The security is forced, so that it holds for the owner of the tables too;
migrations and look-up functions switch it off for themselves with `app.owner`, which has no effect for another role.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.database.connections import role_name
from shared.runtime.migrations.runtime_tables import Operations

ALL_PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE"
# A sub-select of its own is evaluated once per statement instead of once per row.
_NAMED_SCHOOLS = "nullif(nullif(current_setting('app.schools', true), ''), '*')"
_SCHOOLS = f"(SELECT string_to_array({_NAMED_SCHOOLS}, ',')::uuid[])::uuid[]"
_EVERY_SCHOOL = "(SELECT current_setting('app.schools', true) = '*')"
_OWNER = "(SELECT current_setting('app.owner', true) = 'on')"


@dataclass(frozen=True, slots=True)
class RowLevelSecurity:
    """Statements for the tables of one service's schema, for its migrations."""

    op: Operations
    service: str

    @property
    def api(self) -> str:
        """Role of the service's routes."""
        return role_name(self.service, "api")

    @property
    def worker(self) -> str:
        """Role of everything else that the service runs."""
        return role_name(self.service, "worker")

    def grant_runtime_tables(self) -> None:
        """Let both roles use the schema and the runtime's tables: routes only emit and store their responses."""
        self.op.execute(f"GRANT USAGE ON SCHEMA {self.service} TO {self.api}, {self.worker}")
        self.op.execute(f"GRANT USAGE ON SEQUENCE outbox_id_seq TO {self.api}, {self.worker}")
        for table in ("outbox", "outbox_runs"):
            self.grant(table, api="INSERT")
        self.grant("idempotency_keys", api="SELECT, INSERT, UPDATE")
        for table in ("relay_lease", "history", "inbox", "dead_letter"):
            self.grant(table, api="")

    def protect(self, table: str, *, api: str = "SELECT", rows: str | None = None) -> None:
        """Enable row-level security on a table with school data and grant `api` to the routes' role.

        `rows` is the condition for rows that belong to the caller's schools, where `school_id` does not determine them.
        """
        self.op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        self.op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        condition = rows or f"{_EVERY_SCHOOL} OR school_id = ANY ({_SCHOOLS})"
        self.op.execute(f"CREATE POLICY api ON {table} TO {self.api} USING ({condition})")
        self.op.execute(f"CREATE POLICY worker ON {table} TO {self.worker} USING (true)")
        self.op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING ({_OWNER})")
        self.grant(table, api=api)

    def grant(self, table: str, *, api: str) -> None:
        """Grant all privileges on a table to the worker's role, and `api` to the routes' role.

        Call it alone for a table without school data, or for one to which routes only add rows.
        """
        self.op.execute(f"GRANT {ALL_PRIVILEGES} ON {table} TO {self.worker}")
        if api:
            self.op.execute(f"GRANT {api} ON {table} TO {self.api}")

    def create_school_lookup(self, function: str, schools: str) -> None:
        """Create a function from a key (`$1`, text) to the ids of its schools, for `SchoolsOf`.

        `schools` is a query of one column. The function reads as the owner and returns nothing but ids.
        """
        self.op.execute(
            f"""
            CREATE FUNCTION {function}(key text) RETURNS uuid[]
            LANGUAGE sql STRICT SECURITY DEFINER SET search_path = {self.service}, pg_temp
            AS $look_up$ SELECT set_config('app.owner', 'on', true); SELECT ARRAY({schools}) $look_up$
            """
        )
        self.op.execute(f"REVOKE ALL ON FUNCTION {function}(text) FROM PUBLIC")
        self.op.execute(f"GRANT EXECUTE ON FUNCTION {function}(text) TO {self.api}, {self.worker}")


def rows_with_all_schools(column: str) -> str:
    """Return the `rows` condition of a table whose `column` holds several schools, all of which must be the caller's.

    NULL stands for every school.
    """
    return f"{_EVERY_SCHOOL} OR {column} <@ {_SCHOOLS}"


def rows_of_parent_table(table: str, parent: str, key: str) -> str:
    """Return the `rows` condition of a table whose school is found in the row of another table with the same key."""
    return f"EXISTS (SELECT FROM {parent} WHERE {parent}.{key} = {table}.{key})"
