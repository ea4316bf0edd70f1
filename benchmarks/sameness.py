"""The peers must publish what the hub publishes: checked on one order before anything is measured."""

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import text

from adapters.contract import RawDelivery
from benchmarks.arena import settings
from benchmarks.peers.pix import EVENTS_PER_CAPTURE, Order, PixCallback, capture
from hub.bootstrap import load_adapters
from hub.engine.deliveries import Delivery
from hub.engine.engine import Engine
from hub.store import bulk, schema
from hub.store.database import Database
from tests.traffic import pix, placed

_NUMBER = "000000001"
_NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class PeersDiffer(RuntimeError):
    """The hub's events are other ones now: benchmarks/peers/pix.py must follow."""


def require() -> None:
    """Run one order through the engine in memory. Raises: PeersDiffer."""
    url = "sqlite:///:memory:"
    database = Database.open(url)
    try:
        schema.upgrade(database)
        engine = Engine(database, load_adapters(), settings(url), clock=lambda: _NOW)
        engine.process([_delivery(placed(_NUMBER))])
        columns = (
            "number, state, status, total_cents, o.version, sequence, status_sequence, customer_id, email, name, placed_at, shipping_cents"
        )
        lines = (
            "json_group_array(json_object('sku', i.sku, 'quantity', i.quantity, 'unit_price_cents', i.unit_price_cents, "
            "'total_cents', i.quantity * i.unit_price_cents, 'name', i.name))"
        )
        there = "orders o JOIN order_personal p ON p.order_number = o.number"
        with database.read() as connection:
            row = list(connection.execute(text(f"SELECT {columns}, (SELECT {lines} FROM order_items i) FROM {there}")).one())
        row[10] = bulk.instant(row[10])
        order = Order(*row)
        engine.process([_delivery(pix(_NUMBER))])
        with database.read() as connection:
            stored = connection.execute(text("SELECT routing_key, message_id, body FROM outbox ORDER BY id")).all()
    finally:
        database.dispose()
    received = PixCallback.model_validate_json(pix(_NUMBER).body).pix[0]
    peers = [(event.routing_key, event.message_id, _document(event.body)) for event in capture(received, order, _NOW).events]
    hubs = [(key, message_id, _document(body)) for key, message_id, body in stored[-EVENTS_PER_CAPTURE:]]
    for ours, theirs in zip(hubs, peers, strict=True):
        if ours != theirs:
            raise PeersDiffer(f"the hub publishes {ours}, the peers {theirs}")


def _document(body: str | bytes) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(body)
    return found


def _delivery(message: Any) -> Delivery:
    return Delivery(message.key, RawDelivery(message.body, {}, _NOW, message.key))
