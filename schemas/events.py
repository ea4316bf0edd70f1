"""Events on hub.events: one model per routing key family, versioned type names, CloudEvents headers.

The engine publishes plain dictionaries; these models are their schema, and a test holds the two together. They refuse unknown
fields so that the test notices a field that nobody described. The published JSON Schemas do not: inside a version fields are
only added, and consumers ignore what they do not know.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from schemas.base import Cents, Flag, Identifier, Instant, Message, OrderNumber, PaymentMethod, Text, Word
from schemas.commands import RefundLine, RefundMethod
from schemas.facts.fiscal import FISCAL_KINDS, FiscalKind
from schemas.facts.payments import PAYMENT_KINDS, PaymentKind
from schemas.facts.shipments import SHIPMENT_KINDS, ShipmentKind, SkuQuantity, Track
from schemas.notices import NoticeContext
from schemas.orders import OrderContent, PlacedOrder
from schemas.references import Reference
from schemas.vocabulary import (
    EXCEPTION_KINDS,
    NOTIFICATION_TEMPLATES,
    DocumentKind,
    ExceptionKind,
    FiscalState,
    FulfilmentState,
    NotificationChannel,
    NotificationTemplate,
    OrderState,
    RejectionCode,
)

Sequence = Annotated[int, Field(strict=True, ge=1)]

RefundEventKind = Literal["refund.requested", "refund.done", "refund.failed"]


class Cause(Message):
    """What made it happen: a fact or a command. `source` is the inbound key, or hub.commands; `event_id` the fact's or command's id."""

    kind: Identifier
    source: Identifier
    event_id: Identifier | None = None
    actor: Identifier | None = None


class Event(Message):
    """What every event carries. Its id is the AMQP message_id, stable over resends."""

    # Built on first use: whoever only asks for a type name does not pay for twenty models.
    model_config = ConfigDict(defer_build=True, serialize_by_alias=True)

    occurred_at: Instant
    recorded_at: Instant


class OrderEvent(Event):
    """An event of one order. `sequence` counts all events of the order without gaps."""

    order: OrderNumber
    sequence: Sequence
    customer_id: Identifier | None = None
    cause: Cause


class OrderPlacedEvent(OrderEvent):
    """order.placed. Carries personal data. `parent` is the order that an edit replaced."""

    parent: OrderNumber | None = None
    content: PlacedOrder


class StatusPoint(Message):
    """A state and the status shown for it."""

    state: OrderState
    status: Word


class OrderStatusChangedEvent(OrderEvent):
    """order.status_changed.<status>. `status_sequence` counts the order's status changes without gaps; `from` is null at placement."""

    status_sequence: Sequence
    from_: StatusPoint | None = Field(alias="from")
    to: StatusPoint
    label: Text


class OrderEditedEvent(OrderEvent):
    """order.edited, of the order that was replaced. Carries personal data. `child` is the new order."""

    child: OrderNumber
    content: OrderContent


class DocumentReference(Message):
    """One document of the order."""

    kind: DocumentKind
    id: Identifier


class OrderCommentedEvent(OrderEvent):
    """order.commented. The text stays in the hub, since it may name a person; `comment` is its id."""

    comment: Annotated[int, Field(strict=True, ge=1)] | None = None
    document: DocumentReference | None = None
    status: Word | None = None
    notify: Flag = False
    visible: Flag = False


class PaymentEvent(OrderEvent):
    """payment.<kind>. Figures are the source's (see the payment fact); `payment` is the attempt's id at the hub."""

    kind: PaymentKind
    payment: Identifier | None = None
    provider: Identifier
    account: Identifier | None = None
    method: PaymentMethod | None = None
    payment_key: Reference | None = None
    amount_cents: Cents | None = None
    cumulative_cents: Cents | None = None
    paid_cents: Cents | None = None
    interest_cents: Cents | None = None
    discount_cents: Cents | None = None
    fee_cents: Cents | None = None
    refund_id: Identifier | None = None
    dispute_id: Identifier | None = None
    funds_withdrawn: Flag = False
    due_at: Instant | None = None
    credited_at: Instant | None = None
    installments: int | None = None
    raw_word: Text | None = None
    reason: Text | None = None


class InvoiceCreatedEvent(OrderEvent):
    """invoice.created: captured has reached what is due. `captures` are transaction keys."""

    invoice: Identifier
    total_cents: Cents
    captures: tuple[Identifier, ...] = ()


class ShipmentEvent(OrderEvent):
    """shipment.<kind>, of one parcel."""

    kind: ShipmentKind
    shipment: Identifier | None = None
    provider: Identifier
    shipment_key: Reference | None = None
    carrier: Identifier | None = None
    tracks: tuple[Track, ...] = ()
    items: tuple[SkuQuantity, ...] = ()
    fulfilment_state: FulfilmentState | None = None
    precision: Literal["second", "minute", "day"] = "second"
    location: Text | None = Field(default=None, description="the carrier's unit or city")
    raw_code: Text | None = None
    raw_word: Text | None = None
    reason: Text | None = None


class RefundEvent(OrderEvent):
    """refund.requested, refund.done, refund.failed. `refund` is the refund's id at the hub; `reason` says why it failed."""

    kind: RefundEventKind
    refund: Identifier
    payment: Identifier | None = None
    amount_cents: Cents
    mode: Literal["online", "offline"] | None = None
    method: RefundMethod | None = None
    lines: tuple[RefundLine, ...] = ()
    shipping_cents: Cents | None = None
    extra_cents: Cents | None = None
    fee_cents: Cents | None = None
    reason: Text | None = None


class FiscalEvent(OrderEvent):
    """fiscal.<kind>, of one tax paper. `document` is its id at the hub."""

    kind: FiscalKind
    document: Identifier | None = None
    provider: Identifier
    access_key: Identifier | None = None
    number: Identifier | None = None
    series: Identifier | None = None
    total_cents: Cents | None = None
    issued_at: Instant | None = None
    environment: Literal["production", "homologation"] = "production"
    evidence: Literal["nfe_proc", "erp_notice", "manual"] | None = None
    original_access_key: Identifier | None = None
    url: Text | None = None
    fiscal_state: FiscalState | None = None
    flags: tuple[Identifier, ...] = Field(
        default=(), description="the source's, and value_above, partial_return: what the order's papers amount to"
    )
    raw_word: Text | None = None
    reason: Text | None = None


class StockReleaseRequestedEvent(OrderEvent):
    """stock.release_requested: these units are no longer reserved for the order."""

    lines: tuple[SkuQuantity, ...]


class StockReturnedEvent(OrderEvent):
    """stock.returned: these units go back to stock, once per refund and line."""

    refund: Identifier | None = None
    lines: tuple[SkuQuantity, ...]


class ErpOrderExportedEvent(OrderEvent):
    """erp.order.exported: the approved order for ERPs on queues. Carries personal data. Revisions count from 1."""

    revision: Sequence
    format: Literal["json", "xml"]
    content: dict[str, Any] | str


class NotificationRequestedEvent(OrderEvent):
    """notification.requested.<channel>.<template>. Carries personal data. `key` is the same for the same notice: send it once."""

    key: Identifier
    channel: NotificationChannel = "email"
    template: NotificationTemplate
    recipient: Text | None = None
    locale: Literal["pt-BR"] = "pt-BR"
    document: DocumentReference | None = None
    context: NoticeContext | None = Field(default=None, description="amounts, items, how to pay, tracks and links for the template")


class ExceptionOpenedEvent(OrderEvent):
    """exception.opened.<kind>: a person must look. `key` tells several of one kind apart; `resolve_with` are commands."""

    exception: Annotated[int, Field(strict=True, ge=1)] | None = None
    kind: ExceptionKind
    key: Annotated[str, Field(max_length=400)]
    detail: dict[str, Any] = Field(default_factory=dict)
    resolve_with: tuple[Identifier, ...] = ()


class ExceptionResolvedEvent(OrderEvent):
    """exception.resolved.<kind>: its condition is gone, or a person has settled it (`resolution`)."""

    exception: Annotated[int, Field(strict=True, ge=1)] | None = None
    kind: ExceptionKind
    key: Annotated[str, Field(max_length=400)]
    resolution: Text | None = None


class CommandRejectedEvent(Event):
    """command.rejected. No sequence: a rejection is no part of the order's history."""

    id: Identifier
    command: Identifier
    order: OrderNumber | None = None
    actor: Identifier | None = None
    code: RejectionCode
    message: str = ""
    state: OrderState | None = None
    status: Identifier | None = None
    version: int | None = None
    allowed_actions: tuple[Identifier, ...] = ()


EVENTS: Final[Mapping[str, type[Event]]] = {
    "order.placed": OrderPlacedEvent,
    "order.status_changed.*": OrderStatusChangedEvent,
    "order.edited": OrderEditedEvent,
    "order.commented": OrderCommentedEvent,
    "payment.*": PaymentEvent,
    "invoice.created": InvoiceCreatedEvent,
    "shipment.*": ShipmentEvent,
    "refund.*": RefundEvent,
    "fiscal.*": FiscalEvent,
    "stock.release_requested": StockReleaseRequestedEvent,
    "stock.returned": StockReturnedEvent,
    "erp.order.exported": ErpOrderExportedEvent,
    "notification.requested.*.*": NotificationRequestedEvent,
    "exception.opened.*": ExceptionOpenedEvent,
    "exception.resolved.*": ExceptionResolvedEvent,
    "command.rejected": CommandRejectedEvent,
}
"""Binding pattern -> model of what comes through it. The patterns do not overlap."""

CARRIES_PERSONAL_DATA: Final = frozenset({"order.placed", "order.edited", "erp.order.exported", "notification.requested.*.*"})
"""The patterns that the archive stream must not bind."""

ARCHIVED_PATTERNS: Final = tuple(pattern for pattern in EVENTS if pattern not in CARRIES_PERSONAL_DATA)
"""What the archive stream binds."""

_STATUS_CHANGED: Final = "order.status_changed."


def _closed_keys() -> dict[str, tuple[str, str]]:
    # Routing key -> (type, pattern), for every key whose last words are closed: all but the shop's own statuses.
    keys = {key: (f"{key}.v1", key) for key in EVENTS if "*" not in key}
    for pattern, kinds in (("payment.*", PAYMENT_KINDS), ("shipment.*", SHIPMENT_KINDS), ("fiscal.*", FISCAL_KINDS)):
        keys |= {kind: (f"{kind}.v1", pattern) for kind in kinds}
    keys |= {key: (f"{key}.v1", "refund.*") for key in ("refund.requested", "refund.done", "refund.failed")}
    notice = ("notification.requested.v1", "notification.requested.*.*")
    keys |= {f"notification.requested.email.{template}": notice for template in NOTIFICATION_TEMPLATES}
    for verb in ("exception.opened", "exception.resolved"):
        keys |= {f"{verb}.{kind}": (f"{verb}.v1", f"{verb}.*") for kind in EXCEPTION_KINDS}
    return keys


_CLOSED_KEYS: Final = _closed_keys()


def _resolve(routing_key: str) -> tuple[str, str]:
    known = _CLOSED_KEYS.get(routing_key)
    if known is not None:
        return known
    status = routing_key.removeprefix(_STATUS_CHANGED)
    if status == routing_key or not status or "." in status:
        raise ValueError(f"no event has the routing key {routing_key!r}")
    return "order.status_changed.v1", "order.status_changed.*"


def event_type(routing_key: str) -> str:
    """Return the versioned type name of an event (`order.status_changed.v1`). Raises: ValueError for a key that is not ours."""
    return _resolve(routing_key)[0]


def event_model(routing_key: str) -> type[Event]:
    """Return the model of an event's body. Raises: ValueError for a key that is not ours."""
    return EVENTS[_resolve(routing_key)[1]]


def carries_personal_data(routing_key: str) -> bool:
    """Say whether the body may name a person. Raises: ValueError for a key that is not ours."""
    return _resolve(routing_key)[1] in CARRIES_PERSONAL_DATA


CLOUDEVENTS_SOURCE: Final = "/order-hub"


def cloudevents_headers(routing_key: str, event_id: str, occurred_at: str, order: str | None = None) -> dict[str, str]:
    """Return the CloudEvents 1.0 attributes of an event as AMQP headers, binary mode. `occurred_at` is the body's own text.

    The content type is AMQP's own property, so it has no header. Source: CloudEvents AMQP protocol binding 1.0, section 3.1.
    """
    headers = {
        "cloudEvents_specversion": "1.0",
        "cloudEvents_id": event_id,
        "cloudEvents_source": CLOUDEVENTS_SOURCE,
        "cloudEvents_type": event_type(routing_key),
        "cloudEvents_time": occurred_at,
    }
    if order is not None:
        headers["cloudEvents_subject"] = order
    return headers
