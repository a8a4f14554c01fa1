"""PostgreSQL: transactions with a school scope, statements over batches, notifications."""

from __future__ import annotations

from shared.runtime.database.batch_statement import BatchStatement, array_literal, to_columns
from shared.runtime.database.connections import RoleKind, create_engine, role_name
from shared.runtime.database.notifications import NotificationHandler
from shared.runtime.database.replica import ReplicaTable
from shared.runtime.database.results import Result
from shared.runtime.database.row_failures import (
    Batch,
    RowFailures,
    list_set_aside,
    not_set_aside,
    release_row,
)
from shared.runtime.database.school_scope import EVERY_SCHOOL, FirstStatement, SchoolsOf, Scope
from shared.runtime.database.transaction import Database, Transaction

__all__ = [
    "EVERY_SCHOOL",
    "Batch",
    "BatchStatement",
    "Database",
    "FirstStatement",
    "NotificationHandler",
    "ReplicaTable",
    "Result",
    "RoleKind",
    "RowFailures",
    "SchoolsOf",
    "Scope",
    "Transaction",
    "array_literal",
    "create_engine",
    "list_set_aside",
    "not_set_aside",
    "release_row",
    "role_name",
    "to_columns",
]
