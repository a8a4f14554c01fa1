"""Migrations: the runner, the runtime's own tables, row-level security, database roles."""

from __future__ import annotations

from shared.runtime.migrations.row_level_security import (
    ALL_PRIVILEGES,
    RowLevelSecurity,
    rows_of_parent_table,
    rows_with_all_schools,
)
from shared.runtime.migrations.runner import MigrationError, migrate, run_migrations
from shared.runtime.migrations.runtime_tables import (
    RUNTIME_TABLES,
    create_failed_rows,
    create_runtime_tables,
    disable_school_statistics,
    irreversible,
)

__all__ = [
    "ALL_PRIVILEGES",
    "RUNTIME_TABLES",
    "MigrationError",
    "RowLevelSecurity",
    "create_failed_rows",
    "create_runtime_tables",
    "disable_school_statistics",
    "irreversible",
    "migrate",
    "rows_of_parent_table",
    "rows_with_all_schools",
    "run_migrations",
]
