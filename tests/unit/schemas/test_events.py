"""Published events: routing keys, types, who carries personal data, CloudEvents headers."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.events import (
    ARCHIVED_PATTERNS,
    CARRIES_PERSONAL_DATA,
    EVENTS,
    Event,
    OrderEvent,
    OrderPlacedEvent,
    OrderStatusChangedEvent,
    carries_personal_data,
    cloudevents_headers,
    event_model,
    event_type,
)
from schemas.facts import FACT_KINDS
from schemas.vocabulary import EXCEPTION_KINDS, NOTIFICATION_TEMPLATES

STATUS_CHANGED: dict[str, Any] = json.loads("""
{"order":"100000417","sequence":4,"status_sequence":2,"from":{"state":"new","status":"pending"},"to":{"state":"processing","status":"processing"},
 "label":"Faturado (aprovado)",
 "cause":{"kind":"payment.captured","source":"payments.pix","event_id":"E000..."},"occurred_at":"...","recorded_at":"..."}
""")
STATUS_CHANGED |= {"occurred_at": "2026-11-25T13:05:00Z", "recorded_at": "2026-11-25T13:05:01.250000+00:00"}  # the contract writes dots

COMMON = {
    "order": "100000417",
    "sequence": 1,
    "customer_id": "77",
    "occurred_at": "2026-11-25T13:05:00Z",
    "recorded_at": "2026-11-25T13:05:00Z",
    "cause": {"kind": "payment.captured", "source": "payments.pix", "event_id": "E1"},
}
CONTENT = {"items": [{"sku": "A", "quantity": 1, "unit_price_cents": 100}], "total_cents": 100}

# The least each event says, by an example of its routing key.
LEAST: dict[str, dict[str, Any]] = {
    "order.placed": COMMON | {"content": CONTENT | {"number": "100000417", "placed_at": "2026-11-25T10:00:00-03:00"}},
    "order.status_changed.processing": COMMON
    | {"status_sequence": 1, "from": None, "to": {"state": "new", "status": "pending"}, "label": "Pendente"},
    "order.edited": COMMON | {"child": "100000417-1", "content": CONTENT},
    "order.commented": COMMON,
    "payment.captured": COMMON | {"kind": "payment.captured", "provider": "pix"},
    "invoice.created": COMMON | {"invoice": "100000417", "total_cents": 100},
    "shipment.posted": COMMON | {"kind": "shipment.posted", "provider": "correios"},
    "refund.done": COMMON | {"kind": "refund.done", "refund": "r1", "amount_cents": 100},
    "fiscal.issued": COMMON | {"kind": "fiscal.issued", "provider": "nfe"},
    "stock.release_requested": COMMON | {"lines": [{"sku": "A", "quantity": 1}]},
    "stock.returned": COMMON | {"lines": [{"sku": "A", "quantity": 1}]},
    "erp.order.exported": COMMON | {"revision": 1, "format": "xml", "content": "<Order/>"},
    "notification.requested.email.order_placed": COMMON | {"key": "k", "template": "order_placed", "recipient": "a@exemplo.invalid"},
    "exception.opened.underpaid": COMMON | {"kind": "underpaid", "key": ""},
    "exception.resolved.underpaid": COMMON | {"kind": "underpaid", "key": ""},
    "command.rejected": {
        "id": "7",
        "command": "order.cancel",
        "code": "cancel_requires_refund",
        "occurred_at": "2026-11-25T13:05:00Z",
        "recorded_at": "2026-11-25T13:05:00Z",
    },
}


def test_the_contracts_status_change_is_valid_as_it_stands() -> None:
    event = OrderStatusChangedEvent.model_validate(STATUS_CHANGED)
    assert event.from_ is not None
    assert event.from_.status == "pending"
    assert json.loads(event.model_dump_json())["from"] == {"state": "new", "status": "pending"}


def test_every_family_has_an_example_here() -> None:
    assert {event_model(key) for key in LEAST} == set(EVENTS.values())


@pytest.mark.parametrize("key", LEAST)
def test_the_least_of_each_event_is_enough_and_nothing_of_it_too_much(key: str) -> None:
    model = event_model(key)
    model.model_validate(LEAST[key])
    required = {field.alias or name for name, field in model.model_fields.items() if field.is_required()}
    for name in required:
        with pytest.raises(ValidationError):
            model.model_validate({k: v for k, v in LEAST[key].items() if k != name})
    with pytest.raises(ValidationError):
        model.model_validate(LEAST[key] | {"surprise": 1})


def test_only_status_changes_count_status_changes() -> None:
    assert [pattern for pattern, model in EVENTS.items() if "status_sequence" in model.model_fields] == ["order.status_changed.*"]


def test_every_event_but_a_rejection_belongs_to_the_orders_sequence() -> None:
    assert [pattern for pattern, model in EVENTS.items() if not issubclass(model, OrderEvent)] == ["command.rejected"]
    assert "sequence" not in EVENTS["command.rejected"].model_fields


@pytest.mark.parametrize(
    ("routing_key", "type_name"),
    [
        ("order.placed", "order.placed.v1"),
        ("order.status_changed.processing", "order.status_changed.v1"),
        ("order.status_changed.em_separacao", "order.status_changed.v1"),
        ("payment.captured", "payment.captured.v1"),
        ("shipment.out_for_delivery", "shipment.out_for_delivery.v1"),
        ("fiscal.issued", "fiscal.issued.v1"),
        ("refund.failed", "refund.failed.v1"),
        ("notification.requested.email.order_approved", "notification.requested.v1"),
        ("exception.opened.paid_after_cancel", "exception.opened.v1"),
        ("exception.resolved.paid_after_cancel", "exception.resolved.v1"),
        ("erp.order.exported", "erp.order.exported.v1"),
        ("command.rejected", "command.rejected.v1"),
    ],
)
def test_types_are_versioned(routing_key: str, type_name: str) -> None:
    assert event_type(routing_key) == type_name


@pytest.mark.parametrize(
    "routing_key",
    [
        "",
        "order",
        "order.placed.v1",
        "order.status_changed",
        "order.status_changed.",
        "order.status_changed.a.b",
        "payment.stolen",
        "refund.*",
        "notification.requested.sms.order_placed",
        "notification.requested.email.spam",
        "exception.opened.boredom",
        "payment.*",
    ],
)
def test_a_key_that_is_not_ours_is_refused(routing_key: str) -> None:
    with pytest.raises(ValueError, match="no event"):
        event_type(routing_key)


def test_every_closed_word_has_its_key() -> None:
    for kind in FACT_KINDS:
        if not kind.startswith("order."):
            assert event_type(kind) == f"{kind}.v1"
    for kind in EXCEPTION_KINDS:
        assert event_type(f"exception.opened.{kind}") == "exception.opened.v1"
    for template in NOTIFICATION_TEMPLATES:
        assert event_type(f"notification.requested.email.{template}") == "notification.requested.v1"


def test_four_families_carry_personal_data_and_are_not_archived() -> None:
    assert {key for key in LEAST if carries_personal_data(key)} == {
        "order.placed",
        "order.edited",
        "erp.order.exported",
        "notification.requested.email.order_placed",
    }
    assert set(ARCHIVED_PATTERNS) | CARRIES_PERSONAL_DATA == set(EVENTS)
    assert not set(ARCHIVED_PATTERNS) & CARRIES_PERSONAL_DATA


def _names_of(schema: object) -> set[str]:
    if isinstance(schema, dict):
        own = set(schema.get("properties", ()))
        return own.union(*(_names_of(value) for value in schema.values()))
    if isinstance(schema, list):
        return set().union(*(_names_of(value) for value in schema))
    return set()


@pytest.mark.parametrize("pattern", ARCHIVED_PATTERNS)
def test_archived_events_have_no_field_for_a_person(pattern: str) -> None:
    personal = {
        "name",
        "email",
        "phone",
        "street",
        "postal_code",
        "customer",
        "billing_address",
        "shipping_address",
        "recipient",
        "text",
        "content",
    }
    assert not _names_of(EVENTS[pattern].model_json_schema()) & personal


def test_order_placed_carries_the_whole_order() -> None:
    event = OrderPlacedEvent.model_validate(LEAST["order.placed"])
    assert event.content.number == event.order


def test_cloudevents_headers() -> None:
    assert cloudevents_headers("order.status_changed.processing", "id-1", "2026-11-25T13:05:00Z", "100000417") == {
        "cloudEvents_specversion": "1.0",
        "cloudEvents_id": "id-1",
        "cloudEvents_source": "/order-hub",
        "cloudEvents_type": "order.status_changed.v1",
        "cloudEvents_time": "2026-11-25T13:05:00Z",
        "cloudEvents_subject": "100000417",
    }
    assert "cloudEvents_subject" not in cloudevents_headers("command.rejected", "id-1", "2026-11-25T13:05:00Z")


def test_events_are_published_models_only() -> None:
    assert all(issubclass(model, Event) for model in EVENTS.values())
