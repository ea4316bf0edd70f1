"""What Mercado Pago's words mean: statuses of payments, of the Orders API and of refunds; means of payment."""

from collections.abc import Mapping
from typing import Final

from schemas.base import PaymentMethod
from schemas.facts import PaymentKind

METHODS: Final[Mapping[str, PaymentMethod]] = {
    "credit_card": "card",
    "debit_card": "card",
    "prepaid_card": "card",
    "voucher_card": "card",
    "ticket": "boleto",
    "atm": "cash",
    "bank_transfer": "transfer",
    "account_money": "wallet",
    "digital_wallet": "wallet",
    "digital_currency": "wallet",
    "crypto_transfer": "other",
}
"""By payment_type_id; a bank transfer whose payment_method_id is pix is a Pix."""

# --- Payments (v1) ------------------------------------------------------------------------------------------------------------

OPEN: Final[Mapping[str, PaymentKind]] = {
    "pending": "payment.pending",
    "in_process": "payment.in_review",
    "authorized": "payment.authorized",
    "rejected": "payment.failed",
    "cancelled": "payment.voided",
}
"""Statuses of a payment of which no money came (yet). Two L in payments, one in the Orders API."""

REFINED: Final[Mapping[tuple[str, str], PaymentKind]] = {
    # Nobody reviews these: the acquirer is away, or the attempt is made again later.
    ("in_process", "offline_process"): "payment.pending",
    ("in_process", "deferred_retry"): "payment.pending",
    ("cancelled", "expired"): "payment.expired",
}
"""Details that say more than their status. All others, known or not, only inform."""

APPROVED: Final = "approved"
REFUNDED: Final = "refunded"
IN_MEDIATION: Final = "in_mediation"
CHARGED_BACK: Final = "charged_back"
PAID: Final = frozenset({APPROVED, REFUNDED, IN_MEDIATION, CHARGED_BACK})
"""Statuses that only a payment can have whose money came."""

CHARGEBACK_KINDS: Final[Mapping[str, PaymentKind]] = {
    "in_process": "payment.chargeback_opened",
    "settled": "payment.chargeback_lost",
    "reimbursed": "payment.chargeback_won",
}
"""By status_detail of charged_back; the status stays the same in all three. Another detail: a dispute whose end is not known."""

DETAILS: Final = (
    "pending_waiting_payment", "pending_waiting_transfer", "pending_challenge", "pending_contingency", "pending_review_manual",
    "offline_process", "deferred_retry", "pending_capture", "accredited", "partially_refunded", "cc_rejected_bad_filled_card_number",
    "cc_rejected_bad_filled_date", "cc_rejected_bad_filled_security_code", "cc_rejected_bad_filled_other", "cc_rejected_blacklist",
    "cc_rejected_call_for_authorize", "cc_rejected_card_disabled", "cc_rejected_card_error", "cc_rejected_duplicated_payment",
    "cc_rejected_high_risk", "cc_rejected_insufficient_amount", "cc_rejected_invalid_installments", "cc_rejected_max_attempts",
    "cc_rejected_other_reason", "rejected_by_bank", "rejected_insufficient_data", "bank_error", "expired", "by_collector", "by_payer",
    "other", "by_admin", "in_process", "settled", "reimbursed",
)  # fmt: skip
"""Every documented detail of a payment."""

# --- Refunds of a payment, and of an order ------------------------------------------------------------------------------------

REFUND_KINDS: Final[Mapping[str, PaymentKind]] = {
    "approved": "payment.refunded",
    "in_process": "payment.refund_pending",
    "rejected": "payment.refund_failed",
    "cancelled": "payment.refund_failed",
}

ORDER_REFUND_KINDS: Final[Mapping[str, PaymentKind]] = {
    "processed": "payment.refunded",
    "refunded": "payment.refunded",
    "processing": "payment.refund_pending",
    "failed": "payment.refund_failed",
    "canceled": "payment.refund_failed",
}

# --- Orders API ---------------------------------------------------------------------------------------------------------------

ORDER_OPEN: Final[Mapping[str, PaymentKind]] = {
    "created": "payment.created",
    "processing": "payment.pending",
    "action_required": "payment.pending",
    "at_terminal": "payment.pending",
    "failed": "payment.failed",
    "canceled": "payment.voided",
    "cancelled": "payment.voided",
    "expired": "payment.expired",
}

ORDER_REFINED: Final[Mapping[tuple[str, str], PaymentKind]] = {
    ("processing", "pending_review_manual"): "payment.in_review",
    ("action_required", "waiting_capture"): "payment.authorized",
}

PROCESSED: Final = "processed"
ORDER_PAID: Final = frozenset({PROCESSED, REFUNDED, CHARGED_BACK})

ORDER_DETAILS: Final = ("waiting_payment", "waiting_capture", "waiting_transfer", "check_on_terminal")

# --- Claims -------------------------------------------------------------------------------------------------------------------

CLAIM_STATUSES: Final = ("opened", "closed")
