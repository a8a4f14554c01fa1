"""Rights of the services' connections: they own nothing, and see nothing of a school that was not named."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from shared.runtime.core import DatabaseRefused
from shared.runtime.database import EVERY_SCHOOL, Database, RoleKind, SchoolsOf
from shared.runtime.migrations import MigrationError, migrate
from tests.support.apps import COMMON_ENVIRONMENT, running
from tests.support.postgres import APPLICATION, Cluster, execute_as_owner
from tests.support.processes import free_port

_SERVICES = ("dashboard", "invitations", "notifier", "roster", "signup")
_FOLDER = Path(__file__).parents[3] / "services"
# Tables without data of a school, or (outbox) only inserted into by routes.
_SHARED = {
    "every service": {
        "outbox",
        "outbox_runs",
        "inbox",
        "relay_lease",
        "dead_letter",
        "idempotency_keys",
        "history",
        "schema_version",
    },
    "invitations": {"failed_rows"},
    "roster": {"failed_rows"},
    "notifier": {"inbound", "reports", "suppressions"},
    "signup": {"accounts", "known_browsers", "sessions", "sign_in_limits", "wrong_guesses"},
    "dashboard": {"staff", "staff_roles", "staff_sessions", "wrong_passwords"},
}
_LOOK_UPS = {
    ("signup", "schools_of_link"),
    ("signup", "schools_of_result"),
    ("signup", "schools_of_session"),
}
_TABLES = f"""
SELECT n.nspname AS schema, c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS apart
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname IN {_SERVICES}
"""
_OWNED = """
SELECT (SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) IN (session_user, current_user))
     + (SELECT count(*) FROM pg_proc WHERE pg_get_userbyid(proowner) IN (session_user, current_user))
     + (SELECT count(*) FROM pg_namespace WHERE pg_get_userbyid(nspowner) IN (session_user, current_user))
     + (SELECT count(*) FROM pg_database WHERE pg_get_userbyid(datdba) IN (session_user, current_user))
"""
_POWERS = """
SELECT rolname FROM pg_roles
 WHERE (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolname = 'kinvite')
   AND (pg_has_role(session_user, oid, 'MEMBER') OR pg_has_role(current_user, oid, 'MEMBER'))
"""


async def _rows(database: Database, statement: str, kind: RoleKind = "worker") -> Sequence[Any]:
    async with database.transaction(schools=None if kind == "worker" else ()) as tx:
        return await tx.rows(statement)


@pytest.mark.parametrize("service", _SERVICES)
@pytest.mark.parametrize("kind", ["api", "worker"])
async def test_no_connection_is_an_owner_or_a_superuser(
    database_url: str, service: str, kind: RoleKind
) -> None:
    async with Database(database_url, schema=service) as database:
        ((login, role),) = await _rows(database, "SELECT session_user::text, current_user::text", kind)
        assert (login, role) == (APPLICATION, f"{service}_{kind}")
        ((owned,),) = await _rows(database, _OWNED, kind)
        assert owned == 0
        assert await _rows(database, _POWERS, kind) == []


async def test_every_connection_of_the_running_services_is_the_applications(
    database_url: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:
        for service in _SERVICES:
            app = import_module(f"services.{service}.app").create_app()
            client = await stack.enter_async_context(running(app))
            await client.get("/readyz")
        name = database_url.rpartition("/")[2]
        query = f"""SELECT DISTINCT usename FROM pg_stat_activity
                     WHERE datname = '{name}' AND backend_type = 'client backend'"""
        users = await asyncio.to_thread(cluster.sql, query)
    assert users.split() == [APPLICATION]


@pytest.mark.parametrize("statement", ["RESET ROLE", "RESET ALL", "RESET SESSION AUTHORIZATION"])
async def test_resetting_gains_nothing(database_url: str, statement: str) -> None:
    async with Database(database_url, schema="roster") as database, database.transaction(schools=()) as tx:
        await tx.execute(statement)
        assert await tx.scalar("SELECT current_user::text") == "roster_api"


async def test_the_login_itself_can_read_nothing(database_url: str) -> None:
    async with Database(database_url, schema="roster") as database:
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.transaction(schools=EVERY_SCHOOL) as tx:
                await tx.execute("SET ROLE NONE")
                await tx.execute("SELECT * FROM roster.schools")


async def test_every_table_with_school_data_is_kept_apart_and_every_other_is_listed(
    database_url: str,
) -> None:
    async with Database(database_url, schema="roster") as database:
        tables = await _rows(database, _TABLES)
    open_tables = {(table.schema, table.name) for table in tables if not table.apart}
    listed = {(service, name) for service in _SERVICES for name in _SHARED["every service"]}
    listed |= {
        (service, name) for service, names in _SHARED.items() if service in _SERVICES for name in names
    }
    assert open_tables == listed
    assert len(tables) - len(listed) > 25


async def test_only_the_listed_look_ups_read_as_the_owner(database_url: str) -> None:
    statement = "SELECT pronamespace::regnamespace::text AS schema, proname FROM pg_proc WHERE prosecdef"
    async with Database(database_url, schema="signup") as database:
        rows = {(row.schema, row.proname) for row in await _rows(database, statement)}
        assert rows == _LOOK_UPS
        for _, function in sorted(_LOOK_UPS):
            async with database.transaction(schools=SchoolsOf(function, "made up")) as tx:
                assert await tx.scalar("SELECT current_setting('app.schools')") == ""


@pytest.fixture
async def roster(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, schema="roster") as database:
        yield database


async def _add_school(database: Database, name: str) -> Any:
    school_id = uuid4()
    async with database.transaction() as tx:
        await tx.execute(
            """INSERT INTO schools (school_id, name, country, language, timezone, credentials_mode,
                                    invitation_lifetime_days, reminder_days, version)
               VALUES (:school_id, :name, 'GB', 'en', 'Europe/London', 'self_service', 7, '{3}', 1)""",
            {"school_id": school_id, "name": name},
        )
    return school_id


async def test_a_route_sees_the_schools_it_names_and_none_when_it_names_none(roster: Database) -> None:
    elm, oak = await _add_school(roster, "Elm"), await _add_school(roster, "Oak")
    scopes: list[tuple[Any, list[str]]] = [
        ((), []),
        ([elm], ["Elm"]),
        ([elm, oak], ["Elm", "Oak"]),
        (EVERY_SCHOOL, ["Elm", "Oak"]),
        (None, ["Elm", "Oak"]),
    ]
    for schools, expected in scopes:
        async with roster.transaction(schools=schools) as tx:
            assert [row.name for row in await tx.rows("SELECT name FROM schools ORDER BY name")] == expected
    async with roster.transaction(schools=[elm]) as tx:
        await tx.execute("RESET app.schools")
        assert await tx.rows("SELECT name FROM schools") == []


async def test_a_route_changes_nothing_of_another_school(roster: Database) -> None:
    elm, oak = await _add_school(roster, "Elm"), await _add_school(roster, "Oak")
    async with roster.transaction(schools=[elm]) as tx:
        assert (await tx.execute("UPDATE schools SET name = 'taken'")).rowcount == 1
    with pytest.raises(DBAPIError, match="row-level security"):
        async with roster.transaction(schools=[elm]) as tx:
            await tx.execute("UPDATE schools SET school_id = :oak", {"oak": uuid4()})
    async with roster.transaction() as tx:
        assert await tx.scalar("SELECT name FROM schools WHERE school_id = :oak", {"oak": oak}) == "Oak"


async def test_routes_cannot_read_what_waits_for_the_relay(roster: Database) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with roster.transaction(schools=EVERY_SCHOOL) as tx:
            await tx.rows("SELECT * FROM outbox")


async def test_the_owner_sees_nothing_by_itself(roster: Database, database_url: str) -> None:
    await _add_school(roster, "Elm")
    seen = "DO $$ BEGIN ASSERT (SELECT count(*) FROM roster.schools) = {}; END $$"
    await execute_as_owner(database_url, seen.format(0))
    await execute_as_owner(database_url, "SET app.owner = 'on';" + seen.format(1))


async def test_a_login_of_ones_own_gets_the_roles_of_its_service_only(
    cluster: Cluster, empty_database_url: str
) -> None:
    """Services with different users cannot reach each other's tables (decision 8)."""
    owner_url = cluster.owner_url(empty_database_url.rpartition("/")[2])
    urls = {}
    for service in ("roster", "notifier"):
        urls[service] = empty_database_url.replace(f"{APPLICATION}@", f"only_{service}@")
        versions = _FOLDER / service / "migrations" / "versions"
        await migrate(owner_url, service, versions, application_url=urls[service])
    async with Database(urls["roster"], schema="roster") as database:
        assert await _rows(database, "SELECT * FROM schools") == []
        for role in ("notifier_worker", "notifier_api", "kinvite"):
            with pytest.raises(DBAPIError, match="permission denied to set role"):
                await _rows(database, f"SELECT set_config('role', '{role}', true)")
    async with Database(urls["roster"], schema="notifier") as foreign:
        with pytest.raises(DatabaseRefused, match="may not do this"):
            await _rows(foreign, "SELECT 1")


async def test_without_the_right_to_create_roles_the_error_names_what_to_run(
    cluster: Cluster, empty_database_url: str
) -> None:
    versions = _FOLDER / "roster" / "migrations" / "versions"
    url = empty_database_url
    with pytest.raises(MigrationError, match="not the owner"):
        await migrate(url, "roster", versions, application_url=url)
    stranger = cluster.owner_url(url.rpartition("/")[2]).replace("kinvite@", "stranger@")
    cluster.sql("CREATE ROLE stranger LOGIN")
    with pytest.raises(MigrationError, match="CREATE ROLE new_api"):
        await migrate(stranger, "new", versions, application_url=url)
