"""The JSON that the hub prints."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from schemas.documents import DeadLetterView, ExceptionView, OrderView, ReplayOutput

ORDER_FIELDS = [
    "number",
    "state",
    "status",
    "label",
    "base_state",
    "payment_state",
    "fulfilment_state",
    "fiscal_state",
    "hold_reasons",
    "total_cents",
    "due_cents",
    "remaining_cents",
    "captured_cents",
    "refunded_cents",
    "charged_back_cents",
    "version",
    "placed_at",
    "updated_at",
    "customer",
    "billing_address",
    "shipping_address",
    "items",
    "payments",
    "invoices",
    "shipments",
    "refunds",
    "transactions",
    "fiscal_documents",
    "exceptions",
    "attention",
    "comments",
    "allowed_actions",
    "timeline",
    "parent",
    "child",
]

ORDER: dict[str, Any] = {
    "number": "100000417",
    "state": "processing",
    "status": "processing",
    "label": "Faturado (aprovado)",
    "base_state": "processing",
    "payment_state": "paid",
    "fulfilment_state": "none",
    "fiscal_state": "none",
    "hold_reasons": [],
    "total_cents": 11970,
    "due_cents": 11970,
    "remaining_cents": 0,
    "captured_cents": 11970,
    "refunded_cents": 0,
    "charged_back_cents": 0,
    "version": 2,
    "placed_at": "2026-11-25T13:00:00Z",
    "updated_at": "2026-11-25T13:05:00Z",
    "customer": {"id": "77"},
    "billing_address": None,
    "shipping_address": {"city": "Campinas"},
    "items": [{"sku": "CAM-01", "name": "Camiseta", "quantity": 2, "unit_price_cents": 4990, "virtual": False}],
    "payments": [
        {
            "id": "a1",
            "method": "pix",
            "provider": "pix",
            "references": [{"kind": "txid", "value": "x"}],
            "state": "captured",
            "captured_cents": 11970,
        },
    ],
    "invoices": [{"number": "1", "total_cents": 11970, "captures": ["E1"], "created_at": "2026-11-25T13:05:00Z"}],
    "shipments": [
        {"id": "s1", "carrier": "custom", "state": "shipped", "tracks": [{"number": "AA1", "carrier": None, "title": None, "url": None}]}
    ],
    "refunds": [],
    "transactions": [
        {
            "key": "E1",
            "kind": "capture",
            "parent": None,
            "method": "pix",
            "provider": "pix",
            "amount_cents": 1,
            "at": "2026-11-25T13:05:00Z",
            "closed": False,
        },
    ],
    "fiscal_documents": [
        {
            "id": "1",
            "access_key": None,
            "number": "1",
            "series": "1",
            "state": "issued",
            "evidence": "nfe_proc",
            "total_cents": 1,
            "issued_at": None,
        },
    ],
    "exceptions": [],
    "attention": ["delayed"],
    "comments": [],
    "allowed_actions": ["order.hold"],
    "timeline": [
        {
            "at": "2026-11-25T13:05:00Z",
            "kind": "payment.captured",
            "text": "Pix recebido",
            "source": "payments.pix",
            "actor": None,
            "event_id": "E1",
            "sequence": 3,
        },
    ],
    "parent": None,
    "child": None,
}
EXCEPTION = {
    "id": 1,
    "kind": "underpaid",
    "order": "100000417",
    "key": "",
    "opened_at": "2026-11-25T13:05:00Z",
    "detail": {"missing_cents": 1},
    "resolve_with": ["order.approve", "refund.create"],
}
DEAD_LETTER = {
    "id": 1,
    "kind": "unreadable",
    "cause": "line 7",
    "origin": "hub.in.payments.cnab",
    "routing_key": "payments.cnab",
    "adapter": "payments.cnab",
    "attempts": 1,
    "first_failed_at": "2026-11-25T13:05:00Z",
    "last_failed_at": "2026-11-25T13:05:00Z",
    "body_sha256": "0" * 64,
    "status": "open",
}
REPLAY = {
    "orders": [ORDER],
    "events": [{"id": "e1", "routing_key": "order.placed", "order": "100000417", "sequence": 1, "body": {}}],
    "replies": [{"id": "7", "command": "order.get", "order": None, "outcome": "accepted"}],
    "exceptions": [EXCEPTION],
    "dead_letters": [DEAD_LETTER],
    "parked": [
        {"key": "payments.pix", "references": [{"kind": "txid", "value": "x"}], "kind": "payment.captured", "since": "2026-11-25T13:05:00Z"}
    ],
    "fetches": [{"adapter": "payments.mercadopago", "resource": "payment", "resource_id": "1"}],
    "outbound": [{"id": 1, "adapter": "payments.pagarme", "action": "refund", "order": "1", "state": "queued", "parameters": {}}],
    "counts": {"applied": 1},
}


def test_the_order_has_the_contracts_fields_and_those_added_since() -> None:
    assert list(OrderView.model_fields) == [*ORDER_FIELDS, "shipping", "discount_cents", "statuses"]


@pytest.mark.parametrize(
    ("model", "document"), [(OrderView, ORDER), (ExceptionView, EXCEPTION), (DeadLetterView, DEAD_LETTER), (ReplayOutput, REPLAY)]
)
def test_a_document_is_read_back_and_refuses_what_nobody_described(model: type[BaseModel], document: dict[str, Any]) -> None:
    read = model.model_validate(document)
    assert model.model_validate(json.loads(read.model_dump_json())) == read
    with pytest.raises(ValidationError):
        model.model_validate(document | {"surprise": 1})


@pytest.mark.parametrize("name", ORDER_FIELDS)
def test_no_field_of_an_order_is_ever_left_out(name: str) -> None:
    with pytest.raises(ValidationError):
        OrderView.model_validate({key: value for key, value in ORDER.items() if key != name})
