"""The three names that every failure gets: rejected, transient, bug."""

from __future__ import annotations

from aiokafka.errors import KafkaError
from asyncpg.exceptions import DataError, InternalClientError, PostgresError
from asyncpg.exceptions import InterfaceError as DriverError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_LOST = (OperationalError, InterfaceError)
_TRANSIENT_SQLSTATES = ("08", "40", "53", "57", "55P03", "25P03")


class Rejected(Exception):
    """This record can never work. `reason` is a fixed word for the dead letter, with nothing of the record in it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Transient(Exception):
    """It may work in a moment: try again with a delay."""


def is_invalid_value(error: DBAPIError) -> bool:
    """Whether the database cannot hold a value: SQLSTATE class 22, also where the driver finds it before sending."""
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
    """The database does not let this process in; the text says what an operator can do. Until then it is waited for."""


def connection_refusal(error: DBAPIError | PostgresError) -> DatabaseRefused | None:
    """For an error of connecting: that a setting is wrong, or that `migrate` has not run yet; None for any other."""
    sqlstate = str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
    return DatabaseRefused(explain_database(error)) if sqlstate in _EXPLANATIONS else None


def explain_database(error: BaseException, setting: str = "KINVITE_DATABASE_URL") -> str:
    """What to do about a database that does not let us work, in one line; nothing of the address stands in it."""
    sqlstate = str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
    found = _EXPLANATIONS.get(sqlstate)
    if found is not None:
        return found.format(setting=setting)
    if is_transient(error):
        return f"the database of {setting} does not answer ({type(error).__name__})"
    return type(error).__name__


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help: a lost or restarting database or broker, a deadlock, a full pool, a time limit."""
    if isinstance(error, DBAPIError):
        sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
        if sqlstate:
            return sqlstate.startswith(_TRANSIENT_SQLSTATES)
        return _broke(error.orig) or error.connection_invalidated or isinstance(error, _LOST)
    if isinstance(error, PostgresError):
        return str(error.sqlstate or "").startswith(_TRANSIENT_SQLSTATES)
    others = (Transient, PoolTimeoutError, OSError, TimeoutError, KafkaError, DriverError)
    return _broke(error) or isinstance(error, others)


def _broke(error: BaseException | None) -> bool:
    """Whether it is what asyncpg says of a connection that broke in the middle of an answer, or SQLAlchemy of that."""
    return isinstance(error, InternalClientError) or isinstance(
        getattr(error, "__cause__", None), InternalClientError
    )
