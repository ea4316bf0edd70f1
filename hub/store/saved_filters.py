"""The table `saved_filters`: filters of the list of orders that staff gave a name."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, delete, select

from hub.store import bulk
from hub.store.tables import saved_filters


def read(connection: Connection) -> list[dict[str, Any]]:
    """Read all, by name."""
    found = connection.execute(select(saved_filters).order_by(saved_filters.c.name)).mappings()
    return [{**{str(name): value for name, value in row.items()}, "filter": orjson.loads(row["filter"])} for row in found]


def save(connection: Connection, name: str, words: dict[str, Any], actor: str, now: datetime) -> None:
    """Write a filter under a name; one that bears it already is replaced."""
    row = {"name": name, "filter": orjson.dumps(words, option=orjson.OPT_SORT_KEYS).decode(), "saved_by": actor, "saved_at": now}
    bulk.upsert(connection, saved_filters, [row])


def remove(connection: Connection, name: str) -> bool:
    """Delete a filter; False when there is none of that name."""
    return connection.execute(delete(saved_filters).where(saved_filters.c.name == name)).rowcount > 0
