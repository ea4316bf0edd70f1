"""Reading and writing the rows of one transaction: every statement of the hot path, each over many rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Table, delete, select, text

from hub.domain.judgement import AddressText, TrackText
from hub.domain.view import FiscalDocumentView, RefundView, ShipmentView, TransactionView, View
from hub.engine.personal import searchable
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


def lock_orders(connection: Connection, numbers: Iterable[str], *, skip_locked: bool = False) -> dict[str, OrderRow]:
    """Lock and read orders, sorted by number. `skip_locked`: leave out what another transaction holds."""
    wanted = sorted(numbers)
    if not wanted:
        return {}
    source, parameters = bulk.keys(connection, number=wanted)
    lock = (" FOR UPDATE SKIP LOCKED" if skip_locked else " FOR UPDATE") if connection.dialect.name == "postgresql" else ""
    statement = text(f"SELECT {_ORDER_COLUMNS} FROM orders WHERE number IN (SELECT number FROM {source}) ORDER BY number{lock}")
    return {
        row[0]: OrderRow(row[0], row[1], row[2], row[3], row[4], row[5], row[6], bool(row[7]), row[8])
        for row in connection.execute(statement, parameters)
    }


def entry_exists(connection: Connection, number: str, key: str) -> bool:
    """Tell whether the order's log holds this very entry already."""
    statement = text("SELECT 1 FROM order_log WHERE order_number = :number AND entry_key = :key")
    return connection.execute(statement, {"number": number, "key": key}).first() is not None


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


@dataclass(frozen=True, slots=True)
class Changed:
    """An order whose documents may have changed: its view at the start of the transaction, and now."""

    number: str
    first: View | None
    now: View


@dataclass(frozen=True, slots=True)
class OutboundRow:
    """A request to a provider, as far as a command looks at it."""

    id: int
    adapter: str
    action: str
    state: str
    parameters: str


def lock_outbound(connection: Connection, request_id: int) -> OutboundRow | None:
    """Lock and read a request to a provider."""
    table = tables.outbound_requests
    statement = select(table.c.id, table.c.adapter, table.c.action, table.c.state, table.c.parameters).where(table.c.id == request_id)
    found = connection.execute(statement.with_for_update()).first()
    return None if found is None else OutboundRow(*found)


def write_documents(connection: Connection, changed: Sequence[Changed]) -> None:
    """Write what changed among the transactions, refunds, shipments and tax papers of orders; each has a table of its own."""
    _write(connection, tables.transactions, [(one, "transactions", _transaction) for one in changed], keep=("occurred_at",), key="key")
    _write(connection, tables.refunds, [(one, "refunds", _refund) for one in changed], keep=("created_at",))
    _write(connection, tables.shipments, [(one, "shipments", _shipment) for one in changed], keep=("created_at",))
    _write(connection, tables.fiscal_documents, [(one, "fiscal_documents", _paper) for one in changed])
    _write_tracks(connection, changed)


def _write(
    connection: Connection,
    table: Table,
    parts: Sequence[tuple[Changed, str, Callable[[Any], dict[str, Any]]]],
    *,
    keep: Sequence[str] = (),
    key: str = "id",
) -> None:
    written: list[dict[str, Any]] = []
    for one, name, row_of in parts:
        before = () if one.first is None else getattr(one.first, name)
        after = getattr(one.now, name)
        if before == after:
            continue
        written.extend({"order_number": one.number, **row_of(item)} for item in after if item not in before)
        kept = {getattr(item, key) for item in after}
        # A total gives way once its parts are known by their ids; a parcel's name to that of an earlier record.
        for gone in [getattr(item, key) for item in before if getattr(item, key) not in kept]:
            connection.execute(delete(table).where(table.c.order_number == one.number, table.c[key] == gone))
    bulk.upsert(connection, table, written, keep=keep)


def _transaction(one: TransactionView) -> dict[str, Any]:
    return {
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


def _refund(one: RefundView) -> dict[str, Any]:
    detail = {
        "parts": [[part.payment, part.amount_cents] for part in one.parts],
        "lines": [[line.sku, line.quantity, line.back_to_stock] for line in one.lines],
        "shipping_cents": one.shipping_cents,
        "extra_cents": one.extra_cents,
        "fee_cents": one.fee_cents,
    }
    return {
        "id": one.id,
        "payment": one.payment,
        "state": one.state,
        "amount_cents": one.amount_cents,
        "mode": one.mode,
        "method": one.method,
        "detail": orjson.dumps({name: value for name, value in detail.items() if value}).decode(),
        "created_at": one.at,
        "updated_at": one.at,
    }


def _shipment(one: ShipmentView) -> dict[str, Any]:
    return {
        "id": one.id,
        "carrier": one.carrier,
        "state": one.state,
        "items": orjson.dumps([list(item) for item in one.items]).decode(),
        "shipped_at": one.shipped_at,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }


def _paper(one: FiscalDocumentView) -> dict[str, Any]:
    names = ("id", "access_key", "number", "series", "state", "evidence", "total_cents", "issued_at")
    return {name: getattr(one, name) for name in names}


def _write_tracks(connection: Connection, changed: Sequence[Changed]) -> None:
    written: list[dict[str, Any]] = []
    table = tables.shipment_tracks
    for one in changed:
        before = {} if one.first is None else _tracks(one.first)
        after = _tracks(one.now)
        if before == after:
            continue
        written.extend(
            {"order_number": one.number, "number": number, "shipment_id": shipment, "carrier": carrier}
            for number, (shipment, carrier) in after.items()
            if before.get(number) != (shipment, carrier)
        )
        for gone in before.keys() - after.keys():
            connection.execute(delete(table).where(table.c.order_number == one.number, table.c.number == gone))
    bulk.upsert(connection, table, written)


def _tracks(now: View) -> dict[str, tuple[str, str | None]]:
    return {track.number: (shipment.id, track.carrier) for shipment in now.shipments for track in shipment.tracks}


def write_track_texts(connection: Connection, texts: Sequence[tuple[str, TrackText]]) -> None:
    """Write titles and addresses beside tracking numbers; what a later telling leaves out stays."""
    statement = text(
        "UPDATE shipment_tracks SET title = coalesce(:title, title), url = coalesce(:url, url) "
        "WHERE order_number = :order AND number = :number"
    )
    for number, one in texts:
        if one.title is not None or one.url is not None:
            connection.execute(statement, {"order": number, "number": one.number, "title": one.title, "url": one.url})


def read_track_texts(connection: Connection, number: str) -> dict[str, dict[str, str]]:
    """Read titles and addresses beside an order's tracking numbers."""
    statement = text("SELECT number, title, url FROM shipment_tracks WHERE order_number = :number")
    found = connection.execute(statement, {"number": number})
    return {row[0]: {name: value for name, value in (("title", row[1]), ("url", row[2])) if value is not None} for row in found}


def read_personal(connection: Connection, number: str) -> tuple[int, bool]:
    """Read the version of an order's personal data, and whether it was erased."""
    statement = text("SELECT version, erased_at FROM order_personal WHERE order_number = :number")
    row = connection.execute(statement, {"number": number}).first()
    return (1, False) if row is None else (row[0], row[1] is not None)


def read_address(connection: Connection, number: str, which: str) -> dict[str, Any] | None:
    """Read an order's billing or shipping address."""
    column = tables.order_personal.c[f"{which}_address"]
    row = connection.execute(select(column).where(tables.order_personal.c.order_number == number)).first()
    return None if row is None or row[0] is None else dict(orjson.loads(row[0]))


def write_address(connection: Connection, number: str, change: AddressText, at: datetime) -> None:
    """Replace an address; the old one goes into the history, which is erased with the person."""
    table = tables.order_personal
    column = f"{change.type}_address"
    there = connection.execute(select(table).where(table.c.order_number == number)).mappings().first()
    row = dict(there) if there is not None else {}
    history = orjson.loads(row.get("history") or "[]")
    if row.get(column) is not None:
        history.append({"type": change.type, "address": orjson.loads(row[column]), "until": at.isoformat(), "version": change.version - 1})
    row[column] = orjson.dumps(dict(change.address)).decode()
    names = [orjson.loads(row.get(f"{one}_address") or "{}").get("name") for one in ("billing", "shipping")]
    values = {
        "order_number": number,
        column: row[column],
        "history": orjson.dumps(history).decode(),
        "version": change.version,
        # Who is to receive it now is whom staff will look for.
        "search": searchable(row.get("name"), *names, row.get("email")),
    }
    bulk.upsert(connection, table, [values])


def write_timers(connection: Connection, rows: Sequence[Mapping[str, Any]], gone: Sequence[str]) -> None:
    """Set or take back the timers of orders, one order.expire each."""
    bulk.insert(connection, tables.timers, rows, suffix="ON CONFLICT (order_number, kind) DO UPDATE SET due_at = excluded.due_at")
    if gone:
        source, parameters = bulk.keys(connection, number=sorted(gone))
        connection.execute(
            text(f"DELETE FROM timers WHERE kind = 'order.expire' AND order_number IN (SELECT number FROM {source})"), parameters
        )


def exception_of(connection: Connection, row_id: int) -> tuple[str, str, str] | None:
    """Find an open exception by its row: (order, kind, key)."""
    statement = text("SELECT order_number, kind, key FROM exceptions WHERE id = :id AND resolved_at IS NULL")
    row = connection.execute(statement, {"id": row_id}).first()
    return None if row is None else (row[0], row[1], row[2])


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
