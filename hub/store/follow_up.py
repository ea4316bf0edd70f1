"""Queries behind the follow-up lists: invoices, parcels, refunds and movements of money over all orders."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Column, ColumnElement, Connection, FromClause, Select, Table, and_, case, false, func, or_, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from hub.store.lists import of_customer, parts, rows, word_fits
from hub.store.tables import comments, invoices, order_personal, orders, refunds, shipment_tracks, shipments, transactions

Columns = ReadOnlyColumnCollection[str, Any]
"""Columns of the list's table, or of a page cut out of it."""

ARRIVED: Final = ("delivered", "returned", "canceled")
"""States of a parcel after which nobody waits for word of it."""

TROUBLED: Final = ("delivery_difficulty", "on_hold", "returning", "lost_suspected", "lost", "damaged")
"""States of a parcel that ask for a person, however fresh they are."""


@dataclass(frozen=True, slots=True)
class FollowUpFilter:
    """What a follow-up list is narrowed down to; all that is set must fit.

    `order` is a number, or the beginning of many with a final `*`. `since` and `until` compare with the list's own time, `until` is
    exclusive. Amounts are cents. `words`: column -> values of which one must be met. `flags`: column -> value.
    """

    order: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    customer: str | None = None
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)
    track: str | None = None
    late_before: datetime | None = None
    only_late: bool = False
    only_trouble: bool = False


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One follow-up list: its table, the column of its time, that of its amount, and what is read beside its rows."""

    table: Table
    at: Column[datetime]
    key: Column[str]
    amount: Column[int] | None
    complete: Callable[[Connection, list[dict[str, Any]], FollowUpFilter], list[dict[str, Any]]]

    def page(self, connection: Connection, wanted: FollowUpFilter, *, limit: int | None = None, offset: int = 0) -> list[dict[str, Any]]:
        """Read one page, the newest first; of parcels those in trouble and late before all others."""
        return self.complete(connection, rows(connection, self._page(wanted, limit, offset)), wanted)

    def stream(self, connection: Connection, wanted: FollowUpFilter) -> Iterator[dict[str, Any]]:
        """Read all rows as pages give them, a few hundred held at a time."""
        for part in parts(connection, self._statement(self.table, wanted).where(*self._conditions(wanted))):
            yield from self.complete(connection, part, wanted)

    def named(self, connection: Connection, word: str, wanted: FollowUpFilter) -> list[dict[str, Any]]:
        """Read what a word names: all of an order, else what bears this key, else (parcels) this tracking number."""
        ways: list[ColumnElement[bool]] = [self.table.c.order_number == word, self.key == word]
        if self.table is shipments:
            ways.insert(1, _tracked(word))
        for way in ways:
            found = rows(connection, self._statement(self.table, wanted).where(way))
            if found:
                return self.complete(connection, found, wanted)
        return []

    def sums(self, connection: Connection, wanted: FollowUpFilter) -> tuple[int, int | None]:
        """Count the rows of a filter and add up their amounts, in cents; parcels have none."""
        columns: list[ColumnElement[Any]] = [func.count()]
        if self.amount is not None:
            columns.append(func.coalesce(func.sum(self.amount), 0))
        found = connection.execute(select(*columns).select_from(self.table).where(*self._conditions(wanted))).one()
        return int(found[0]), int(found[1]) if len(found) > 1 else None

    def _page(self, wanted: FollowUpFilter, limit: int | None, offset: int) -> Select[Any]:
        # The page is cut before anything is joined to it: else a million rows get their names, and fifty are shown.
        cut = select(self.table).where(*self._conditions(wanted)).order_by(*self._order(self.table.c, wanted)).limit(limit).offset(offset)
        return self._statement(cut.subquery("page"), wanted)

    def _statement(self, source: FromClause, wanted: FollowUpFilter) -> Select[Any]:
        of_order = source.c.order_number
        joined = source.join(orders, orders.c.number == of_order).outerjoin(order_personal, order_personal.c.order_number == of_order)
        beside = (orders.c.placed_at, order_personal.c.name.label("customer"), order_personal.c.shipping_address)
        return select(source, *beside).select_from(joined).order_by(*self._order(source.c, wanted))

    def _conditions(self, wanted: FollowUpFilter) -> list[ColumnElement[bool]]:
        of_order = self.table.c.order_number
        conditions: list[ColumnElement[bool]] = [self.table.c[name].in_(values) for name, values in wanted.words.items() if values]
        conditions += [self.table.c[name].is_(value) for name, value in wanted.flags.items()]
        if wanted.order is not None:
            conditions.append(word_fits(of_order, wanted.order))
        if wanted.since is not None:
            conditions.append(self.at >= wanted.since)
        if wanted.until is not None:
            conditions.append(self.at < wanted.until)
        if self.amount is not None and wanted.amount_min is not None:
            conditions.append(self.amount >= wanted.amount_min)
        if self.amount is not None and wanted.amount_max is not None:
            conditions.append(self.amount <= wanted.amount_max)
        if wanted.customer is not None:
            conditions.append(of_customer(of_order, wanted.customer))
        if wanted.track is not None:
            conditions.append(_tracked(wanted.track))
        if wanted.only_late or wanted.only_trouble:
            asked = [
                *([_late(shipments.c, wanted)] if wanted.only_late else []),
                *([_troubled(shipments.c)] if wanted.only_trouble else []),
            ]
            conditions.append(or_(*asked))
        return conditions

    def _order(self, columns: Columns, wanted: FollowUpFilter) -> Sequence[ColumnElement[Any]]:
        last = (columns["order_number"], columns[self.key.name])
        if self.table is not shipments:
            return (columns[self.at.name].desc(), *last)
        troubled, late = _troubled(columns), _late(columns, wanted)
        # Of what a person must look at the longest silence comes first, of the rest the newest word.
        silence = case((or_(troubled, late), columns["updated_at"]))
        return (case((troubled, 0), (late, 1), else_=2), silence, columns["updated_at"].desc(), *last)


def _troubled(columns: Columns) -> ColumnElement[bool]:
    found: ColumnElement[bool] = columns["state"].in_(TROUBLED)
    return found


def _late(columns: Columns, wanted: FollowUpFilter) -> ColumnElement[bool]:
    if wanted.late_before is None:
        return false()
    return and_(columns["state"].not_in(ARRIVED), columns["updated_at"] < wanted.late_before)


def _tracked(number: str) -> ColumnElement[bool]:
    tracked = (shipment_tracks.c.order_number == shipments.c.order_number, shipment_tracks.c.shipment_id == shipments.c.id)
    return select(1).where(*tracked, word_fits(shipment_tracks.c.number, number)).exists()


def _with_customer(_: Connection, found: list[dict[str, Any]], __: FollowUpFilter) -> list[dict[str, Any]]:
    for row in found:
        address = row.pop("shipping_address")
        row["ship_to"] = (orjson.loads(address).get("name") if address else None) or row["customer"]
    return found


def _refunds(connection: Connection, found: list[dict[str, Any]], wanted: FollowUpFilter) -> list[dict[str, Any]]:
    for row in _with_customer(connection, found, wanted):
        row["detail"] = orjson.loads(row["detail"])
    return found


def _invoices(connection: Connection, found: list[dict[str, Any]], wanted: FollowUpFilter) -> list[dict[str, Any]]:
    for row in _with_customer(connection, found, wanted):
        row["captures"] = orjson.loads(row["captures"])
    return found


def _shipments(connection: Connection, found: list[dict[str, Any]], wanted: FollowUpFilter) -> list[dict[str, Any]]:
    tracks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    names = ("number", "carrier", "title", "url")
    statement = select(shipment_tracks).where(shipment_tracks.c.order_number.in_({row["order_number"] for row in found}))
    for track in connection.execute(statement.order_by(shipment_tracks.c.number)).mappings():
        tracks.setdefault((track["order_number"], track["shipment_id"]), []).append({name: track[name] for name in names})
    for row in _with_customer(connection, found, wanted):
        row["items"] = [{"sku": sku, "quantity": quantity} for sku, quantity in orjson.loads(row["items"])]
        row["quantity"] = sum(item["quantity"] for item in row["items"])
        row["tracks"] = tracks.get((row["order_number"], row["id"]), [])
        row["trouble"] = row["state"] in TROUBLED
        row["late"] = wanted.late_before is not None and row["state"] not in ARRIVED and row["updated_at"] < wanted.late_before
    return found


INVOICES: Final = FollowUp(invoices, invoices.c.created_at, invoices.c.number, invoices.c.total_cents, _invoices)
SHIPMENTS: Final = FollowUp(shipments, shipments.c.updated_at, shipments.c.id, None, _shipments)
REFUNDS: Final = FollowUp(refunds, refunds.c.created_at, refunds.c.id, refunds.c.amount_cents, _refunds)
TRANSACTIONS: Final = FollowUp(transactions, transactions.c.occurred_at, transactions.c.key, transactions.c.amount_cents, _with_customer)


def remarks(connection: Connection, order: str, kind: str, key: str) -> list[dict[str, Any]]:
    """Read the comments on one document, oldest first."""
    statement = select(comments).where(comments.c.order_number == order, comments.c.document.is_not(None)).order_by(comments.c.id)
    names = ("text", "actor", "notified", "visible")
    return [
        {"at": row["created_at"], **{name: row[name] for name in names}}
        for row in rows(connection, statement)
        if orjson.loads(row["document"]) == {"kind": kind, "id": key}
    ]
