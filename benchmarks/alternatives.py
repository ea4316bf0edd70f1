"""`python -m benchmarks.alternatives`: what a cheaper way of doing one small thing would give, beside what the hub does now.

Each pair gives the same result; that is checked before it is timed. Nothing here is used by the hub.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import psycopg
from sqlalchemy import Connection, text

from benchmarks.arena import POSTGRES, order_number, pix_messages
from benchmarks.engine import deliveries, feed, open_engine
from benchmarks.report import table
from hub.domain.ledger import load
from hub.domain.view import view
from hub.engine.engine import Engine
from hub.engine.order_state import instant_text
from hub.store import bulk, tables
from scripts.servers import PrivatePostgres, ServerFailed, ServersMissing, ensure_installed
from tests.traffic import placed

_ROWS: Final = 1024
_ORDERS: Final = 256
_REPEATS: Final = 15
_MICRO: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ways of doing one thing `count` times, in microseconds of wall time each (the best of several tries)."""

    what: str
    now: str
    now_us: float
    other: str
    other_us: float


def best_us(function: Callable[[], object], count: int) -> float:
    """Time a function that does something `count` times; the best try is the one that nobody disturbed."""
    found = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        function()
        found.append(time.perf_counter() - began)
    return min(found) / count * 1e6


# -- pure functions ---------------------------------------------------------------------------------------------------


def event_bodies() -> Pair:
    """The two instants of an event's body."""
    instants = [datetime(2026, 11, 25, 12, tzinfo=UTC) + index * _MICRO for index in range(_ROWS)]
    assert [orjson.loads(orjson.dumps(one)) for one in instants] == [instant_text(one) for one in instants]
    return Pair(
        "an instant in an event's body",
        "isoformat, then orjson",
        best_us(lambda: orjson.dumps([instant_text(one) for one in instants]), _ROWS),
        "orjson alone",
        best_us(lambda: orjson.dumps(instants), _ROWS),
    )


# -- on a database ----------------------------------------------------------------------------------------------------

_JSON_TYPES: Final = {
    "shard": "smallint",
    "order_number": "text",
    "message_id": "text",
    "routing_key": "text",
    "body": "text",
    "created_at": "timestamptz",
}


def _outbox_rows(engine: Engine) -> list[dict[str, Any]]:
    with engine.database.read() as connection:
        names = tuple(_JSON_TYPES)
        found = connection.execute(text(f"SELECT {', '.join(names)} FROM outbox ORDER BY id LIMIT {_ROWS}"))
        return [dict(zip(names, row, strict=True)) for row in found]


def _insert_json(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    names = ", ".join(_JSON_TYPES)
    types = ", ".join(f"{name} {kind}" for name, kind in _JSON_TYPES.items())
    statement = text(f"INSERT INTO outbox ({names}) SELECT {names} FROM json_to_recordset(CAST(:rows AS json)) AS v({types})")
    connection.execute(statement, {"rows": orjson.dumps(rows).decode()})


def _insert_copied(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    with raw.cursor() as cursor, cursor.copy(f"COPY outbox ({', '.join(_JSON_TYPES)}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


def _rolled_back(engine: Engine, insert: Callable[[Connection], None]) -> float:
    """Time inserts without their commit, which is the same for all."""
    found = []
    with engine.database.engine.connect() as connection:
        for _ in range(_REPEATS):
            began = time.perf_counter()
            insert(connection)
            found.append(time.perf_counter() - began)
            connection.rollback()
    return min(found) / _ROWS * 1e6


def outbox_inserts(engine: Engine) -> list[Pair]:
    """The outbox rows of 256 captures."""
    rows = _outbox_rows(engine)
    arrays = _rolled_back(engine, lambda connection: bulk.insert(connection, tables.outbox, rows))
    document = _rolled_back(engine, lambda connection: _insert_json(connection, rows))
    copied = _rolled_back(engine, lambda connection: _insert_copied(connection, rows))
    return [
        Pair("an outbox row", "unnest of arrays", arrays, "json_to_recordset", document),
        Pair("an outbox row", "unnest of arrays", arrays, "COPY", copied),
    ]


def opening(engine: Engine) -> Pair:
    """What it costs to have the view of an order before its change."""
    with engine.database.read() as connection:
        ledgers = [row[0] for row in connection.execute(text(f"SELECT ledger FROM orders ORDER BY number LIMIT {_ORDERS}"))]
    return Pair(
        "an order opened",
        "load of its ledger and view",
        best_us(lambda: [view(load(one)) for one in ledgers], _ORDERS),
        "load alone",
        best_us(lambda: [load(one) for one in ledgers], _ORDERS),
    )


def preparation(engine: Engine) -> Pair:
    """What happens to a Pix before its transaction."""
    waiting = deliveries(pix_messages(0, _ORDERS))
    now = datetime.now(UTC)
    adapter = engine.adapters["payments.pix"]
    return Pair(
        "a Pix prepared",
        "verified, translated, keyed",
        best_us(lambda: [engine.preparer.prepare(one, now) for one in waiting], _ORDERS),
        "translated alone",
        best_us(lambda: [adapter.translate(one.raw) for one in waiting], _ORDERS),
    )


def main() -> int:
    """Entry point."""
    try:
        ensure_installed()
        with PrivatePostgres(durable=True, config=POSTGRES) as postgres:
            engine = open_engine(postgres.database_url())
            feed(engine, _ORDERS, [placed(order_number(index)) for index in range(_ORDERS)], 60.0, "applied")
            feed(engine, _ORDERS, pix_messages(0, _ORDERS), 60.0, "applied")
            pairs = [event_bodies(), opening(engine), preparation(engine), *outbox_inserts(engine)]
            engine.database.dispose()
    except (ServersMissing, ServerFailed) as error:
        print(f"alternatives: {error}", file=sys.stderr)
        return 3
    rows = [[pair.what, pair.now, f"{pair.now_us:.1f}", pair.other, f"{pair.other_us:.1f}"] for pair in pairs]
    print(table(["what", "now", "us", "otherwise", "us "], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
