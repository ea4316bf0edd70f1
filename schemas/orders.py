"""The order as the shop places it: `order.placed.v1` and `order.canceled.v1` on hub.inbound, key shop.orders."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Cents, Identifier, Instant, Lenient, Message, OrderNumber, PaymentMethod, Quantity, Seconds, Text
from schemas.payment_instructions import PaymentInstructions
from schemas.references import Reference


class Customer(Lenient):
    """Who bought. Everything but `id` is personal data and lives in order_personal only."""

    id: Identifier | None = None
    name: Text | None = None
    email: Text | None = None
    document: Text | None = None
    phone: Text | None = None


class Address(Lenient):
    """A Brazilian postal address; personal data."""

    name: Text | None = None
    street: Text | None = None
    number: Text | None = None
    complement: Text | None = None
    district: Text | None = None
    city: Text | None = None
    state: Text | None = None
    postal_code: Text | None = None
    country: Text | None = None
    phone: Text | None = None


class Item(Lenient):
    """One line of the order."""

    sku: Identifier
    name: Text = ""
    quantity: Quantity
    unit_price_cents: Cents
    virtual: bool = False


class Shipping(Lenient):
    """What the customer chose and pays for delivery."""

    carrier: Identifier | None = None
    service: Text | None = None
    amount_cents: Cents = 0


class DeclaredPayment(Lenient):
    """A payment the shop has begun; an attempt of rank created. `paid_at` given = the shop captured it itself."""

    method: PaymentMethod = "other"
    provider: Identifier = "manual"
    reference: Identifier | None = None
    references: tuple[Reference, ...] = ()
    account: Identifier | None = None
    amount_cents: Cents | None = None
    due_at: Instant | None = None
    paid_at: Instant | None = None
    # Left out where there are none, so that the hash of an order's content stays what it was before there were any.
    instructions: PaymentInstructions | None = Field(default=None, exclude_if=lambda value: value is None)


class OrderContent(Lenient):
    """What an order is, without its number and its time of placement."""

    currency: Literal["BRL"] = "BRL"
    customer: Customer = Customer()
    billing_address: Address | None = None
    shipping_address: Address | None = None
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=10_000)]
    shipping: Shipping = Shipping()
    discount_cents: Cents = 0
    total_cents: Cents
    payments: tuple[DeclaredPayment, ...] = ()
    historical: bool = False


class PlacedOrder(OrderContent):
    """The content of order.placed. Only number, placed_at, items and total_cents are required (rules.md, Orders)."""

    number: OrderNumber
    placed_at: Instant


class CanceledOrder(Lenient):
    """The content of order.canceled: the shop canceled the order at its side."""

    number: OrderNumber
    reason: Text | None = None
    canceled_at: Instant | None = None


class OrderPlacedMessage(Lenient):
    """order.placed.v1 as the shop publishes it."""

    type: Literal["order.placed.v1"]
    id: Identifier
    order: PlacedOrder


class OrderCanceledMessage(Lenient):
    """order.canceled.v1 as the shop publishes it."""

    type: Literal["order.canceled.v1"]
    id: Identifier
    order: CanceledOrder


class OrderRules(Message):
    """What the shop decides for an order: HUB_POLICY_* as it stood when the order was placed.

    The engine copies it into the order's placed row, so that the fold reads no settings and an old log folds alike for ever.
    """

    amount_tolerance_cents: Cents = 0
    close_on_full_refund: bool = True
    expire_boleto_grace_days: Annotated[int, Field(strict=True, ge=0, le=366, description="bank days")] = 3
    expire_pix_grace_s: Seconds = 3_600
    expire_other_s: Seconds = Field(default=864_000, description="after placed_at, when no attempt has a due_at")
    expire_settle_s: Seconds = Field(default=900, description="wait for money that may still lie in the queues")
    cancel_refused_after_s: Seconds | None = Field(default=86_400, description="after the last failure; null = never")
    void_on_cancel: bool = True
    hold_on_value_mismatch: Literal["above", "never"] = "above"
    require_nf_before_shipping: bool = False
    fiscal_tolerance_cents: Cents = 5
    homologation: bool = Field(default=False, description="a shop that tests: notes of homologação count, and those of production do not")
