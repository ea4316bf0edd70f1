"""Outbox rows for the tests of the relay."""

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from hub.bus.outbox import SHARDS
from hub.store import bulk, tables
from hub.store.database import Database

AT = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)


def event(order: str, sequence: int, routing_key: str = "payment.captured") -> dict[str, Any]:
    """One row as the engine writes it: id and shard follow from order and sequence."""
    body = {"order": order, "sequence": sequence, "occurred_at": AT.isoformat(), "recorded_at": AT.isoformat()}
    return {
        "shard": zlib.crc32(order.encode()) % SHARDS,
        "order_number": order,
        "message_id": str(uuid5(NAMESPACE_URL, f"{order}/{sequence}")),
        "routing_key": routing_key,
        "body": orjson.dumps(body).decode(),
        "created_at": AT,
        "traceparent": None,
    }


def put(database: Database, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows in this order."""
    with database.begin() as connection:
        bulk.insert(connection, tables.outbox, list(rows))


def left(database: Database) -> int:
    """How many rows are still to be published."""
    with database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM outbox").scalar_one())
