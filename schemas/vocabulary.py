"""The closed words of the hub: states, exception kinds, dead letter kinds, rejection codes, roles, templates."""

from typing import Final, Literal, get_args

OrderState = Literal["new", "pending_payment", "payment_review", "processing", "complete", "closed", "canceled", "holded"]
ORDER_STATES: Final[tuple[str, ...]] = get_args(OrderState)

PaymentState = Literal[
    "none", "pending", "authorized", "in_review", "partially_paid", "paid", "overpaid", "partially_refunded", "refunded", "failed",
    "expired", "voided", "charged_back",
]  # fmt: skip

FulfilmentState = Literal[
    "none", "in_production", "ready_to_ship", "partially_shipped", "shipped", "in_transit", "out_for_delivery", "ready_for_pickup",
    "difficulty", "partially_delivered", "delivered", "returning", "partially_returned", "returned", "lost",
]  # fmt: skip

FiscalState = Literal["none", "requested", "rejected", "denied", "issued", "canceled", "returned"]

FiscalDocumentState = Literal["requested", "rejected", "denied", "issued", "canceled", "returned", "ignored"]
"""State of one paper; `ignored` is a homologação note in a production shop."""

DefaultStatus = Literal[
    "pending", "pending_payment", "payment_review", "fraud", "processing", "in_production", "nf_issued", "partially_shipped", "shipped",
    "in_transit", "delivery_difficulty", "delivered", "returned", "complete", "closed", "canceled", "holded",
]  # fmt: skip
"""The built-in statuses. A shop adds its own, so a status in a message is any word."""

Attention = Literal["delivery_difficulty", "returning", "lost_suspected", "damaged", "delayed"]

ExceptionKind = Literal[
    "underpaid", "overpaid", "paid_after_cancel", "paid_after_close", "refund_before_paid", "over_refunded", "live_attempt_on_canceled",
    "cancel_requested_paid", "chargeback", "review_contradicted", "conflicting_duplicate", "shipped_unpaid", "shipped_after_cancel",
    "shipped_after_refund", "shipped_while_held", "decide_refund_or_resend", "parcel_lost", "nf_before_payment", "nf_on_canceled",
    "nf_after_refund", "nf_canceled_after_ship", "nf_rejected", "value_mismatch", "duplicate_fiscal_document", "erp_rejected",
    "outbound_unknown", "reference_conflict", "unknown_status",
]  # fmt: skip
EXCEPTION_KINDS: Final[tuple[str, ...]] = get_args(ExceptionKind)

DeadLetterKind = Literal[
    "unreadable", "untrusted", "adapter_error", "orphan_event", "unroutable", "delivery_limit", "outbound_exhausted", "invalid_command",
]  # fmt: skip
DEAD_LETTER_KINDS: Final[tuple[str, ...]] = get_args(DeadLetterKind)

DeadLetterStatus = Literal["open", "redriven", "discarded"]

OutboundState = Literal["queued", "started", "done", "unknown", "failed"]

Role = Literal["viewer", "operator", "supervisor"]

NotificationChannel = Literal["email"]
NotificationTemplate = Literal[
    "order_placed", "payment_instructions", "payment_refused", "order_approved", "in_production", "nf_issued", "shipped", "track_added",
    "in_transit", "delivery_difficulty", "delivered", "canceled", "refunded", "closed", "order_edited", "comment", "document_resent",
]  # fmt: skip
NOTIFICATION_TEMPLATES: Final[tuple[str, ...]] = get_args(NotificationTemplate)

DocumentKind = Literal["invoice", "shipment", "refund"]
"""Documents of an order that can be commented on and sent again."""

RejectionCode = Literal[
    # The request itself.
    "invalid_payload", "forbidden", "key_reused", "version_conflict", "confirmation_required", "order_not_found",
    # The order's state.
    "already_paid", "in_payment_review", "not_in_review", "not_paid", "order_held", "not_held", "dispute_open", "order_complete",
    "order_closed", "order_canceled", "cancel_requires_refund", "edit_requires_refund", "not_due_yet", "order_exists",
    # Production, boxes and papers.
    "nothing_to_produce", "nothing_to_ship", "not_shipped", "nf_required", "qty_exceeds", "tracking_number_required", "carrier_required",
    "carrier_unknown", "document_not_found", "no_printable_documents", "comment_required", "customer_erased",
    "customer_unknown", "link_unavailable",
    # Money.
    "nothing_to_refund", "refund_exceeds_available", "shipping_refund_exceeds", "zero_total_refund", "refund_pending",
    "gateway_refund_failed", "online_refund_unavailable", "void_unavailable", "payment_not_found",
    # Statuses.
    "status_unknown", "status_not_in_state", "use_shipment", "status_exists", "status_in_use", "last_status",
    # What waits for a person.
    "exception_not_found", "dead_letter_not_found",
]  # fmt: skip
"""Why a command is refused. A code is added here before it is used anywhere."""
REJECTION_CODES: Final[tuple[str, ...]] = get_args(RejectionCode)
