"""The relay's side of the outbox: which shards are this relay's, reading their rows and deleting them. Synchronous, one thread."""

import fcntl
import os
import random
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from hub import faults
from hub.errors import StoreUnavailable
from hub.store import bulk
from hub.store.database import Database

SHARDS: Final = 16
_ALL: Final = frozenset(range(SHARDS))

# Advisory locks in two numbers: one of these and the shard, or the backend's own process id.
_SHARD_LOCK: Final = 0x6F687562  # "ohub"
_PRESENCE_LOCK: Final = _SHARD_LOCK + 1


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One event that waits to be published. Rows of one key are published one after the other."""

    id: int
    shard: int
    order_number: str | None
    message_id: str
    routing_key: str
    body: str
    created_at: datetime
    traceparent: str | None

    @property
    def key(self) -> str:
        """What its order is kept within: the order, or nothing but itself."""
        return self.order_number or self.message_id


class OutboxLink(Protocol):
    """The connection that holds a relay's shards. Everything raises StoreUnavailable once it is lost, and the shards with it."""

    def share(self, in_use: Collection[int]) -> frozenset[int]:
        """Take or give up shards for a fair share; return those to read. A shard whose rows are in use is given up later."""

    def cycle(self, confirmed: Sequence[int], shards: Collection[int], busy: Collection[str], limit: int) -> list[OutboxRow]:
        """Delete confirmed rows, then read up to `limit` rows in id order, none of a busy key."""

    def close(self) -> None:
        """Give everything up."""


def open_link(database: Database) -> OutboxLink:
    """Open the link that this database needs. Raises: StoreUnavailable."""
    if database.is_postgres:
        return _PostgresLink(database)
    return _SqliteLink(database)


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"outbox: {type(error).__name__}") from error


_COLUMNS: Final = "id, shard, order_number, message_id, routing_key, body, created_at, traceparent"


def _row(values: Sequence[Any]) -> OutboxRow:
    number, shard, order_number, message_id, routing_key, body, created_at, traceparent = values
    return OutboxRow(number, shard, order_number, message_id, routing_key, body, bulk.instant(created_at), traceparent)


class _PostgresLink:
    """One session of its own: its advisory locks are the shards, so that a relay that lost its session has lost them too.

    Each relay also holds a lock that only says it is there. Counting those tells how many share the work, exactly and at once;
    heartbeats would tell of a killed relay seconds later, and its shards would lie idle.
    """

    def __init__(self, database: Database) -> None:
        with _store_errors():
            connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # never back into the pool, where its locks would live on
        self._connection: Final[Connection] = connection
        self._held: set[int] = set()
        self._leaving: set[int] = set()
        try:
            # The server's side too: a machine that lost its power holds its shards until the server notices.
            for setting in ("tcp_keepalives_idle = 15", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3"):
                self._run(f"SET {setting}")
            self._run("SELECT pg_advisory_lock(:lock, pg_backend_pid())", lock=_PRESENCE_LOCK)
        except StoreUnavailable:
            self.close()
            raise

    def _run(self, statement: str, **parameters: Any) -> list[Any]:
        with _store_errors():
            result = self._connection.execute(text(statement), parameters)
            return list(result) if result.returns_rows else []

    def share(self, in_use: Collection[int]) -> frozenset[int]:
        relays = self._run(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = :lock AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            lock=_PRESENCE_LOCK,
        )[0][0]
        target = -(-SHARDS // max(1, relays))
        surplus = len(self._held) - target
        if surplus > 0:
            idle_first = sorted(self._held, key=lambda shard: (shard not in self._leaving, shard in in_use, random.random()))
            self._leaving = set(idle_first[:surplus])
            for shard in self._leaving - set(in_use):
                self._run("SELECT pg_advisory_unlock(:lock, :shard)", lock=_SHARD_LOCK, shard=shard)
                self._held.discard(shard)
            self._leaving &= self._held
        else:
            self._leaving.clear()
            free = list(_ALL - self._held)
            random.shuffle(free)
            for shard in free:
                if len(self._held) >= target:
                    break
                if self._run("SELECT pg_try_advisory_lock(:lock, :shard)", lock=_SHARD_LOCK, shard=shard)[0][0]:
                    self._held.add(shard)
        return frozenset(self._held - self._leaving)

    def cycle(self, confirmed: Sequence[int], shards: Collection[int], busy: Collection[str], limit: int) -> list[OutboxRow]:
        if confirmed:
            faults.reach("relay_before_delete")
            self._run("DELETE FROM outbox WHERE id = ANY(:ids)", ids=list(confirmed))
            faults.reach("relay_after_delete")
        if limit <= 0 or not shards:
            return []
        # Shard by shard, each along its index: over all at once the planner would sort a large backlog to find its first rows.
        rows = self._run(
            f"SELECT o.* FROM unnest(CAST(:shards AS smallint[])) AS s(shard) CROSS JOIN LATERAL ("
            f"SELECT {_COLUMNS} FROM outbox WHERE shard = s.shard AND COALESCE(order_number, message_id) <> ALL(CAST(:busy AS text[])) "
            f"ORDER BY id LIMIT :share) AS o ORDER BY o.id",
            shards=list(shards),
            busy=list(busy),
            share=max(1, limit // len(shards)),
        )
        return [_row(row) for row in rows]

    def close(self) -> None:
        with suppress(SQLAlchemyError):
            self._connection.close()


class _SqliteLink:
    """One relay per database file, by a lock that the operating system drops with the process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock: int | None = None
        self._path = None if database.path is None else Path(f"{database.path}.relay")

    def share(self, in_use: Collection[int]) -> frozenset[int]:
        if self._path is None:
            return _ALL  # in memory: nobody else can see it
        if self._lock is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                return frozenset()
            self._lock = descriptor
        return _ALL

    def cycle(self, confirmed: Sequence[int], shards: Collection[int], busy: Collection[str], limit: int) -> list[OutboxRow]:
        with _store_errors():
            if confirmed:
                faults.reach("relay_before_delete")
                with self._database.begin() as connection:
                    connection.execute(
                        text("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(:ids))"),
                        {"ids": orjson.dumps(list(confirmed)).decode()},
                    )
                faults.reach("relay_after_delete")
            if limit <= 0 or not shards:
                return []
            statement = text(
                f"SELECT {_COLUMNS} FROM outbox WHERE COALESCE(order_number, message_id) NOT IN (SELECT value FROM json_each(:busy)) "
                "ORDER BY id LIMIT :limit"
            )
            with self._database.read() as connection:
                rows = connection.execute(statement, {"busy": orjson.dumps(list(busy)).decode(), "limit": limit})
                return [_row(row) for row in rows]

    def close(self) -> None:
        descriptor, self._lock = self._lock, None
        if descriptor is not None:
            os.close(descriptor)
