"""The table `statuses`: empty while the shop has changed none of the built-in ones."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text

from hub.store import bulk
from hub.store.tables import statuses


def read(connection: Connection) -> list[dict[str, Any]]:
    """Read all rows, in a fixed order: the built-in ones first."""
    found = connection.execute(text("SELECT code, label, states, default_of FROM statuses ORDER BY built_in DESC, code"))
    return [
        {"code": row[0], "label": row[1], "states": tuple(orjson.loads(row[2])), "default_of": tuple(orjson.loads(row[3]))} for row in found
    ]


def lock(connection: Connection) -> None:
    """Wait until no transaction works by the statuses as they are, and let none begin. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE statuses IN ACCESS EXCLUSIVE MODE"))


def replace_all(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write all statuses anew."""
    connection.execute(text("DELETE FROM statuses"))
    bulk.insert(
        connection,
        statuses,
        [
            {**row, "states": orjson.dumps(list(row["states"])).decode(), "default_of": orjson.dumps(list(row["default_of"])).decode()}
            for row in rows
        ],
    )


def shown(connection: Connection, code: str) -> bool:
    """Tell whether an order shows a status."""
    return connection.execute(text("SELECT 1 FROM orders WHERE status = :code LIMIT 1"), {"code": code}).first() is not None


def orders_in(connection: Connection, states: Sequence[str], *, shown: str | None, mentioned: str | None, limit: int) -> list[str]:
    """List the orders in some states, sorted by number: those that show one status, or whose ledger mentions one."""
    source, parameters = bulk.keys(connection, state=list(states))
    narrower = "" if shown is None else " AND status = :shown"
    narrower += "" if mentioned is None else " AND ledger LIKE :mentioned"
    parameters |= {"most": limit} | ({} if shown is None else {"shown": shown})
    # A code holds no quote and no percent sign; an underscore fits itself, and more than that does no harm here.
    parameters |= {} if mentioned is None else {"mentioned": f'%"{mentioned}"%'}
    statement = text(f"SELECT number FROM orders WHERE state IN (SELECT state FROM {source}){narrower} ORDER BY number LIMIT :most")
    return [row[0] for row in connection.execute(statement, parameters)]
