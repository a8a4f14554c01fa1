"""A connection that broke in the middle of an answer may be tried again, in whichever words that is said."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection, PGDialect_asyncpg
from sqlalchemy.exc import DBAPIError, InternalError

from shared.runtime.core import is_transient
from shared.runtime.database.statements import to_sqlalchemy_error

BROKEN = asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")


def _by_the_dialect(error: Exception) -> DBAPIError:
    """As SQLAlchemy raises it where the dialect itself asks something: for a connection that is new to its pool."""
    dbapi = PGDialect_asyncpg.import_dbapi()  # type: ignore[no-untyped-call]
    with pytest.raises(dbapi.Error) as adapted:
        AsyncAdapt_asyncpg_connection._handle_exception_no_connection(dbapi, error)
    raised = DBAPIError.instance("SHOW transaction isolation level", None, adapted.value, dbapi.Error)
    assert isinstance(raised, DBAPIError)
    return raised


def test_i15_a_connection_that_broke_while_the_dialect_asked_is_waited_out() -> None:
    raised = _by_the_dialect(BROKEN)
    assert isinstance(raised, InternalError)
    assert not raised.connection_invalidated
    assert is_transient(raised)


def test_i15_one_that_broke_under_a_statement_or_the_bare_driver_is_waited_out() -> None:
    assert is_transient(to_sqlalchemy_error(BROKEN, "SELECT 1", lost=False))
    assert is_transient(BROKEN)


def test_an_error_that_the_server_reports_of_a_statement_is_a_bug() -> None:
    assert not is_transient(_by_the_dialect(asyncpg.InternalServerError("cache lookup failed for type 1")))
