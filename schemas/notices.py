"""What a customer notice says beside its template: amounts, items, how to pay, tracks, documents. Everything is optional but the totals."""

from typing import Annotated

from pydantic import Field

from schemas.base import Cents, Identifier, Instant, Message, OrderNumber, PaymentMethod, Quantity, Text
from schemas.payment_instructions import PaymentInstructions


class NoticeItem(Message):
    """One line of the order, the units of it in a parcel, or those a refund gives back. Prices only where the notice is about money."""

    sku: Identifier
    name: Text | None = None
    quantity: Quantity
    unit_price_cents: Cents | None = None
    total_cents: Annotated[int, Field(strict=True)] | None = Field(
        default=None, description="of the line, with its share of discount and adjustment: negative when a total is below its freight"
    )


class NoticeTrack(Message):
    """One tracking number. `carrier` is a code, `title` the name a person gave it."""

    number: Identifier
    carrier: Identifier | None = None
    title: Text | None = None
    url: Text | None = None


class NoticePayment(Message):
    """One payment: how much, until when, and how to pay it, as far as it is known."""

    payment: Identifier
    method: PaymentMethod
    amount_cents: Cents | None = None
    due_at: Instant | None = None
    instructions: PaymentInstructions | None = None


class NoticeDelivery(Message):
    """What the customer chose for delivery."""

    carrier: Identifier | None = None
    service: Text | None = None


class NoticeContext(Message):
    """The context of notification.requested. Which fields are there depends on the template (docs/notifications.md).

    `amount_cents`, `method`, `state` and `items` of a refund are the refund's; those of a parcel the parcel's.
    """

    label: Text = Field(description="the order's status in words")
    total_cents: Cents
    customer_name: Text | None = None
    placed_at: Instant | None = None
    shipping_cents: Cents | None = None
    discount_cents: Cents | None = None
    adjustment_cents: Annotated[int, Field(strict=True)] | None = Field(
        default=None, description="total less items, freight and discount; may be negative"
    )
    delivery: NoticeDelivery | None = None
    items: tuple[NoticeItem, ...] = ()
    payments: tuple[NoticePayment, ...] = ()
    payment: Identifier | None = None
    method: Identifier | None = None
    amount_cents: Cents | None = None
    due_at: Instant | None = None
    instructions: PaymentInstructions | None = None
    captured_cents: Cents | None = None
    refunded_cents: Cents | None = None
    state: Identifier | None = Field(default=None, description="of the refund: pending, done or failed")
    fee_cents: Cents | None = Field(default=None, description="what the shop keeps of a refund")
    reason: Text | None = Field(default=None, description="code of the cancellation")
    access_key: Identifier | None = None
    number: Identifier | None = None
    series: Identifier | None = None
    url: Text | None = None
    carrier: Identifier | None = None
    tracks: tuple[NoticeTrack, ...] = ()
    comment: Text | None = Field(default=None, description="what staff wrote for the customer")
    child: OrderNumber | None = Field(default=None, description="the order that replaces this one")
