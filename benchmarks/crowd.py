"""A database as it looks after years: a few orders that went through the engine, copied under other numbers by SQL."""

from typing import Any, Final

import psycopg
from psycopg import sql

_TABLES: Final = ("orders", "order_items", "order_personal", "order_references", "order_log", "inbox", "invoices", "transactions")
"""All that is kept for good. Raw messages are gone after 30 days."""

_DIGITS: Final = 9
"""Every number, key and id of an order holds its number as nine digits (benchmarks.arena.order_number)."""


def multiply(url: str, first: int, count: int, copies: int) -> int:
    """Copy the orders first..first+count `copies` times, with all their rows; return how many orders there are afterwards.

    Bodies, keys and ledgers name the new order wherever they named the old. Ids of events published long ago are not made anew.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for table in _TABLES:
            connection.execute(_statement(connection, table), {"first": first, "end": first + count, "copies": copies, "count": count})
        connection.execute("VACUUM ANALYZE")
        found = connection.execute("SELECT count(*) FROM orders").fetchone()
    return int(found[0]) if found else 0


def _statement(connection: psycopg.Connection[Any], table: str) -> sql.Composed:
    columns = connection.execute(
        "SELECT column_name, data_type, is_identity = 'YES' OR column_default LIKE 'nextval%%' FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position",
        [table],
    ).fetchall()
    kept = [(name, kind) for name, kind, generated in columns if not generated]
    old = sql.SQL("s.number")
    new = sql.SQL("lpad((s.number::bigint + k.step * %(count)s)::text, {digits}, '0')").format(digits=sql.Literal(_DIGITS))
    values = [_value(name, kind, old, new) for name, kind in kept]
    return sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {values} "
        "FROM (SELECT t.*, substring({source} FROM {pattern}) AS number_of FROM {table} t) AS f "
        "CROSS JOIN LATERAL (SELECT f.number_of AS number) AS s CROSS JOIN generate_series(1, %(copies)s) AS k(step) "
        "WHERE s.number IS NOT NULL AND s.number::bigint >= %(first)s AND s.number::bigint < %(end)s"
    ).format(
        table=sql.Identifier(table),
        names=sql.SQL(", ").join(sql.Identifier(name) for name, _ in kept),
        values=sql.SQL(", ").join(values),
        source=_source(table),
        pattern=sql.Literal(rf"\d{{{_DIGITS}}}"),
    )


def _source(table: str) -> sql.Composable:
    if table == "orders":
        return sql.SQL("t.number")
    if table == "inbox":
        # endToEndId: E, bank, minute, then the order; an event's id: its last digits.
        return sql.SQL(f"right(t.event_id, {_DIGITS})")
    return sql.SQL("t.order_number")


def _value(name: str, kind: str, old: sql.Composable, new: sql.Composable) -> sql.Composable:
    column = sql.SQL("f.") + sql.Identifier(name)
    return sql.SQL("replace({column}, {old}, {new})").format(column=column, old=old, new=new) if kind == "text" else column
