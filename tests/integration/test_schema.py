"""`storage/tables.py` of every service describes its schema completely: the migrated database differs in nothing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.engine import make_url

from shared.runtime.database import create_engine
from shared.runtime.migrations import RUNTIME_TABLES
from tests.support.postgres import as_owner

_SERVICES = ("dashboard", "invitations", "notifier", "roster", "signup")
# Written once as DDL for all services, with the enum of their consumer groups; and Alembic's own table.
_LEFT_OUT = RUNTIME_TABLES | {"consumer_group", "schema_version"}
# Each query selects the table (or enum), the name and the definition of everything in the current schema.
_TABLES = """
    SELECT relname, relname, CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' ELSE relkind::text END
      FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_COLUMNS = """
    SELECT relname, attname,
           concat_ws(' ', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END,
                     'COLLATE ' || (SELECT collname::text FROM pg_collation
                                     WHERE pg_collation.oid = attcollation AND attcollation <> typcollation),
                     CASE attidentity WHEN '' THEN NULL
                          ELSE 'IDENTITY ' || attidentity::text || ' ' || seqincrement END,
                     CASE attgenerated WHEN '' THEN 'DEFAULT ' ELSE 'GENERATED ' END || pg_get_expr(adbin, adrelid))
      FROM pg_attribute
      JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
      JOIN pg_type ON pg_type.oid = atttypid
      LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      LEFT JOIN pg_depend ON refobjid = attrelid AND refobjsubid = attnum AND deptype = 'i'
                         AND classid = 'pg_class'::regclass
      LEFT JOIN pg_sequence ON seqrelid = objid
     WHERE relnamespace = current_schema()::regnamespace AND attnum > 0 AND NOT attisdropped
"""
_CONSTRAINTS = """
    SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid)
      FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
     WHERE connamespace = current_schema()::regnamespace AND contype IN ('p', 'u', 'f', 'c', 'x')
"""
_INDEXES = """
    SELECT indrelid::regclass::text, relname, pg_get_indexdef(indexrelid)
      FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
     WHERE relnamespace = current_schema()::regnamespace
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
_ENUMS = """
    SELECT typname, typname, string_agg(enumlabel, ', ' ORDER BY enumsortorder)
      FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid
     WHERE typnamespace = current_schema()::regnamespace
     GROUP BY typname
"""
_CATALOGUE = {
    "relation": _TABLES,
    "column": _COLUMNS,
    "constraint": _CONSTRAINTS,
    "index": _INDEXES,
    "enum": _ENUMS,
}


@pytest.mark.parametrize("service", _SERVICES)
async def test_alembic_finds_no_difference(service: str, database_url: str) -> None:
    engine = create_engine(as_owner(database_url), schema=service)
    async with engine.connect() as connection:
        differences = await connection.run_sync(_compared_by_alembic, _metadata(service))
    await engine.dispose()
    assert not differences


@pytest.mark.parametrize("service", _SERVICES)
async def test_tables_made_from_the_metadata_are_those_of_the_migrations(
    service: str, database_url: str, empty_database_url: str
) -> None:
    """Defaults, generated columns, checks and predicates are compared as PostgreSQL prints them."""
    await _create_all(empty_database_url, service, _metadata(service))
    described = await _catalogue(empty_database_url, service)
    migrated = await _catalogue(database_url, service)
    assert migrated == described


def _metadata(service: str) -> MetaData:
    metadata: MetaData = import_module(f"services.{service}.storage.tables").metadata
    return metadata


async def _create_all(url: str, schema: str, metadata: MetaData) -> None:
    engine = create_engine(as_owner(url), schema=schema)
    async with engine.begin() as connection:
        await connection.execute(text(f"CREATE SCHEMA {schema}"))
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


def _compared_by_alembic(connection: Connection, metadata: MetaData) -> Any:
    options = {"compare_type": True, "include_name": _is_compared}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def _is_compared(name: str | None, kind: str, _parents: Any) -> bool:
    return not (kind == "table" and name in _LEFT_OUT)


async def _catalogue(url: str, schema: str) -> dict[str, str]:
    """Return every definition of the schema by kind, table and name."""
    address = make_url(as_owner(url)).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(address, server_settings={"search_path": schema})
    try:
        return {
            f"{kind} {table}.{name}": definition
            for kind, query in _CATALOGUE.items()
            for table, name, definition in await connection.fetch(query)
            if table not in _LEFT_OUT
        }
    finally:
        await connection.close()
