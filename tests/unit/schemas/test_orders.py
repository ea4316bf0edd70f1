"""The shop's messages, as the contract shows them."""

import copy
import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.facts import OrderFact, parse_fact
from schemas.facts.payments import PaymentMethod
from schemas.orders import OrderCanceledMessage, OrderPlacedMessage, OrderRules

PLACED: dict[str, Any] = json.loads("""
{"type":"order.placed.v1","id":"evt-1","order":{"number":"100000417","placed_at":"2026-11-25T10:00:00-03:00","currency":"BRL",
 "customer":{"id":"77","name":"Cliente Exemplo","email":"cliente@exemplo.invalid","document":"12345678909"},
 "billing_address":{"street":"Rua A","number":"10","district":"Centro","city":"Campinas",
  "state":"SP","postal_code":"13010000","country":"BR"},
 "shipping_address":{"street":"Rua A","number":"10","district":"Centro","city":"Campinas",
  "state":"SP","postal_code":"13010000","country":"BR"},
 "items":[{"sku":"CAM-01","name":"Camiseta","quantity":2,"unit_price_cents":4990,"virtual":false}],
 "shipping":{"carrier":"melhor_envio","service":"PAC","amount_cents":1990},"discount_cents":0,"total_cents":11970,
 "payments":[{"method":"pix","provider":"pix","reference":"ped100000417a0000000000000000","amount_cents":11970,
  "due_at":"2026-11-26T10:00:00-03:00"}]}}
""")
CANCELED: dict[str, Any] = json.loads("""
{"type":"order.canceled.v1","id":"evt-2","order":{"number":"100000417","reason":"customer_request","canceled_at":"2026-11-25T12:00:00-03:00"}}
""")


def test_the_contracts_order_placed_is_read() -> None:
    message = OrderPlacedMessage.model_validate(PLACED)
    assert message.order.total_cents == 11970
    assert message.order.placed_at.isoformat() == "2026-11-25T13:00:00+00:00"
    assert message.order.payments[0].reference == "ped100000417a0000000000000000"


def test_the_contracts_order_canceled_is_read() -> None:
    assert OrderCanceledMessage.model_validate(CANCELED).order.reason == "customer_request"


def test_four_fields_make_an_order() -> None:
    order: dict[str, Any] = {
        "number": "1",
        "placed_at": "2026-11-25T10:00:00-03:00",
        "items": [{"sku": "A", "quantity": 1, "unit_price_cents": 1}],
        "total_cents": 1,
    }
    OrderPlacedMessage.model_validate({"type": "order.placed.v1", "id": "e", "order": order})
    for name in order:
        rest = {key: value for key, value in order.items() if key != name}
        with pytest.raises(ValidationError, match=name):
            OrderPlacedMessage.model_validate({"type": "order.placed.v1", "id": "e", "order": rest})


def test_unknown_fields_of_the_shop_are_ignored() -> None:
    document = copy.deepcopy(PLACED)
    document["channel"] = "app"
    document["order"]["coupon"] = "X"
    document["order"]["items"][0]["weight_g"] = 150
    assert OrderPlacedMessage.model_validate(document) == OrderPlacedMessage.model_validate(PLACED)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("currency",), "USD"),
        (("total_cents",), 119.70),
        (("total_cents",), "11970"),
        (("total_cents",), 10**13),
        (("placed_at",), "2026-11-25T10:00:00"),
        (("placed_at",), 1764072000),
        (("items",), []),
        (("items", 0, "quantity"), 0),
        (("items", 0, "sku"), ""),
        (("items", 0, "unit_price_cents"), -1),
        (("customer", "name"), "Zé\x00"),
        (("customer", "name"), "\ud800"),
        (("payments", 0, "method"), "bitcoin"),
        (("number",), 100000417),
        (("number",), ""),
    ],
)
def test_a_wrong_order_is_refused(path: tuple[str | int, ...], value: object) -> None:
    document = copy.deepcopy(PLACED)
    spot: Any = document["order"]
    for step in path[:-1]:
        spot = spot[step]
    spot[path[-1]] = value
    with pytest.raises(ValidationError):
        OrderPlacedMessage.model_validate(document)


def test_the_rules_of_the_shop_have_the_contracts_defaults() -> None:
    assert OrderRules().model_dump() == {
        "amount_tolerance_cents": 0,
        "close_on_full_refund": True,
        "expire_boleto_grace_days": 3,
        "expire_pix_grace_s": 3600,
        "expire_other_s": 10 * 86400,
        "expire_settle_s": 15 * 60,
        "cancel_refused_after_s": 24 * 3600,
        "void_on_cancel": True,
        "hold_on_value_mismatch": "above",
        "require_nf_before_shipping": False,
        "fiscal_tolerance_cents": 5,
        "homologation": False,
    }


def test_the_placed_fact_comes_back_from_its_canonical_document() -> None:
    fact = OrderFact(
        kind="order.placed",
        event_id="evt-1",
        provider="shop",
        occurred_at=OrderPlacedMessage.model_validate(PLACED).order.placed_at,
        number="100000417",
        order=OrderPlacedMessage.model_validate(PLACED).order,
        content_hash="ab",
        rules=OrderRules(cancel_refused_after_s=None),
    )
    assert parse_fact(json.loads(fact.model_dump_json())) == fact


@pytest.mark.parametrize("module", ["base", "references", "orders", "facts", "vocabulary", "commands", "events", "documents"])
def test_every_module_can_be_imported_first(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"import schemas.{module}"], check=True)


def test_payment_methods_are_those_of_the_contract() -> None:
    for word in ("card", "pix", "boleto", "transfer", "cash", "wallet", "other"):
        assert TypeAdapter(PaymentMethod).validate_python(word) == word
