"""Migrations: Alembic per service, in the service's own schema with its own version table; replicas take turns."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from shared.runtime.database import create_engine

_SCRIPTS = Path(__file__).parent / "alembic"


class MigrationError(Exception):
    """The schema cannot be brought to this version; the text says why in one sentence."""


async def migrate(url: str, schema: str, versions: Path) -> None:
    """Bring the schema to the newest version in `versions`. Raises MigrationError for data of a newer release."""
    engine = create_engine(url, schema=schema)
    try:
        async with engine.connect() as connection:
            lock = {"name": f"kinvite.migrate.{schema}"}
            await connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:name, 0))"), lock)
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


def _upgrade(connection: Connection, schema: str, versions: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if "Can't locate revision" in str(error):
            raise MigrationError(
                f"the data of {schema} was written by a newer version of Kinvite; start that version instead"
            ) from None
        raise


def run(url: str, schema: str, versions: Path) -> None:
    """`migrate` for a command line."""
    asyncio.run(migrate(url, schema, versions))
