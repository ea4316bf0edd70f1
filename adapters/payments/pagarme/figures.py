"""What a charge's figures say: how much was paid, whether at all, and how much went back. Cumulative, never added up."""

from collections.abc import Mapping
from typing import Final

from adapters.payments.pagarme.wire import CARD_METHODS, Charge
from schemas.facts import PaymentKind

CHARGE_STATUSES: Final = frozenset({"pending", "processing", "paid", "underpaid", "overpaid", "canceled", "failed", "chargedback"})
_PAID: Final = frozenset({"paid", "underpaid", "overpaid", "chargedback"})

OPEN_TRANSACTIONS: Final[Mapping[str, PaymentKind]] = {
    "authorized_pending_capture": "payment.authorized",
    "waiting_capture": "payment.authorized",
    "pending_review": "payment.in_review",
    "analyzing": "payment.in_review",
    # A void that failed: the money is still reserved.
    "error_on_voiding": "payment.authorized",
}
"""Refines a pending charge. Any other word, known or not, leaves it pending, which is what the charge itself says."""

CAPTURED_TRANSACTIONS: Final = frozenset(
    {"captured", "partial_capture", "paid", "underpaid", "overpaid", "refunded", "partial_refunded", "pending_refund",
     "error_on_refunding", "chargedback"}
)  # fmt: skip
"""Operations that only a captured charge can have."""

UNCAPTURED_TRANSACTIONS: Final = frozenset(
    {"voided", "partial_void", "not_authorized", "authorized_pending_capture", "waiting_capture", "error_on_voiding", "with_error",
     "failed", "generated", "viewed", "waiting_payment", "expired", "pending_review", "analyzing"}
)  # fmt: skip
"""Operations of a charge that was not captured, unless its figures say otherwise: a card sale that is given back on the same day
is `voided` as well."""

REFUND_DONE: Final = frozenset({"refunded", "partial_refunded"})
REFUND_UNDER_WAY: Final = frozenset({"pending_refund", "waiting_cancellation"})
REFUND_FAILED: Final = frozenset({"error_on_refunding"})

TRANSACTION_STATUSES: Final = tuple(sorted(CAPTURED_TRANSACTIONS | UNCAPTURED_TRANSACTIONS | REFUND_UNDER_WAY))


def was_captured(charge: Charge) -> bool | None:
    """Say whether money was ever taken; None when neither figures nor words tell."""
    status = charge.last_transaction.status
    if charge.paid_amount or charge.paid_at or charge.status in _PAID or status in CAPTURED_TRANSACTIONS:
        return True
    if charge.paid_amount == 0 or status in UNCAPTURED_TRANSACTIONS:
        return False
    return None


def moved_cents(charge: Charge) -> int | None:
    """Return the money that was paid, refunds not subtracted."""
    transaction = charge.last_transaction
    if charge.paid_amount or transaction.paid_amount:
        return charge.paid_amount or transaction.paid_amount
    if transaction.status in {"captured", "partial_capture", "paid"} and transaction.amount:
        return transaction.amount
    return charge.amount if charge.status == "paid" else None


def settled_cents(charge: Charge) -> int | None:
    """Return the part of the debt that is settled: without interest and fine of a late boleto (rules.md, Payments)."""
    moved = moved_cents(charge)
    return None if moved is None else max(0, moved - (charge.interest_and_fine_paid or 0))


def refunded_cents(charge: Charge, *, whole: bool = False) -> int:
    """Return what has gone back so far, in terms of the debt, as the capture is: interest that goes back is no part of it.

    `whole`: the event says that everything went back.
    """
    moved, settled = moved_cents(charge), settled_cents(charge)
    figure = _returned_cents(charge, settled)
    if moved is None or settled is None:
        return figure
    if whole:
        figure = max(figure, moved)
    return settled + figure - moved if figure >= moved else min(figure, settled)


def _returned_cents(charge: Charge, settled: int | None) -> int:
    canceled = charge.canceled_amount or 0
    operation = (charge.last_transaction.amount or 0) if charge.last_transaction.status in REFUND_DONE else 0
    if charge.refunded_amount:
        return charge.refunded_amount
    released = _released_cents(charge, settled)
    if not released:
        return canceled or operation
    # canceled_amount of a card captured in part also holds the rest that was never captured. Where that rest is not booked,
    # the refund itself is the least that went back.
    return max(canceled - released, operation if operation <= canceled else 0, 0)


def _released_cents(charge: Charge, settled: int | None) -> int:
    if charge.payment_method not in CARD_METHODS or settled is None or charge.amount is None:
        return 0
    return max(0, charge.amount - settled)
