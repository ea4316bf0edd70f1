"""Queries behind the lists: orders with the shop panel's filters, and what waits for a person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Column, ColumnElement, Connection, FromClause, Row, Select, and_, delete, func, not_, or_, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from hub.store.folding import folded
from hub.store.tables import (
    dead_letters,
    exceptions,
    order_items,
    order_personal,
    orders,
    outbound_requests,
    outbox,
    parked_facts,
)
from schemas.commands import DeadLetterFilter

SORTS: Final[Mapping[str, Column[Any]]] = {
    "placed": orders.c.placed_at,
    "updated": orders.c.updated_at,
    "number": orders.c.number,
    "total": orders.c.total_cents,
    "paid": orders.c.captured_cents,
    "status": orders.c.status,
}
"""What a list of orders can be sorted by; a leading `-` turns it round."""

_ORDER_COLUMNS: Final = (
    orders.c.number, orders.c.placed_at, orders.c.updated_at, orders.c.state, orders.c.status, orders.c.payment_state,
    orders.c.fulfilment_state, orders.c.fiscal_state, orders.c.total_cents, orders.c.due_cents, orders.c.captured_cents,
    orders.c.refunded_cents, orders.c.charged_back_cents, orders.c.customer_id, orders.c.shipping_carrier, orders.c.shipping_service,
    orders.c.version, orders.c.parent, orders.c.child,
)  # fmt: skip

# Letters that may stand for an accented one: any text may stand in their place in the database's own comparison.
_ACCENTED: Final = frozenset("aeiouycn")
_CHUNK: Final = 500


def rows(connection: Connection, statement: Select[Any]) -> list[dict[str, Any]]:
    """Read rows as plain dictionaries."""
    # Names of columns are a kind of text of SQLAlchemy's own, which no JSON writer knows.
    return [{str(name): value for name, value in row.items()} for row in connection.execute(statement).mappings()]


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Filters R17 to R25 of the shop's panel; all that are set must fit. `placed_to` is exclusive, amounts are cents."""

    numbers: tuple[str, ...] | None = None
    number: str | None = None
    product: str | None = None
    sku: str | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    customer: str | None = None
    delivery: str | None = None
    total_min: int | None = None
    total_max: int | None = None
    paid_min: int | None = None
    paid_max: int | None = None
    statuses: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()


def _order_conditions(connection: Connection, wanted: OrderFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.numbers is not None:
        conditions.append(orders.c.number.in_(wanted.numbers))
    if wanted.number is not None:
        conditions.append(word_fits(orders.c.number, wanted.number))
    if wanted.product is not None:
        names = _product_names(connection, wanted.product)
        conditions.append(_with_item("with_product", order_items.c.name.in_(names)))
    if wanted.sku is not None:
        conditions.append(_with_item("with_sku", word_fits(order_items.c.sku, wanted.sku)))
    if wanted.customer is not None:
        conditions.append(of_customer(orders.c.number, wanted.customer))
    if wanted.delivery is not None:
        carrier = orders.c.shipping_carrier == wanted.delivery.lower()
        conditions.append(or_(carrier, func.lower(orders.c.shipping_service).contains(wanted.delivery.lower(), autoescape=True)))
    for column, least, most in (
        (orders.c.total_cents, wanted.total_min, wanted.total_max),
        (orders.c.captured_cents, wanted.paid_min, wanted.paid_max),
    ):
        if least is not None:
            conditions.append(column >= least)
        if most is not None:
            conditions.append(column <= most)
    if wanted.placed_from is not None:
        conditions.append(orders.c.placed_at >= wanted.placed_from)
    if wanted.placed_to is not None:
        conditions.append(orders.c.placed_at < wanted.placed_to)
    if wanted.statuses:
        conditions.append(orders.c.status.in_(wanted.statuses))
    if wanted.exceptions:
        troubled = select(exceptions.c.order_number).where(exceptions.c.resolved_at.is_(None), exceptions.c.kind.in_(wanted.exceptions))
        conditions.append(orders.c.number.in_(troubled))
    return conditions


def _with_item(name: str, fits: ColumnElement[bool]) -> ColumnElement[bool]:
    # Found first and kept: PostgreSQL would else walk the orders by date and look into the items of each, which takes seconds at a
    # million orders when those that fit are old (docs/performance.md).
    found = select(order_items.c.order_number).distinct().where(fits).cte(name).prefix_with("MATERIALIZED")
    return orders.c.number.in_(select(found.c.order_number))


def of_customer(number: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Compare with the names and e-mail of the customer, word by word, so that a second name in between does not hide anybody."""
    words = [order_personal.c.search.contains(word, autoescape=True) for word in folded(text).split()]
    return number.in_(select(order_personal.c.order_number).where(and_(True, *words)))


def word_fits(column: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """Compare exactly, or by what stands before a final `*`. Case as typed, or all upper, so that an index can serve."""
    if word.endswith("*"):
        begin = word[:-1]
        return or_(*(column.startswith(form, autoescape=True) for form in sorted({begin, begin.upper()})))
    return column.in_(sorted({word, word.upper()}))


def _product_names(connection: Connection, text: str) -> list[str]:
    """Find the product names that hold a text, accents and case aside.

    The database narrows the names down, Python decides: neither dialect folds accents, and there are few distinct names.
    """
    words = folded(text).split()
    statement = select(order_items.c.name).distinct()
    for word in words:
        statement = statement.where(func.lower(order_items.c.name).like(_pattern(word), escape="\\"))
    return [row[0] for row in connection.execute(statement) if all(word in folded(row[0]) for word in words)]


def _pattern(word: str) -> str:
    pieces = ["%" if ch in _ACCENTED or not ch.isascii() else f"\\{ch}" if ch in "%_\\" else ch for ch in word]
    return f"%{''.join(pieces)}%"


def list_orders(
    connection: Connection, wanted: OrderFilter, *, sort: str = "-placed", limit: int | None = None, offset: int = 0
) -> list[dict[str, Any]]:
    """Read one page of orders as plain rows: columns of the order, names, and the kinds of its open exceptions."""
    # The page is cut before names are joined to it: else, sorted by a column without an index, a million rows get theirs.
    conditions = _order_conditions(connection, wanted)
    cut = select(*_ORDER_COLUMNS).where(*conditions).order_by(*_sorted(orders.c, sort)).limit(limit).offset(offset)
    return _completed(connection, rows(connection, _named(cut.subquery("page"), sort)))


def stream_orders(connection: Connection, wanted: OrderFilter, *, sort: str = "-placed") -> Iterator[dict[str, Any]]:
    """Read all orders of a filter as the list gives them, with the names and SKUs of their items, a few hundred held at a time."""
    for part in parts(connection, _named(orders, sort).where(*_order_conditions(connection, wanted))):
        items = _items(connection, [row["number"] for row in part])
        for row in _completed(connection, part):
            names, skus = items.get(row["number"], ([], []))
            yield {**row, "products": names, "skus": skus}


def parts(connection: Connection, statement: Select[Any]) -> Iterator[list[dict[str, Any]]]:
    """Read rows in parts, by a cursor that stays in the database: one statement sees one state of it, however long it is read."""
    found = connection.execute(statement, execution_options={"yield_per": _CHUNK})
    for part in found.mappings().partitions():
        yield [{str(name): value for name, value in row.items()} for row in part]


def _named(source: FromClause, sort: str) -> Select[Any]:
    joined = source.outerjoin(order_personal, order_personal.c.order_number == source.c.number)
    columns = [source.c[column.name] for column in _ORDER_COLUMNS]
    return select(*columns, order_personal.c.name, order_personal.c.shipping_address).select_from(joined).order_by(*_sorted(source.c, sort))


def _sorted(columns: ReadOnlyColumnCollection[str, Any], sort: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    column = columns[SORTS[sort.removeprefix("-")].name]
    return (column.desc() if sort.startswith("-") else column.asc(), columns["number"])


def _completed(connection: Connection, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = _open_kinds(connection, [row["number"] for row in found])
    for row in found:
        address = row.pop("shipping_address")
        row["customer"] = row.pop("name")
        row["ship_to"] = (orjson.loads(address).get("name") if address else None) or row["customer"]
        row["exceptions"] = kinds.get(row["number"], [])
    return found


def _items(connection: Connection, numbers: Sequence[str]) -> dict[str, tuple[list[str], list[str]]]:
    columns = (order_items.c.order_number, order_items.c.name, order_items.c.sku)
    statement = select(*columns).where(order_items.c.order_number.in_(numbers)).order_by(order_items.c.order_number, order_items.c.line)
    found: dict[str, tuple[list[str], list[str]]] = {}
    for number, name, sku in connection.execute(statement):
        names, skus = found.setdefault(number, ([], []))
        names.append(name)
        skus.append(sku)
    return found


def _open_kinds(connection: Connection, numbers: Sequence[str]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for start in range(0, len(numbers), _CHUNK):
        statement = (
            select(exceptions.c.order_number, exceptions.c.kind)
            .where(exceptions.c.order_number.in_(numbers[start : start + _CHUNK]), exceptions.c.resolved_at.is_(None))
            .order_by(exceptions.c.id)
        )
        for number, kind in connection.execute(statement):
            kinds.setdefault(number, []).append(kind)
    return kinds


def count_orders(connection: Connection, wanted: OrderFilter) -> int:
    """Count the orders of a filter."""
    statement = select(func.count()).select_from(orders).where(*_order_conditions(connection, wanted))
    return int(connection.execute(statement).scalar_one())


def order_numbers(connection: Connection) -> list[str]:
    """Read the numbers of all orders, sorted."""
    return [row[0] for row in connection.execute(select(orders.c.number).order_by(orders.c.number))]


# -- what waits for a person ---------------------------------------------------------------------------------------------------


def list_exceptions(
    connection: Connection,
    *,
    order: str | None = None,
    kinds: Sequence[str] = (),
    resolved: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Read exceptions, oldest first; only open ones unless `resolved` asks for the settled ones. `until` is exclusive."""
    statement = exceptions_of(order=order, kinds=kinds, resolved=resolved, since=since, until=until)
    return rows(connection, statement.limit(limit).offset(offset))


def exceptions_of(
    *, order: str | None, kinds: Sequence[str], resolved: bool, since: datetime | None = None, until: datetime | None = None
) -> Select[Any]:
    """Say which exceptions are meant, oldest first."""
    statement = select(exceptions).where(exceptions.c.resolved_at.is_not(None) if resolved else exceptions.c.resolved_at.is_(None))
    if order is not None:
        statement = statement.where(exceptions.c.order_number == order)
    if kinds:
        statement = statement.where(exceptions.c.kind.in_(kinds))
    if since is not None:
        statement = statement.where(exceptions.c.opened_at >= since)
    if until is not None:
        statement = statement.where(exceptions.c.opened_at < until)
    return statement.order_by(exceptions.c.opened_at, exceptions.c.id)


def exception_by_id(connection: Connection, row_id: int) -> dict[str, Any] | None:
    """Read one exception, open or settled."""
    found = rows(connection, select(exceptions).where(exceptions.c.id == row_id))
    return found[0] if found else None


def _dead_conditions(wanted: DeadLetterFilter | None) -> list[ColumnElement[bool]]:
    status = (wanted.status if wanted is not None else None) or "open"
    conditions: list[ColumnElement[bool]] = [dead_letters.c.status == status]
    if wanted is None:
        return conditions
    for column, value in (
        (dead_letters.c.kind, wanted.kind),
        (dead_letters.c.origin, wanted.origin),
        (dead_letters.c.routing_key, wanted.routing_key),
        (dead_letters.c.adapter, wanted.adapter),
        (dead_letters.c.order_number, wanted.order),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.cause is not None:
        conditions.append(func.lower(dead_letters.c.cause).contains(wanted.cause.lower(), autoescape=True))
    if wanted.failed_from is not None:
        conditions.append(dead_letters.c.last_failed_at >= wanted.failed_from)
    if wanted.failed_to is not None:
        conditions.append(dead_letters.c.last_failed_at < wanted.failed_to)
    return conditions


# A body may have 8 MiB; lists do without it.
_DEAD_COLUMNS: Final = tuple(column for column in dead_letters.columns if column.name not in ("body", "traceback"))


def list_dead_letters(
    connection: Connection, wanted: DeadLetterFilter | None = None, *, after: int = 0, limit: int | None = None, offset: int = 0
) -> list[dict[str, Any]]:
    """Read dead letters without their bodies, oldest first; only open ones unless the filter says otherwise."""
    statement = select(*_DEAD_COLUMNS, func.length(dead_letters.c.body).label("size"))
    statement = statement.where(dead_letters.c.id > after, *_dead_conditions(wanted))
    return rows(connection, statement.order_by(dead_letters.c.id).limit(limit).offset(offset))


def dead_letter_ids(connection: Connection, wanted: DeadLetterFilter | None = None) -> list[int]:
    """Read the ids of a filter's dead letters, oldest first."""
    statement = select(dead_letters.c.id).where(*_dead_conditions(wanted)).order_by(dead_letters.c.id)
    return [row[0] for row in connection.execute(statement)]


def dead_letter_by_id(connection: Connection, row_id: int) -> RowMapping | None:
    """Read one dead letter with its body."""
    return connection.execute(select(dead_letters).where(dead_letters.c.id == row_id)).mappings().first()


def dead_letter_groups(connection: Connection, wanted: DeadLetterFilter | None = None) -> list[dict[str, Any]]:
    """Group dead letters by what they have in common, the largest group first."""
    common = (dead_letters.c.kind, dead_letters.c.origin, dead_letters.c.adapter, dead_letters.c.cause)
    count = func.count().label("count")
    statement = (
        select(
            *common,
            count,
            func.sum(dead_letters.c.attempts).label("attempts"),
            func.min(dead_letters.c.first_failed_at).label("first_failed_at"),
            func.max(dead_letters.c.last_failed_at).label("last_failed_at"),
            func.min(dead_letters.c.id).label("example"),
        )
        .where(*_dead_conditions(wanted))
        .group_by(*common)
        .order_by(count.desc(), *common)
    )
    return rows(connection, statement)


def dead_letter_document(row: Mapping[str, Any] | RowMapping) -> dict[str, Any]:
    """Write a dead letter as the contract shows it."""
    names = ("id", "kind", "cause", "origin", "routing_key", "adapter", "attempts", "body_sha256", "status")
    return {
        **{name: row[name] for name in names},
        "order": row["order_number"],
        "first_failed_at": row["first_failed_at"].isoformat(),
        "last_failed_at": row["last_failed_at"].isoformat(),
    }


def list_parked(connection: Connection, *, after: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """Read facts that wait for their order, oldest first, as the contract shows them."""
    statement = select(parked_facts).where(parked_facts.c.id > after).order_by(parked_facts.c.id).limit(limit)
    return [parked_document(row) for row in rows(connection, statement)]


def parked_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a parked fact as the contract shows it."""
    references = [{"kind": kind, "value": value, "scope": scope} for scope, kind, value in orjson.loads(row["references"])]
    return {"key": row["key"], "references": references, "kind": row["kind"], "since": row["parked_at"].isoformat()}


def list_outbound(connection: Connection, *, after: int = 0) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Read what is to be asked of providers: (resources to fetch, all other requests), as the contract shows them."""
    fetches: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    statement = select(outbound_requests).where(outbound_requests.c.id > after).order_by(outbound_requests.c.id)
    for row in connection.execute(statement).mappings():
        common = {"adapter": row["adapter"], "order": row["order_number"], "state": row["state"]}
        if row["action"] == "fetch":
            resource, _, resource_id = row["request_key"].partition(":")
            fetches.append({**common, "resource": resource, "resource_id": resource_id})
        else:
            others.append({**common, "id": row["id"], "action": row["action"], "parameters": orjson.loads(row["parameters"])})
    return fetches, others


# -- the outbox ----------------------------------------------------------------------------------------------------------------


_IS_EVENT: Final = not_(outbox.c.routing_key.like("hub.outbound/%"))
"""The outbox carries messages for hub.outbound too, which only name a row of outbound_requests."""


def outbox_events(connection: Connection) -> Iterator[dict[str, Any]]:
    """Read events that wait to be published, in the order in which they were written, as replay shows them."""
    after = 0
    while True:
        statement = select(outbox).where(outbox.c.id > after, _IS_EVENT).order_by(outbox.c.id).limit(_CHUNK)
        page: Sequence[Row[Any]] = connection.execute(statement).all()
        for row in page:
            body = orjson.loads(row.body)
            yield {
                "id": row.message_id,
                "routing_key": row.routing_key,
                "order": row.order_number,
                "sequence": body.get("sequence"),
                "body": body,
            }
        if len(page) < _CHUNK:
            return
        after = page[-1].id


def clear_outbox(connection: Connection) -> None:
    """Delete events that have reached their readers."""
    connection.execute(delete(outbox))


def outbox_backlog(connection: Connection) -> tuple[int, datetime | None]:
    """Return how many events wait to be published, and since when the oldest does."""
    count, oldest = connection.execute(select(func.count(), func.min(outbox.c.created_at)).where(_IS_EVENT)).one()
    return int(count), oldest
