"""The three kinds of failure: rejected, transient, bug."""

from __future__ import annotations

from aiokafka.errors import KafkaError
from asyncpg.exceptions import DataError, InternalClientError, PostgresError
from asyncpg.exceptions import InterfaceError as DriverError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_LOST = (OperationalError, InterfaceError)
_TRANSIENT_SQLSTATES = ("08", "40", "53", "57", "55P03", "25P03")


class Rejected(Exception):
    """Rejection of a record that can never be processed.

    `reason` is a fixed word for the dead letter and contains nothing of the record.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Transient(Exception):
    """Failure that may be over soon: retry after a delay."""


def is_invalid_value(error: DBAPIError) -> bool:
    """Return whether the database cannot store a value: SQLSTATE class 22, also if the driver found it first."""
    sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
    return sqlstate.startswith("22") or isinstance(getattr(error.orig, "__cause__", None), DataError)


_EXPLANATIONS = {
    "28P01": "the database refuses the user or the password of {setting}",
    "28000": "the database refuses the user or the password of {setting}",
    "3D000": "there is no database of the name in {setting}",
    "22023": "the services' roles are missing: run migrate first",
    "42704": "the services' roles are missing: run migrate first",
    "3F000": "the tables are missing: run migrate first",
    "42P01": "the tables are missing: run migrate first",
    "42501": "the user of {setting} may not do this: run migrate, and give the services the user that it made",
}


class DatabaseRefused(Transient):
    """Refusal of the database to let this process in; the text is an instruction to the operator. Retry until then."""


def connection_refusal(error: DBAPIError | PostgresError) -> DatabaseRefused | None:
    """Return the refusal if connecting failed for a wrong setting or missing migrations, else None."""
    sqlstate = str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
    return DatabaseRefused(explain_database(error)) if sqlstate in _EXPLANATIONS else None


def explain_database(error: BaseException, setting: str = "KINVITE_DATABASE_URL") -> str:
    """Return one line on what to do about a database that cannot be used.

    It contains nothing of the URL but `setting`.
    """
    sqlstate = str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
    explanation = _EXPLANATIONS.get(sqlstate)
    if explanation is not None:
        return explanation.format(setting=setting)
    if is_transient(error):
        return f"the database of {setting} does not answer ({type(error).__name__})"
    return type(error).__name__


def is_transient(error: BaseException) -> bool:
    """Return whether a retry may help: database or broker lost or restarting, deadlock, full pool, timeout."""
    if isinstance(error, DBAPIError):
        sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
        if sqlstate:
            return sqlstate.startswith(_TRANSIENT_SQLSTATES)
        return _broke(error.orig) or error.connection_invalidated or isinstance(error, _LOST)
    if isinstance(error, PostgresError):
        return str(error.sqlstate or "").startswith(_TRANSIENT_SQLSTATES)
    transient_classes = (Transient, PoolTimeoutError, OSError, TimeoutError, KafkaError, DriverError)
    return _broke(error) or isinstance(error, transient_classes)


def _broke(error: BaseException | None) -> bool:
    """Return whether asyncpg reports a connection that broke in the middle of an answer, or SQLAlchemy reports that."""
    return isinstance(error, InternalClientError) or isinstance(
        getattr(error, "__cause__", None), InternalClientError
    )
