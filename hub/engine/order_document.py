"""The JSON of one order (contract.md): what `hub orders show --json`, the reply of order.get and replay give."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Table, select
from sqlalchemy.engine import RowMapping

from hub.domain.judge import offered
from hub.domain.ledger import load
from hub.domain.tracking_pages import tracking_page
from hub.domain.view import AttemptView, View, view
from hub.engine import audit, status_catalog
from hub.engine.timeline import describe_entry
from hub.store.tables import (
    comments,
    exceptions,
    fiscal_documents,
    invoices,
    order_items,
    order_log,
    order_personal,
    order_references,
    orders,
    refunds,
    shipment_tracks,
    shipments,
    transactions,
)
from schemas.references import REFERENCE_KINDS


def _rows(connection: Connection, table: Table, number: str, *order_by: str) -> list[dict[str, Any]]:
    statement = select(table).where(table.c.order_number == number)
    for name in order_by:
        statement = statement.order_by(table.c[name])
    return [dict(row) for row in connection.execute(statement).mappings()]


def _pick(row: Mapping[str, Any] | RowMapping, names: Iterable[str]) -> dict[str, Any]:
    return {name: _plain(row[name]) for name in names}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def order_document(connection: Connection, number: str) -> dict[str, Any] | None:
    """Read everything the panel's detail page shows of one order; None when there is no such order."""
    row = connection.execute(select(orders).where(orders.c.number == number)).mappings().first()
    if row is None:
        return None
    statuses = status_catalog.load(connection)
    now = view(load(row["ledger"]), statuses)
    document = _pick(
        row,
        (
            "number", "state", "status", "base_state", "payment_state", "fulfilment_state", "fiscal_state", "total_cents", "due_cents",
            "captured_cents", "refunded_cents", "charged_back_cents", "version", "placed_at", "updated_at", "parent", "child",
            "discount_cents",
        ),
    )  # fmt: skip
    document |= {
        "label": now.label,
        "shipping": {"carrier": row["shipping_carrier"], "service": row["shipping_service"], "amount_cents": row["shipping_cents"]},
        "statuses": list(statuses.assigned.get(row["state"], ())),
        "hold_reasons": list(now.hold_reasons),
        "remaining_cents": now.remaining_cents,
        "attention": list(now.attention),
        # Of what hangs on the time there is no clock here; order.get adds it.
        "allowed_actions": list(offered(now, frozenset(orjson.loads(row["done"])), row["placed_at"])),
        "items": _items(connection, number, now),
        "payments": _payments(connection, number, now),
        "invoices": [
            {**_pick(one, ("number", "total_cents", "created_at", "email_sent")), "captures": orjson.loads(one["captures"])}
            for one in _rows(connection, invoices, number)
        ],
        "shipments": _shipments(connection, number),
        "refunds": [
            {
                **_pick(one, ("id", "payment", "state", "amount_cents", "mode", "method", "created_at", "updated_at")),
                "detail": orjson.loads(one["detail"]),
            }
            for one in _rows(connection, refunds, number, "created_at", "id")
        ],
        "transactions": [
            {
                **_pick(one, ("key", "kind", "payment", "parent", "provider", "method", "amount_cents", "closed")),
                "at": _plain(one["occurred_at"]),
            }
            for one in _rows(connection, transactions, number, "occurred_at", "key")
        ],
        "fiscal_documents": [
            _pick(one, ("id", "access_key", "number", "series", "state", "evidence", "total_cents", "issued_at"))
            for one in _rows(connection, fiscal_documents, number, "id")
        ],
        "exceptions": [exception_document(one) for one in _rows(connection, exceptions, number, "id") if one["resolved_at"] is None],
        "comments": [
            {
                "id": one["id"],
                "at": _plain(one["created_at"]),
                "document": orjson.loads(one["document"]) if one["document"] else None,
                **_pick(one, ("text", "status", "actor", "notified", "visible")),
            }
            for one in _rows(connection, comments, number, "id")
        ],
        "timeline": _timeline(connection, number),
    }
    document |= _personal(connection, number, row["customer_id"])
    return document


def payment_methods(connection: Connection, numbers: Sequence[str]) -> dict[str, list[str]]:
    """Say by which means each order is, or may be, paid: those that brought money, else those that still may, else all."""
    found: dict[str, list[str]] = {}
    for number, ledger in connection.execute(select(orders.c.number, orders.c.ledger).where(orders.c.number.in_(numbers))):
        attempts = view(load(ledger)).attempts
        chosen = [one for one in attempts if one.captured_cents] or [one for one in attempts if one.live] or attempts
        found[number] = list(dict.fromkeys(one.method for one in chosen))
    return found


def exception_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write an exception as the contract shows it."""
    return {
        "id": row["id"],
        "kind": row["kind"],
        "order": row["order_number"],
        "key": row["key"],
        "opened_at": _plain(row["opened_at"]),
        "detail": orjson.loads(row["detail"]),
        "resolve_with": orjson.loads(row["resolve_with"]),
    }


def _items(connection: Connection, number: str, now: View) -> list[dict[str, Any]]:
    names = ("sku", "name", "quantity", "unit_price_cents", "virtual")
    return [
        {
            **_pick(one, names),
            "virtual": bool(one["virtual"]),
            "shipped": line.shipped,
            "refunded": line.refunded,
            "canceled": line.canceled,
        }
        for one, line in zip(_rows(connection, order_items, number, "line"), now.lines, strict=True)
    ]


def _payments(connection: Connection, number: str, now: View) -> list[dict[str, Any]]:
    held = [one for one in _rows(connection, order_references, number, "kind", "value") if one["kind"] != "order_number"]
    return [
        {
            "id": one.id,
            "method": one.method,
            "provider": one.provider,
            "references": _references(one, held),
            "state": one.state,
            "captured_cents": one.captured_cents,
            "amount_cents": one.amount_cents,
            "refunded_cents": one.refunded_cents,
            "charged_back_cents": one.charged_back_cents,
            "due_at": _plain(one.due_at),
        }
        for one in now.attempts
    ]


def _references(attempt: AttemptView, held: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Name an attempt's references with their scopes; a bare one stands under the kinds it was registered with."""
    values = {item.value for item in attempt.references}
    found = [_pick(one, ("kind", "value", "scope")) for one in held if one["value"] in values]
    named = {(one["kind"], one["value"]) for one in found}
    # What the order has only learned of is not bound to it when another order claims it too.
    found += [
        {"kind": item.kind, "value": item.value, "scope": attempt.provider}
        for item in attempt.references
        if item.kind in REFERENCE_KINDS and (item.kind, item.value) not in named
    ]
    return found


def _shipments(connection: Connection, number: str) -> list[dict[str, Any]]:
    tracks: dict[str, list[dict[str, Any]]] = {}
    for track in _rows(connection, shipment_tracks, number, "number"):
        tracks.setdefault(track["shipment_id"], []).append(_pick(track, ("number", "carrier", "title", "url")))
    return [
        {
            **_pick(one, ("id", "carrier", "state", "created_at", "updated_at")),
            "items": [{"sku": sku, "quantity": quantity} for sku, quantity in orjson.loads(one["items"])],
            "tracks": [
                {**track, "url": track["url"] or tracking_page(track["number"], track["carrier"] or one["carrier"])}
                for track in tracks.get(one["id"], [])
            ],
        }
        for one in _rows(connection, shipments, number, "created_at", "id")
    ]


def _timeline(connection: Connection, number: str) -> list[dict[str, Any]]:
    acts = audit.of_order(connection, number)
    lines: list[dict[str, Any]] = []
    for row in _rows(connection, order_log, number, "position"):
        events, body = orjson.loads(row["events"]), orjson.loads(row["body"])
        act = acts.get(row["position"], {})
        lines.append(
            {
                "at": _plain(row["occurred_at"]),
                "kind": row["kind"],
                "text": describe_entry(row["kind"], body),
                "source": row["source"],
                "actor": row["actor"],
                "event_id": row["source_event_id"],
                "sequence": events[-1][0] if events else None,
                "reason": body.get("reason"),
                **act,
            }
        )
    return lines


def _personal(connection: Connection, number: str, customer_id: str | None) -> dict[str, Any]:
    rows = _rows(connection, order_personal, number)
    customer: dict[str, Any] = {"id": customer_id}
    if not rows:
        return {"customer": customer, "billing_address": None, "shipping_address": None}
    row = rows[0]
    customer |= {name: row[name] for name in ("name", "email", "document", "phone") if row[name] is not None}
    return {
        "customer": customer,
        "billing_address": orjson.loads(row["billing_address"]) if row["billing_address"] else None,
        "shipping_address": orjson.loads(row["shipping_address"]) if row["shipping_address"] else None,
    }
