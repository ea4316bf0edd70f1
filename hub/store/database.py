"""Opening the database: one way in for PostgreSQL (production) and SQLite (embedded default)."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import psycopg
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool, StaticPool

from hub.errors import SettingsInvalid

_PG_CONNECT: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # lock_timeout and statement_timeout end in SQLSTATE 55P03 and 57014: retried once, then bisected (architecture D4).
    "options": "-c timezone=UTC -c lock_timeout=15s -c statement_timeout=60s -c idle_in_transaction_session_timeout=120s",
}
_SQLITE_BUSY_MS: Final = 5000


class Database:
    """A pool of connections and the dialect's name. Nothing is connected until the first use."""

    def __init__(self, engine: Engine) -> None:
        self.engine: Final = engine
        self.is_postgres: Final = engine.dialect.name == "postgresql"

    @classmethod
    def open(cls, url: str, *, pool_size: int = 5, application_name: str = "order-hub") -> Self:
        """Open `postgresql://...` or `sqlite:///...`; the driver is the hub's business. Raises: SettingsInvalid."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise SettingsInvalid("HUB_DATABASE_URL is not a database URL (postgresql://... or sqlite:///...)") from error
        backend = parsed.get_backend_name()
        if backend in ("postgresql", "postgres"):
            return cls(_open_postgres(parsed.set(drivername="postgresql+psycopg"), pool_size, application_name))
        if backend == "sqlite":
            return cls(_open_sqlite(str(parsed.database or ":memory:"), pool_size))
        raise SettingsInvalid(f"HUB_DATABASE_URL names {backend!r}; the hub knows postgresql and sqlite")

    @property
    def path(self) -> str | None:
        """The file of an SQLite database; None for PostgreSQL and for a database in memory."""
        name = self.engine.url.database
        return None if self.is_postgres or name in (None, "", ":memory:") else name

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One write transaction: committed at the end, rolled back on an exception."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read-only transaction that takes no write lock."""
        with self.engine.connect().execution_options(hub_read=True) as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()


def _open_postgres(url: URL, pool_size: int, application_name: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=10,
        connect_args={**_PG_CONNECT, "application_name": application_name},
        isolation_level="READ COMMITTED",
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: psycopg.Connection[Any], _record: ConnectionPoolEntry) -> None:
        # Arrays go out in binary: the text form escapes each quote of each JSON body by a regular expression in Python, which took
        # half the time of a batch.
        connection.adapters.register_dumper(list, ListBinaryDumper)

    return engine


def _open_sqlite(path: str, pool_size: int) -> Engine:
    in_memory = path in (":memory:", "")
    options: dict[str, object] = (
        {"poolclass": StaticPool} if in_memory else {"poolclass": QueuePool, "pool_size": pool_size, "max_overflow": 5}
    )
    engine = create_engine(
        "sqlite://" if in_memory else f"sqlite:///{path}",
        connect_args={"check_same_thread": False, "timeout": _SQLITE_BUSY_MS / 1000},
        **options,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        # The driver's own transaction handling delays BEGIN until the first write: a read that becomes a write then fails with
        # SQLITE_BUSY at once, whatever busy_timeout says. We begin ourselves, below.
        connection.isolation_level = None
        cursor = connection.cursor()
        if not in_memory:
            cursor.execute("PRAGMA journal_mode=WAL")
            # FULL: a commit acknowledged to the broker must survive a power loss.
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA busy_timeout={_SQLITE_BUSY_MS}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("hub_read") else "BEGIN IMMEDIATE")

    return engine
