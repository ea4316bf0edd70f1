"""Which database errors pause the hub, which are tried again, and which are one message's fault (architecture D4, D6)."""

import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.store.failures import Failure, classify, classify_sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "meaning"),
    [
        (None, Failure.PAUSE),
        ("08006", Failure.PAUSE),
        ("53100", Failure.PAUSE),
        ("53300", Failure.PAUSE),
        ("55006", Failure.PAUSE),
        ("57P01", Failure.PAUSE),
        ("57P03", Failure.PAUSE),
        ("58030", Failure.PAUSE),
        ("25006", Failure.PAUSE),
        ("0A000", Failure.PAUSE),
        ("42P01", Failure.PAUSE),
        ("XX001", Failure.PAUSE),
        ("28P01", Failure.PAUSE),
        ("40001", Failure.CONFLICT),
        ("40P01", Failure.CONFLICT),
        ("57014", Failure.TIMEOUT),
        ("55P03", Failure.TIMEOUT),
        ("22021", Failure.DATA),
        ("22P02", Failure.DATA),
        ("23505", Failure.DATA),
    ],
)
def test_sqlstates(sqlstate: str | None, meaning: Failure) -> None:
    assert classify_sqlstate(sqlstate) is meaning


def _sqlite(name: str) -> DBAPIError:
    origin = sqlite3.OperationalError(name)
    origin.sqlite_errorname = name
    return OperationalError("", {}, origin)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("SQLITE_BUSY", Failure.PAUSE),
        ("SQLITE_BUSY_SNAPSHOT", Failure.PAUSE),
        ("SQLITE_FULL", Failure.PAUSE),
        ("SQLITE_IOERR_WRITE", Failure.PAUSE),
        ("SQLITE_READONLY", Failure.PAUSE),
        ("SQLITE_CONSTRAINT_UNIQUE", Failure.DATA),
        ("SQLITE_TOOBIG", Failure.DATA),
    ],
)
def test_sqlite_errors(name: str, meaning: Failure) -> None:
    assert classify(_sqlite(name)) is meaning


@pytest.mark.parametrize(
    ("error", "meaning"), [(PoolTimeout(), Failure.PAUSE), (ConnectionResetError(), Failure.PAUSE), (KeyError("x"), Failure.DEFECT)]
)
def test_other_errors(error: Exception, meaning: Failure) -> None:
    assert classify(error) is meaning
