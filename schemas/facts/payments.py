"""Payment facts: what a gateway, a bank or a person says about money."""

from typing import Final, Literal, get_args

from pydantic import Field

from schemas.base import Cents, Identifier, Instant, PaymentMethod
from schemas.facts.base import FactBase
from schemas.payment_instructions import PaymentInstructions
from schemas.references import Reference

__all__ = ["PAYMENT_KINDS", "PaymentFact", "PaymentKind", "PaymentMethod"]

PaymentKind = Literal[
    "payment.created", "payment.pending", "payment.in_review", "payment.authorized", "payment.captured", "payment.failed",
    "payment.expired", "payment.voided", "payment.refund_pending", "payment.refunded", "payment.refund_failed",
    "payment.chargeback_opened", "payment.chargeback_won", "payment.chargeback_lost", "payment.reversed", "payment.unknown",
]  # fmt: skip
PAYMENT_KINDS: Final[tuple[str, ...]] = get_args(PaymentKind)


class PaymentFact(FactBase):
    """One thing a source says about one payment.

    `payment_key` is the identity of the money movement at the source (charge_id, payment_id, e2e, nosso_numero); facts of
    the same key speak of the same payment. Figures are copied from the source, never differences:

    - captured: `amount_cents` is the largest figure known for this key, the part of the debt that is settled
      (rules.md, Payments); `paid_cents` the money that moved.
    - refund_pending, refunded, refund_failed: `refund_id` and `amount_cents` when the source names the single refund;
      `cumulative_cents` when it reports the total refunded of this key so far. At least one of the two is there.
    - chargeback_*, reversed: `dispute_id` when there is one; `amount_cents` is the disputed or withdrawn amount, absent = all
      that was captured; `cumulative_cents` as above. `funds_withdrawn` says that the money has already left.
    - all others: `amount_cents` is the nominal amount of the payment, when known.
    """

    kind: PaymentKind
    payment_key: Reference | None = None
    method: PaymentMethod | None = None
    amount_cents: Cents | None = None
    cumulative_cents: Cents | None = None
    paid_cents: Cents | None = None
    interest_cents: Cents | None = None
    discount_cents: Cents | None = None
    fee_cents: Cents | None = None
    refund_id: Identifier | None = None
    dispute_id: Identifier | None = None
    funds_withdrawn: bool = False
    due_at: Instant | None = Field(default=None, description="last instant at which the payer may pay")
    credited_at: Instant | None = Field(default=None, description="when the bank credits the money")
    installments: int | None = Field(default=None, ge=1, le=99)
    instructions: PaymentInstructions | None = Field(default=None, description="how to pay, while the payment is awaited")
