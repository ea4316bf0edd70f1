"""What a database error means for the batch in hand: a pure decision, tested as a table (architecture D4, D6)."""

import sqlite3
from enum import Enum

from sqlalchemy.exc import DBAPIError, InterfaceError, PendingRollbackError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class Failure(Enum):
    """The classes of trouble."""

    PAUSE = "pause"  # infrastructure: nobody's message is at fault, keep everything and wait
    CONFLICT = "conflict"  # serialization failure or deadlock: the same batch again, a little later
    TIMEOUT = "timeout"  # once more, then find the message that is at fault
    DATA = "data"  # one message is at fault: find it
    DEFECT = "defect"  # not a database error at all: our own code failed on some message


_PAUSE_CLASSES = frozenset({"08", "53", "55", "57", "58"})
# 25006 read-only transaction; 42xxx, 3D, 3F: the schema is missing or old; 28: our password was changed; XX: the server is ill; 0A: a
# cached plan. None of them is the fault of a message, and dead-lettering for them would empty the queues into the dead letters.
_PAUSE_ALSO = frozenset({"25", "28", "3D", "3F", "42", "54", "XX", "0A"})


def classify(error: BaseException) -> Failure:
    """Decide what an exception out of a transaction means."""
    if isinstance(error, PoolTimeout | PendingRollbackError | InterfaceError):
        return Failure.PAUSE
    if isinstance(error, DBAPIError):
        origin = error.orig
        if error.connection_invalidated:
            return Failure.PAUSE
        if isinstance(origin, sqlite3.Error):
            return _classify_sqlite(origin)
        return classify_sqlstate(getattr(origin, "sqlstate", None))
    if isinstance(error, StatementError):
        return Failure.DATA  # a value that the driver cannot bind
    if isinstance(error, sqlite3.Error):
        return _classify_sqlite(error)
    if isinstance(error, ConnectionError | MemoryError):
        return Failure.PAUSE
    return Failure.DEFECT


def classify_sqlstate(sqlstate: str | None) -> Failure:
    """Decide by SQLSTATE; None is a lost connection."""
    if sqlstate is None:
        return Failure.PAUSE
    if sqlstate in ("40001", "40P01"):
        return Failure.CONFLICT
    if sqlstate in ("57014", "55P03"):
        return Failure.TIMEOUT
    family = sqlstate[:2]
    if family in ("22", "23"):
        return Failure.DATA
    if family in _PAUSE_CLASSES or family in _PAUSE_ALSO:
        return Failure.PAUSE
    return Failure.DATA


def _classify_sqlite(error: sqlite3.Error) -> Failure:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_TOOBIG", "SQLITE_RANGE")):
        return Failure.DATA
    if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
        return Failure.DATA
    if isinstance(error, sqlite3.ProgrammingError) and not name:
        return Failure.DATA  # "Error binding parameter": a value SQLite cannot hold
    return Failure.PAUSE
