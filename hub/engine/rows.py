"""Reading and writing the rows of one transaction: every statement of the hot path, each over many rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

from hub.domain.view import View
from hub.engine.references import ReferenceKey
from hub.store import bulk, tables


@dataclass(slots=True)
class ReferenceRow:
    """One row of order_references as this transaction sees it. More than one claim = ambiguous."""

    order: str | None
    claims: tuple[str, ...] = ()
    changed: bool = False
    may_hide_parked: bool = False

    @property
    def ambiguous(self) -> bool:
        """Two orders claim it; facts under it wait for a person."""
        return self.order is None and len(self.claims) > 1


@dataclass(frozen=True, slots=True)
class OrderRow:
    """What the engine needs of an order before it applies anything."""

    number: str
    ledger: str
    done: str
    version: int
    sequence: int
    status_sequence: int
    customer_id: str | None
    historical: bool
    fold_version: int


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A fact that waits for its order."""

    id: int
    key: str
    source: str
    body: str
    references: tuple[ReferenceKey, ...]
    raw_sha256: str | None
    headers: str | None
    entry_key: str
    parked_at: datetime


def _columns(keys: Sequence[ReferenceKey]) -> dict[str, list[str]]:
    return {
        "scope": [key.scope for key in keys],
        "kind": [key.kind for key in keys],
        "value": [key.value for key in keys],
    }


def read_references(connection: Connection, keys: Iterable[ReferenceKey]) -> dict[ReferenceKey, ReferenceRow]:
    """Read reference rows without locking them; a bound one needs no lock."""
    wanted = sorted(keys)
    if not wanted:
        return {}
    source, parameters = bulk.keys(connection, **_columns(wanted))
    statement = text(
        "SELECT r.scope, r.kind, r.value, r.order_number, r.claims "
        f"FROM {source} JOIN order_references r ON r.scope = k.scope AND r.kind = k.kind AND r.value = k.value"
    )
    return {
        ReferenceKey(row[0], row[1], row[2]): ReferenceRow(row[3], _claims(row[4]), may_hide_parked=row[3] is None)
        for row in connection.execute(statement, parameters)
    }


def _claims(document: str | None) -> tuple[str, ...]:
    return tuple(orjson.loads(document)) if document else ()


def lock_references(connection: Connection, keys: Iterable[ReferenceKey]) -> dict[ReferenceKey, ReferenceRow]:
    """Make and lock reference rows, sorted, so that parking and binding wait for each other (architecture D7)."""
    wanted = sorted(keys)
    if not wanted:
        return {}
    rows = [{"scope": key.scope, "kind": key.kind, "value": key.value} for key in wanted]
    returning = ("scope", "kind", "value", "order_number", "claims")
    found = bulk.insert_returning(
        connection,
        tables.order_references,
        rows,
        # An update that changes nothing: it locks a row that is there already, which DO NOTHING would not, nor return.
        suffix="ON CONFLICT (scope, kind, value) DO UPDATE SET scope = excluded.scope",
        returning=returning,
    )
    return {ReferenceKey(row[0], row[1], row[2]): ReferenceRow(row[3], _claims(row[4]), may_hide_parked=row[3] is None) for row in found}


def write_references(connection: Connection, changed: Mapping[ReferenceKey, ReferenceRow]) -> None:
    """Write back rows that got an order, or a second claim."""
    if not changed:
        return
    rows = [
        {
            "scope": key.scope,
            "kind": key.kind,
            "value": key.value,
            "order_number": row.order,
            "claims": orjson.dumps(row.claims).decode() if row.claims else None,
        }
        for key, row in sorted(changed.items())
    ]
    bulk.insert(
        connection,
        tables.order_references,
        rows,
        suffix="ON CONFLICT (scope, kind, value) DO UPDATE SET order_number = excluded.order_number, claims = excluded.claims",
    )


def read_parked(connection: Connection, keys: Iterable[ReferenceKey]) -> list[ParkedRow]:
    """Read the facts parked under any of these references, oldest first, and lock them."""
    wanted = sorted(keys)
    if not wanted:
        return []
    source, parameters = bulk.keys(connection, **_columns(wanted))
    lock = " FOR UPDATE OF p" if connection.dialect.name == "postgresql" else ""
    statement = text(
        'SELECT p.id, p.key, p.source, p.body, p."references", p.raw_sha256, p.headers, p.entry_key, p.parked_at '
        "FROM parked_facts p WHERE p.id IN ("
        f"SELECT r.parked_id FROM {source} JOIN parked_references r ON r.scope = k.scope AND r.kind = k.kind AND r.value = k.value"
        f") ORDER BY p.id{lock}"
    )
    return [
        ParkedRow(
            row[0],
            row[1],
            row[2],
            row[3],
            tuple(ReferenceKey(*item) for item in orjson.loads(row[4])),
            row[5],
            row[6],
            row[7],
            bulk.instant(row[8]),
        )
        for row in connection.execute(statement, parameters)
    ]


_ORDER_COLUMNS = "number, ledger, done, version, sequence, status_sequence, customer_id, historical, fold_version"


def lock_orders(connection: Connection, numbers: Iterable[str]) -> dict[str, OrderRow]:
    """Lock and read orders, sorted by number."""
    wanted = sorted(numbers)
    if not wanted:
        return {}
    source, parameters = bulk.keys(connection, number=wanted)
    lock = " FOR UPDATE" if connection.dialect.name == "postgresql" else ""
    statement = text(f"SELECT {_ORDER_COLUMNS} FROM orders WHERE number IN (SELECT number FROM {source}) ORDER BY number{lock}")
    return {
        row[0]: OrderRow(row[0], row[1], row[2], row[3], row[4], row[5], row[6], bool(row[7]), row[8])
        for row in connection.execute(statement, parameters)
    }


def entry_exists(connection: Connection, number: str, key: str) -> bool:
    """Tell whether the order's log holds this very entry already."""
    statement = text("SELECT 1 FROM order_log WHERE order_number = :number AND entry_key = :key")
    return connection.execute(statement, {"number": number, "key": key}).first() is not None


def read_emails(connection: Connection, numbers: Iterable[str]) -> dict[str, str | None]:
    """Read the recipients of notices."""
    wanted = sorted(numbers)
    if not wanted:
        return {}
    source, parameters = bulk.keys(connection, number=wanted)
    statement = text(f"SELECT p.order_number, p.email FROM {source} JOIN order_personal p ON p.order_number = k.number")
    return {row[0]: row[1] for row in connection.execute(statement, parameters)}


def read_replies(connection: Connection, source: str, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Read stored answers of commands: idempotency key -> (payload hash, reply)."""
    wanted = sorted(keys)
    if not wanted:
        return {}
    item, parameters = bulk.keys(connection, event_id=wanted)
    statement = text(
        f"SELECT i.event_id, i.payload_sha256, i.reply FROM {item} JOIN inbox i ON i.source = :source AND i.event_id = k.event_id"
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(statement, {**parameters, "source": source}) if row[2] is not None}


def insert_inbox(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> set[tuple[str, str, str]]:
    """Insert inbox rows (sorted by the caller) and return the keys that were new."""
    found = bulk.insert_returning(
        connection,
        tables.inbox,
        rows,
        suffix="ON CONFLICT (source, event_id, body_sha256) DO NOTHING",
        returning=("source", "event_id", "body_sha256"),
    )
    return {(row[0], row[1], row[2]) for row in found}


def delete_parked(connection: Connection, ids: Iterable[int]) -> None:
    """Delete parked facts that were released or died; their reference links go with them."""
    wanted = sorted(ids)
    if not wanted:
        return
    for table, column in (("parked_references", "parked_id"), ("parked_facts", "id")):
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"DELETE FROM {table} WHERE {column} = ANY(:ids)"), {"ids": wanted})
        else:
            connection.execute(
                text(f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(:ids))"), {"ids": orjson.dumps(wanted).decode()}
            )


def delete_items(connection: Connection, numbers: Sequence[str]) -> None:
    """Delete the items of orders whose placement is written anew."""
    source, parameters = bulk.keys(connection, number=numbers)
    connection.execute(text(f"DELETE FROM order_items WHERE order_number IN (SELECT number FROM {source})"), parameters)


def write_exceptions(connection: Connection, opened: Sequence[Mapping[str, Any]], touched: Sequence[Mapping[str, Any]]) -> None:
    """Insert new exceptions; close or amend open ones."""
    bulk.insert(connection, tables.exceptions, opened)
    for row in touched:
        sets = ", ".join(f"{name} = :{name}" for name in row if name not in ("order_number", "kind", "key"))
        statement = (
            f"UPDATE exceptions SET {sets} WHERE order_number = :order_number AND kind = :kind AND key = :key AND resolved_at IS NULL"
        )
        connection.execute(text(statement), {name: bulk.plain(connection, value) for name, value in row.items()})


def write_documents(connection: Connection, orders: Sequence[tuple[str, datetime, View | None, View]]) -> None:
    """Write what changed among the transactions and refunds of orders: (number, at, view at the start, view now)."""
    transactions: list[dict[str, Any]] = []
    refunds: list[dict[str, Any]] = []
    gone: list[tuple[str, str]] = []
    for number, at, first, now in orders:
        known = set(first.transactions) if first is not None else set()
        transactions.extend(
            {
                "order_number": number,
                "key": one.key,
                "kind": one.kind,
                "payment": one.payment,
                "parent": one.parent,
                "provider": one.provider,
                "method": one.method,
                "amount_cents": one.amount_cents,
                "closed": one.closed,
                "occurred_at": one.at,
            }
            for one in now.transactions
            if one not in known
        )
        known_refunds = set(first.refunds) if first is not None else set()
        # A total without parts gives way once the parts are known by their ids.
        kept = {one.id for one in now.refunds}
        gone.extend((number, one.id) for one in known_refunds if one.id not in kept)
        refunds.extend(
            {
                "order_number": number,
                "id": one.id,
                "payment": one.payment,
                "state": one.state,
                "amount_cents": one.amount_cents,
                "mode": one.mode,
                "method": one.method,
                "created_at": one.at,
                "updated_at": at,
            }
            for one in now.refunds
            if one not in known_refunds
        )
    for number, refund_id in gone:
        connection.execute(text("DELETE FROM refunds WHERE order_number = :number AND id = :id"), {"number": number, "id": refund_id})
    bulk.upsert(connection, tables.transactions, transactions, keep=("occurred_at",))
    bulk.upsert(connection, tables.refunds, refunds, keep=("created_at",))


def open_conflicts(connection: Connection, keys: Iterable[str]) -> list[tuple[str, str]]:
    """Find orders that have reference_conflict open under any of these keys, sorted."""
    wanted = sorted(keys)
    if not wanted:
        return []
    source, parameters = bulk.keys(connection, key=wanted)
    statement = text(
        f"SELECT e.order_number, e.key FROM {source} JOIN exceptions e ON e.key = k.key "
        "WHERE e.kind = 'reference_conflict' AND e.resolved_at IS NULL ORDER BY e.order_number, e.key"
    )
    return [(row[0], row[1]) for row in connection.execute(statement, parameters)]
