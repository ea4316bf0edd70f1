"""The shop's own messages, key shop.orders: order.placed.v1 and order.canceled.v1. Source: contract.md, Canonical shop messages.

Amounts: integer cents. Times: ISO 8601 with offset. Event id: the message's `id`, which the shop keeps when it sends again.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.contract import Adapter, Facts, PayloadMalformed, RawDelivery, unsigned
from adapters.parsing import load_json, read, read_object
from schemas.facts import OrderFact
from schemas.orders import OrderCanceledMessage, OrderPlacedMessage
from schemas.references import Reference

PROVIDER: Final = "shop"


def _placed(document: dict[str, Any], delivery: RawDelivery) -> OrderFact:
    message = read(OrderPlacedMessage, document)
    order = message.order
    # The whole order rides in the fact, customer and addresses too: the engine moves them to order_personal.
    return OrderFact(
        kind="order.placed",
        event_id=message.id,
        provider=PROVIDER,
        references=(Reference(kind="order_number", value=order.number),),
        occurred_at=order.placed_at,
        number=order.number,
        order=order,
    )


def _canceled(document: dict[str, Any], delivery: RawDelivery) -> OrderFact:
    message = read(OrderCanceledMessage, document)
    order = message.order
    return OrderFact(
        kind="order.canceled",
        event_id=message.id,
        provider=PROVIDER,
        references=(Reference(kind="order_number", value=order.number),),
        occurred_at=order.canceled_at or delivery.received_at,
        occurred_at_assumed=order.canceled_at is None,
        reason=order.reason,
        number=order.number,
    )


READERS: Final[Mapping[str, Callable[[dict[str, Any], RawDelivery], OrderFact]]] = {
    "order.placed.v1": _placed,
    "order.canceled.v1": _canceled,
}


def translate(delivery: RawDelivery) -> Facts:
    """Translate one message of the shop.

    A type or version we do not know is unreadable, not ignored: this is our own language, so the shop means something that
    nobody would see otherwise.
    Raises: PayloadMalformed.
    """
    document = read_object(load_json(delivery.body, delivery.content_type), "body")
    word = document.get("type")
    reader = READERS.get(word) if isinstance(word, str) else None
    if reader is None:
        known = ", ".join(READERS)
        given = f"{word[:80]!a} is not a known type and version" if isinstance(word, str) else "missing or not a text"
        raise PayloadMalformed(f"type: {given}; known are {known}")
    fact = reader(document, delivery)
    return Facts((fact,), delivery_id=fact.event_id)


ADAPTER: Final = Adapter(
    name="shop.orders",
    translate=translate,
    verify=unsigned,  # the shop is an authenticated AMQP user
    docs="contract.md, Canonical shop messages",
    statuses=tuple(READERS),
    body_identifies_event=True,
    amount_format="integer cents",
    time_zone="offset in every time",
)
