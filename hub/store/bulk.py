"""Many rows in one statement, on either dialect: unnest on PostgreSQL, json_each or executemany on SQLite (architecture D12)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, text
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary, SmallInteger

from hub.store.tables import UtcInstant, to_text

Row = Mapping[str, Any]


def _pg_type(column: Column[Any]) -> str:
    kind = column.type
    if isinstance(kind, UtcInstant):
        return "timestamptz"
    if isinstance(kind, SmallInteger):
        return "smallint"
    if isinstance(kind, BigInteger):
        return "bigint"
    if isinstance(kind, Integer):
        return "integer"
    if isinstance(kind, Boolean):
        return "boolean"
    if isinstance(kind, LargeBinary):
        return "bytea"
    return "text"


def _plain(value: Any) -> Any:
    return to_text(value) if isinstance(value, datetime) else value


def plain(connection: Connection, value: Any) -> Any:
    """Turn a value into what the driver takes in a textual statement."""
    return value if connection.dialect.name == "postgresql" else _plain(value)


def instant(value: Any) -> datetime:
    """Read an instant out of a row of a textual statement."""
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromisoformat(str(value))


@cache
def _pg_source(table: Table, columns: tuple[str, ...]) -> str:
    arrays = ", ".join(f"CAST(:{name} AS {_pg_type(table.c[name])}[])" for name in columns)
    return f"unnest({arrays})"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@cache
def _insert_statement(table: Table, columns: tuple[str, ...], suffix: str, postgres: bool) -> TextClause:
    names = _quoted(columns)
    source = f"SELECT * FROM {_pg_source(table, columns)}" if postgres else f"VALUES ({', '.join(f':{name}' for name in columns)})"
    return text(f'INSERT INTO "{table.name}" ({names}) {source} {suffix}')


def insert(connection: Connection, table: Table, rows: Sequence[Row], *, suffix: str = "") -> None:
    """Insert rows that all have the same keys. `suffix` is an ON CONFLICT clause understood by both dialects."""
    if not rows:
        return
    columns = tuple(rows[0])
    postgres = connection.dialect.name == "postgresql"
    statement = _insert_statement(table, columns, suffix, postgres)
    if postgres:
        connection.execute(statement, {name: [row[name] for row in rows] for name in columns})
    else:
        connection.execute(statement, [{name: _plain(row[name]) for name in columns} for row in rows])


def insert_returning(connection: Connection, table: Table, rows: Sequence[Row], *, suffix: str, returning: Sequence[str]) -> list[Any]:
    """Insert rows and give back what was really inserted (or updated, with DO UPDATE).

    On SQLite the values travel as one JSON document, so they must not be bytes; rows keep their order on both.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    names = _quoted(columns)
    tail = f"{suffix} RETURNING {_quoted(returning)}"
    if connection.dialect.name == "postgresql":
        statement = text(f'INSERT INTO "{table.name}" ({names}) SELECT * FROM {_pg_source(table, columns)} {tail}')
        return list(connection.execute(statement, {name: [row[name] for row in rows] for name in columns}))
    fields = ", ".join(f"value ->> {index}" for index in range(len(columns)))
    # "WHERE true" keeps SQLite from reading ON CONFLICT as a join condition.
    statement = text(f'INSERT INTO "{table.name}" ({names}) SELECT {fields} FROM json_each(:rows) WHERE true {tail}')
    document = json.dumps([[_plain(row[name]) for name in columns] for row in rows])
    return list(connection.execute(statement, {"rows": document}))


_KEY: Final = "k"


def keys(connection: Connection, **columns: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return a FROM item `... AS k(...)` of text key columns and its parameters, for joins over many keys."""
    names = tuple(columns)
    if connection.dialect.name == "postgresql":
        arrays = ", ".join(f"CAST(:k_{name} AS text[])" for name in names)
        return f"unnest({arrays}) AS {_KEY}({', '.join(names)})", {f"k_{name}": list(values) for name, values in columns.items()}
    fields = ", ".join(f"value ->> {index} AS {name}" for index, name in enumerate(names))
    document = json.dumps(list(zip(*columns.values(), strict=True)))
    return f"(SELECT {fields} FROM json_each(:k_rows)) AS {_KEY}", {"k_rows": document}


@cache
def _update_statement(table: Table, key: str, columns: tuple[str, ...], postgres: bool) -> TextClause:
    if postgres:
        names = (key, *columns)
        sets = ", ".join(f'"{name}" = v."{name}"' for name in columns)
        return text(
            f'UPDATE "{table.name}" AS t SET {sets} FROM {_pg_source(table, names)} AS v({_quoted(names)}) WHERE t."{key}" = v."{key}"'
        )
    sets = ", ".join(f'"{name}" = :{name}' for name in columns)
    return text(f'UPDATE "{table.name}" SET {sets} WHERE "{key}" = :{key}')


def update(connection: Connection, table: Table, key: str, rows: Sequence[Row]) -> None:
    """Update many rows by one key column; all rows have the same keys, the key column among them."""
    if not rows:
        return
    columns = tuple(name for name in rows[0] if name != key)
    postgres = connection.dialect.name == "postgresql"
    statement = _update_statement(table, key, columns, postgres)
    if postgres:
        connection.execute(statement, {name: [row[name] for row in rows] for name in (key, *columns)})
    else:
        connection.execute(statement, [{name: _plain(row[name]) for name in (key, *columns)} for row in rows])


def upsert(connection: Connection, table: Table, rows: Sequence[Row], *, keep: Sequence[str] = ()) -> None:
    """Insert rows, or overwrite those with the same primary key, all columns but the key and `keep`."""
    if not rows:
        return
    key = [column.name for column in table.primary_key.columns]
    sets = ", ".join(f'"{name}" = excluded."{name}"' for name in rows[0] if name not in key and name not in keep)
    insert(connection, table, rows, suffix=f"ON CONFLICT ({_quoted(key)}) DO UPDATE SET {sets}")
