"""The closed lists, counted against the contract and the rules."""

from schemas.facts import FACT_KINDS
from schemas.vocabulary import DEAD_LETTER_KINDS, EXCEPTION_KINDS, NOTIFICATION_TEMPLATES, ORDER_STATES, REJECTION_CODES


def test_the_lists_have_the_length_of_the_pages() -> None:
    assert len(FACT_KINDS) == 16 + 17 + 8 + 6
    assert len(EXCEPTION_KINDS) == 28
    assert len(DEAD_LETTER_KINDS) == 8
    assert len(NOTIFICATION_TEMPLATES) == 17
    assert len(ORDER_STATES) == 8


def test_no_word_stands_twice() -> None:
    for words in (FACT_KINDS, EXCEPTION_KINDS, DEAD_LETTER_KINDS, NOTIFICATION_TEMPLATES, REJECTION_CODES):
        assert len(words) == len(set(words))


def test_every_code_of_the_pages_is_there() -> None:
    pages = {
        "already_paid",
        "in_payment_review",
        "order_closed",
        "order_canceled",
        "order_held",
        "not_in_review",
        "cancel_requires_refund",
        "order_complete",
        "not_held",
        "not_paid",
        "nothing_to_produce",
        "nothing_to_ship",
        "not_shipped",
        "nothing_to_refund",
        "edit_requires_refund",
        "document_not_found",
        "no_printable_documents",
        "status_not_in_state",
        "use_shipment",
        "order_not_found",
        "version_conflict",
        "forbidden",
        "invalid_payload",
        "confirmation_required",
        "status_unknown",
        "qty_exceeds",
        "refund_exceeds_available",
        "shipping_refund_exceeds",
        "zero_total_refund",
        "tracking_number_required",
        "carrier_required",
        "carrier_unknown",
        "comment_required",
        "gateway_refund_failed",
        "nf_required",
        "key_reused",
        "dispute_open",
        "customer_erased",
        "not_due_yet",
        "void_unavailable",
        "online_refund_unavailable",
        "refund_pending",
    }
    assert pages <= set(REJECTION_CODES)
