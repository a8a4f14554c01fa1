"""Migrations: Alembic per service, in the service's own schema with its own version table. Replicas take turns."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.runtime.core.errors import explain_database
from shared.runtime.database.connections import create_engine
from shared.runtime.migrations.database_roles import RolesMissing, ensure_roles

_SCRIPTS = Path(__file__).parent / "alembic"
_LAST_STEPWISE_COMMIT = "b544351"


class MigrationError(Exception):
    """The schema cannot be brought to this version; the text is the reason in one sentence."""


async def migrate(owner_url: str, schema: str, versions: Path, *, application_url: str) -> None:
    """Migrate the schema to the newest version in `versions`, and create the roles that `application_url` needs.

    `owner_url` names another user, who owns the schema. Raises MigrationError for data of a newer release, for data
    that is too old for this one, and for missing rights.
    """
    _check_urls(owner_url, application_url)
    engine = create_engine(owner_url, schema=schema)
    try:
        async with engine.connect() as connection:
            await _create_roles(connection, schema, application_url)
            lock = {"name": f"kinvite.migrate.{schema}"}
            await connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:name, 0))"), lock)
            await connection.execute(text("SELECT set_config('app.owner', 'on', false)"))
            await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            await connection.commit()
            try:
                await connection.run_sync(_upgrade, schema, versions)
            finally:
                await connection.rollback()
                await connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), lock)
                await connection.commit()
    finally:
        await engine.dispose()


def run_migrations(owner_url: str, schema: str, versions: Path, *, application_url: str) -> None:
    """Run `migrate` for a command line. A database that cannot be used raises MigrationError too."""
    try:
        asyncio.run(migrate(owner_url, schema, versions, application_url=application_url))
    except (OSError, SQLAlchemyError) as error:
        explanation = explain_database(error, "KINVITE_DATABASE_OWNER_URL")
        if explanation == type(error).__name__:
            raise
        raise MigrationError(f"{schema} cannot migrate: {explanation}") from None


async def _create_roles(connection: AsyncConnection, schema: str, application_url: str) -> None:
    try:
        await ensure_roles(connection, schema, application_url)
    except RolesMissing as error:
        raise MigrationError(str(error)) from None


def _upgrade(connection: Connection, schema: str, versions: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    _check_age(connection, schema, ScriptDirectory.from_config(config).get_base())
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if "Can't locate revision" in str(error):
            raise MigrationError(
                f"the data of {schema} was written by a newer version of Kinvite; start that version instead"
            ) from None
        raise


def _check_age(connection: Connection, schema: str, first_revision: str | None) -> None:
    """Raise MigrationError for a revision before the first one here: its steps were squashed into that one."""
    context = MigrationContext.configure(
        connection, opts={"version_table": "schema_version", "version_table_schema": schema}
    )
    revision = context.get_current_revision()
    connection.rollback()  # Alembic commits only the transaction that it has begun itself
    if revision is not None and first_revision is not None and revision < first_revision:
        raise MigrationError(
            f"the data of {schema} is older than this version of Kinvite can read; "
            f"start commit {_LAST_STEPWISE_COMMIT} on it first, then this version"
        )


def _check_urls(owner_url: str, application_url: str) -> None:
    owner, application = make_url(owner_url), make_url(application_url)
    if owner.username == application.username:
        raise MigrationError("the services need a database user of their own, not the owner of the tables")
    if owner.database != application.database:
        raise MigrationError(
            "KINVITE_DATABASE_OWNER_URL and KINVITE_DATABASE_URL name different databases: only the user differs"
        )
