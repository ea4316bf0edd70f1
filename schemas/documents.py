"""What the hub prints as JSON: one order, an exception, a dead letter, the output of replay."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from schemas.base import Cents, Identifier, Instant, Message, OrderNumber, Quantity, Text
from schemas.commands import CommandReply, RowId
from schemas.events import DocumentReference
from schemas.facts import FactKind
from schemas.facts.shipments import SkuQuantity, Track
from schemas.orders import Address, Customer, Shipping
from schemas.references import ReferenceKind
from schemas.vocabulary import (
    Attention,
    DeadLetterKind,
    DeadLetterStatus,
    ExceptionKind,
    FiscalDocumentState,
    FiscalState,
    FulfilmentState,
    OrderState,
    OutboundState,
    PaymentState,
    Role,
)

Count = Annotated[int, Field(strict=True, ge=0)]


class Document(Message):
    """A part of an answer. Fields without default are always there; a later release only adds fields."""

    model_config = ConfigDict(defer_build=True)


class ReferenceView(Document):
    """One name of the order in another system. `scope` is the provider, provider:account, or shop."""

    kind: ReferenceKind
    value: Identifier
    scope: Identifier | None = None


class ItemView(Document):
    """One line and how many of its units have gone which way."""

    sku: Identifier
    name: Text
    quantity: Quantity
    unit_price_cents: Cents
    virtual: bool
    shipped: Count = 0
    refunded: Count = 0
    canceled: Count = 0


class PaymentView(Document):
    """One attempt to pay."""

    id: Identifier
    method: Identifier | None
    provider: Identifier | None
    references: tuple[ReferenceView, ...]
    state: Identifier
    captured_cents: Cents
    amount_cents: Cents | None = None
    refunded_cents: Cents = 0
    charged_back_cents: Cents = 0
    due_at: Instant | None = None


class InvoiceView(Document):
    """The hub's own sale invoice (fatura). `captures` are transaction keys."""

    number: Identifier
    total_cents: Cents
    captures: tuple[Identifier, ...]
    created_at: Instant
    email_sent: bool = False


class ShipmentView(Document):
    """One parcel."""

    id: Identifier
    carrier: Identifier | None
    state: Identifier
    tracks: tuple[Track, ...]
    items: tuple[SkuQuantity, ...] = ()
    created_at: Instant | None = None
    updated_at: Instant | None = None


class RefundView(Document):
    """One refund document."""

    id: Identifier
    state: Identifier
    amount_cents: Cents
    payment: Identifier | None = None
    mode: Literal["online", "offline"] | None = None
    method: Identifier | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    detail: dict[str, Any] = Field(default_factory=dict)


class TransactionView(Document):
    """One movement of money. `parent` is the key of the capture that a refund or chargeback takes from."""

    key: Identifier
    kind: Identifier
    parent: Identifier | None
    method: Identifier | None
    provider: Identifier | None
    amount_cents: Cents | None
    at: Instant
    closed: bool
    payment: Identifier | None = None


class FiscalDocumentView(Document):
    """One tax paper (NF-e)."""

    id: Identifier
    access_key: Identifier | None
    number: Identifier | None
    series: Identifier | None
    state: FiscalDocumentState
    evidence: Literal["nfe_proc", "erp_notice", "manual"] | None
    total_cents: Cents | None
    issued_at: Instant | None


class ExceptionView(Document):
    """What waits for a person. `resolve_with` are the commands that settle it."""

    id: RowId
    kind: ExceptionKind
    order: OrderNumber | None
    key: Annotated[str, Field(max_length=400)]
    opened_at: Instant
    detail: dict[str, Any]
    resolve_with: tuple[Identifier, ...]


class CommentView(Document):
    """One comment, with the status at that time."""

    id: RowId
    at: Instant
    text: Text
    status: Identifier
    actor: Identifier | None
    document: DocumentReference | None
    notified: bool
    visible: bool


class TimelineEntry(Document):
    """One line of the order's history. `text` is Portuguese."""

    at: Instant
    kind: Identifier
    text: Text
    source: Identifier | None
    actor: Identifier | None
    event_id: Identifier | None
    sequence: int | None
    reason: Text | None = None
    role: Role | None = Field(default=None, description="of who did it by hand, at the time")
    before: dict[str, Any] | None = Field(default=None, description="what an act by hand changed, as it was")
    after: dict[str, Any] | None = None


class OrderView(Document):
    """The JSON of one order: `hub orders show --json`, reply of order.get, replay."""

    number: OrderNumber
    state: OrderState
    status: Identifier
    label: Text
    base_state: OrderState
    payment_state: PaymentState
    fulfilment_state: FulfilmentState
    fiscal_state: FiscalState
    hold_reasons: tuple[Identifier, ...]
    total_cents: Cents
    due_cents: Cents = Field(description="what the order costs now: total less canceled items")
    remaining_cents: Cents
    captured_cents: Cents
    refunded_cents: Cents
    charged_back_cents: Cents
    version: Count
    placed_at: Instant
    updated_at: Instant
    customer: Customer
    billing_address: Address | None
    shipping_address: Address | None
    items: tuple[ItemView, ...]
    payments: tuple[PaymentView, ...]
    invoices: tuple[InvoiceView, ...]
    shipments: tuple[ShipmentView, ...]
    refunds: tuple[RefundView, ...]
    transactions: tuple[TransactionView, ...]
    fiscal_documents: tuple[FiscalDocumentView, ...]
    exceptions: tuple[ExceptionView, ...]
    attention: tuple[Attention, ...]
    comments: tuple[CommentView, ...]
    allowed_actions: tuple[Identifier, ...]
    timeline: tuple[TimelineEntry, ...]
    parent: OrderNumber | None
    child: OrderNumber | None
    shipping: Shipping | None = Field(default=None, description="what the customer chose and pays for delivery")
    discount_cents: Cents = 0
    statuses: tuple[Identifier, ...] = Field(default=(), description="those of the present state, of which one may be chosen by hand")


class DeadLetterView(Document):
    """A message that could not be read or applied. `origin` is its queue; an open one with the same key is counted, not doubled."""

    id: RowId
    kind: DeadLetterKind
    cause: str
    origin: str
    routing_key: str
    adapter: Identifier | None
    order: OrderNumber | None = None
    attempts: Annotated[int, Field(strict=True, ge=1)]
    first_failed_at: Instant
    last_failed_at: Instant
    body_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    status: DeadLetterStatus


class ReplayedEvent(Document):
    """One event as it would have been published; `body` follows the event schema of its routing key."""

    id: Identifier
    routing_key: Identifier
    order: OrderNumber | None
    sequence: int | None
    body: dict[str, Any]


class ParkedFactView(Document):
    """A fact that waits for an order it belongs to. `key` is the inbound key."""

    key: Identifier
    references: tuple[ReferenceView, ...]
    kind: FactKind
    since: Instant


class FetchView(Document):
    """A resource that must be read from the provider."""

    adapter: Identifier
    resource: Identifier
    resource_id: Identifier
    state: OutboundState = "queued"
    order: OrderNumber | None = None


class OutboundView(Document):
    """A request to a provider that waits to be sent; keys and amounts only."""

    id: RowId
    adapter: Identifier
    action: Identifier
    order: OrderNumber | None
    state: OutboundState
    parameters: dict[str, Any]


class ReplayOutput(Document):
    """`hub replay --json`."""

    orders: tuple[OrderView, ...]
    events: tuple[ReplayedEvent, ...]
    replies: tuple[CommandReply, ...]
    exceptions: tuple[ExceptionView, ...] = Field(description="open ones")
    dead_letters: tuple[DeadLetterView, ...]
    parked: tuple[ParkedFactView, ...]
    fetches: tuple[FetchView, ...]
    outbound: tuple[OutboundView, ...]
    counts: dict[str, int]
