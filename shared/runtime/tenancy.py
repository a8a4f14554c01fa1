"""Schools kept apart by the database: what each of a service's two roles may do with each table.

`<service>_api` (routes) has row-level security on every table with school data: it sees and writes rows of the schools
in `app.schools`, which `transaction(schools=…)` sets, and nothing where that is not set. `<service>_worker` (consumers,
timers, the relay) sees all. Security is forced, so that it holds for the tables' owner too; migrations and the look-ups
below switch that off for themselves with `app.owner`, which means nothing to any other role.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.database import role_of
from shared.runtime.schema import Operations

EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
# A sub-select of its own is worked out once per statement, not once per row.
_NAMED = "nullif(nullif(current_setting('app.schools', true), ''), '*')"
_SCHOOLS = f"(SELECT string_to_array({_NAMED}, ',')::uuid[])::uuid[]"
_EVERY_SCHOOL = "(SELECT current_setting('app.schools', true) = '*')"
_OWNER = "(SELECT current_setting('app.owner', true) = 'on')"


@dataclass(frozen=True, slots=True)
class Tenancy:
    """The statements for one service's schema, for its migrations."""

    op: Operations
    service: str

    @property
    def api(self) -> str:
        return role_of(self.service, "api")

    @property
    def worker(self) -> str:
        return role_of(self.service, "worker")

    def open(self) -> None:
        """Let both roles into the schema, to the runtime's tables first."""
        self.op.execute(f"GRANT USAGE ON SCHEMA {self.service} TO {self.api}, {self.worker}")
        self.share("outbox", api="INSERT")
        self.share("idempotency_keys", api="SELECT, INSERT, UPDATE")
        for table in ("inbox", "relay_lease", "dead_letter"):
            self.share(table, api="")

    def open_runs(self) -> None:
        """Let both roles note what they emit, and the worker take it away again."""
        self.share("outbox_runs", api="INSERT")
        self.share("outbox_pending", api="")
        self.op.execute(f"GRANT USAGE ON SEQUENCE outbox_id_seq TO {self.api}, {self.worker}")

    def keep_apart(self, table: str, *, api: str = "SELECT", rows: str | None = None) -> None:
        """A table with school data. `rows` says which are the caller's where it is not `school_id` that does."""
        self.op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        self.op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        mine = rows or f"{_EVERY_SCHOOL} OR school_id = ANY ({_SCHOOLS})"
        self.op.execute(f"CREATE POLICY api ON {table} TO {self.api} USING ({mine})")
        self.op.execute(f"CREATE POLICY worker ON {table} TO {self.worker} USING (true)")
        self.op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING ({_OWNER})")
        self.share(table, api=api)

    def share(self, table: str, *, api: str) -> None:
        """A table of which no row is a school's, or to which routes only add."""
        self.op.execute(f"GRANT {EVERYTHING} ON {table} TO {self.worker}")
        if api:
            self.op.execute(f"GRANT {api} ON {table} TO {self.api}")

    def look_up(self, function: str, schools: str) -> None:
        """A function from a key (`$1`, text) to the ids of its schools, before the request's school is known.

        `schools` is a query of one column. It reads as the owner and gives away nothing but ids.
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


def all_of(column: str) -> str:
    """The `rows` of a table whose `column` holds several schools: all of them are the caller's. NULL: every school."""
    return f"{_EVERY_SCHOOL} OR {column} <@ {_SCHOOLS}"


def part_of(table: str, parent: str, key: str) -> str:
    """The `rows` of a table whose school stands in its parent's row."""
    return f"EXISTS (SELECT FROM {parent} WHERE {parent}.{key} = {table}.{key})"
