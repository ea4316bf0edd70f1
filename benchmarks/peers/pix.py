"""The work both peers do, without I/O: the typed callback, and the four events of a captured Pix exactly as the hub publishes them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict

from hub.engine.order_state import event_id

SOURCE: Final = "payments.pix"
EVENTS_PER_CAPTURE: Final = 4


class PixReceived(BaseModel):
    """One Pix of a callback; what the peers do not read is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    endToEndId: str
    txid: str
    valor: Decimal
    horario: AwareDatetime


class PixCallback(BaseModel):
    """The body of a Pix callback."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pix: tuple[PixReceived, ...]


ORDER_COLUMNS: Final = """
    o.number, o.state, o.status, o.total_cents, o.version, o.sequence, o.status_sequence, o.customer_id,
    p.email, p.name, o.placed_at, o.shipping_cents, (
        SELECT json_agg(json_build_object('sku', i.sku, 'quantity', i.quantity, 'unit_price_cents', i.unit_price_cents,
            'total_cents', i.quantity * i.unit_price_cents, 'name', i.name) ORDER BY i.line)::text
        FROM order_items i WHERE i.order_number = o.number
    )"""
"""What both peers select, `o` being orders and `p` order_personal; the fields of `Order` in their order."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the peers read of the order a txid belongs to. `items`: JSON, one object a line, as the notice shows it."""

    number: str
    state: str
    status: str
    total_cents: int
    version: int
    sequence: int
    status_sequence: int
    customer_id: str | None
    email: str | None
    name: str | None
    placed_at: datetime
    shipping_cents: int
    items: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event ready to be published."""

    routing_key: str
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """Everything that follows from one Pix for a new order that is paid in full by it: the values of rows, and the events."""

    order: Order
    event_id: str
    cents: int
    occurred_at: datetime
    recorded_at: datetime
    transaction_key: str
    invoice: str
    fact: str
    log_events: str
    events: tuple[Event, ...]


def cents_of(value: Decimal) -> int:
    """Turn reais into cents."""
    return int(value * 100)


def capture(received: PixReceived, order: Order, now: datetime) -> Capture:
    """Work out one capture. No rules: neither amounts nor states are judged."""
    occurred_at = received.horario.astimezone(UTC)
    e2e, cents, number = received.endToEndId, cents_of(received.valor), order.number
    key, invoice = f"pix|e2:{e2e}:capture", f"F-{number}"
    cause = {"kind": "payment.captured", "source": SOURCE, "event_id": e2e}
    label = "Faturado (aprovado)"
    bodies: tuple[tuple[str, dict[str, Any]], ...] = (
        (
            "payment.captured",
            {
                "kind": "payment.captured",
                "payment": "p1",
                "provider": "pix",
                "method": "pix",
                "payment_key": {"kind": "e2e", "value": e2e},
                "amount_cents": cents,
                "paid_cents": cents,
            },
        ),
        ("invoice.created", {"invoice": invoice, "total_cents": order.total_cents, "captures": [key]}),
        (
            "order.status_changed.processing",
            {
                "status_sequence": order.status_sequence + 1,
                "from": {"state": order.state, "status": order.status},
                "to": {"state": "processing", "status": "processing"},
                "label": label,
            },
        ),
        (
            "notification.requested.email.order_approved",
            {
                "key": f"{number}:order_approved",
                "channel": "email",
                "template": "order_approved",
                "locale": "pt-BR",
                "context": {
                    "label": label,
                    "total_cents": order.total_cents,
                    "items": orjson.loads(order.items),
                    "shipping_cents": order.shipping_cents,
                    "placed_at": order.placed_at.astimezone(UTC).isoformat(),
                    "captured_cents": cents,
                    "payments": [{"payment": "p1", "method": "pix", "amount_cents": cents}],
                    "customer_name": order.name,
                },
                "document": {"kind": "invoice", "id": f"F-{number}"},
                "recipient": order.email,
            },
        ),
    )
    times = {"occurred_at": occurred_at.isoformat(), "recorded_at": now.isoformat()}
    events = tuple(
        [
            Event(
                routing_key,
                event_id(number, order.sequence + step),
                orjson.dumps(
                    {
                        "order": number,
                        "sequence": order.sequence + step,
                        **body,
                        "cause": cause,
                        "customer_id": order.customer_id,
                        **times,
                    }
                ),
            )
            for step, (routing_key, body) in enumerate(bodies, start=1)
        ]
    )
    fact = {
        "amount_cents": cents,
        "event_id": e2e,
        "kind": "payment.captured",
        "method": "pix",
        "occurred_at": occurred_at.isoformat(),
        "paid_cents": cents,
        "payment_key": {"kind": "e2e", "value": e2e},
        "provider": "pix",
        "references": [{"kind": "txid", "value": received.txid}, {"kind": "e2e", "value": e2e}],
    }
    log_events = [[order.sequence + step, event.routing_key, event.message_id] for step, event in enumerate(events, start=1)]
    return Capture(
        order,
        e2e,
        cents,
        occurred_at,
        now,
        key,
        invoice,
        orjson.dumps(fact).decode(),
        orjson.dumps(log_events).decode(),
        events,
    )
