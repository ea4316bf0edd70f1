"""Canonical payment facts as anybody may publish them, key payments.generic: a bank statement, a script, a tool of the shop's own."""

from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from schemas.base import Cents, Flag, Identifier, Instant, Message, OrderNumber, PaymentMethod, Text
from schemas.references import Reference

GenericKind = Literal[
    "payment.created", "payment.pending", "payment.in_review", "payment.authorized", "payment.captured", "payment.failed",
    "payment.expired", "payment.voided", "payment.refund_pending", "payment.refunded", "payment.refund_failed",
    "payment.chargeback_opened", "payment.chargeback_won", "payment.chargeback_lost", "payment.reversed",
]  # fmt: skip
GENERIC_KINDS: Final[tuple[str, ...]] = get_args(GenericKind)

_REFUNDS: Final = frozenset({"payment.refund_pending", "payment.refunded", "payment.refund_failed"})


class GenericPayment(Message):
    """What the fact says of the payment; figures as in fact.payment.v1: copied from the source, never differences.

    The order is found by `order` or by `references`. `key` is the identity of the money movement at the source: facts of one key are
    one payment, and two keys are two.
    """

    order: OrderNumber | None = None
    references: tuple[Reference, ...] = Field(default=(), max_length=20)
    key: Reference | None = None
    method: PaymentMethod | None = None
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
    installments: int | None = Field(default=None, ge=1, le=99, strict=True)
    currency: Literal["BRL"] = "BRL"

    @model_validator(mode="after")
    def _names_an_order(self) -> Self:
        if self.order is None and not self.references and self.key is None:
            raise ValueError("order is missing, and references and key too: one of them must say whose payment it is")
        return self


class GenericFact(Message):
    """One canonical payment fact. `id` names it at its source: the same each time it is told, another for another fact."""

    kind: GenericKind
    id: Annotated[Identifier, StringConstraints(max_length=150)]
    occurred_at: Instant
    source: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = Field(
        default="manual", description="where it is known from, as statement or manual"
    )
    account: Identifier | None = None
    reason: Text | None = Field(default=None, description="must name nobody: it is kept for good")
    payment: GenericPayment

    @model_validator(mode="after")
    def _has_its_figures(self) -> Self:
        payment = self.payment
        if self.kind == "payment.captured" and not payment.amount_cents:
            raise ValueError("payment.amount_cents must be there, and above 0, for payment.captured")
        if self.kind in _REFUNDS and payment.cumulative_cents is None and (payment.refund_id is None or payment.amount_cents is None):
            raise ValueError(f"payment.cumulative_cents, or payment.refund_id with payment.amount_cents, must be there for {self.kind}")
        return self


class GenericFacts(Message):
    """The body: at least one fact. Facts are read one by one, a bad one costs none of the others."""

    facts: tuple[GenericFact, ...] = Field(min_length=1, max_length=10_000)
