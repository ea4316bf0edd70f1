"""What the gateways' messages do to an order, in any order of arrival: golden bodies, real engine."""

import itertools
import json
from typing import Any

import pytest

from scripts.golden import ROOT
from tests import traffic, world
from tests.traffic import Message

TOTAL = 14990


def placed(*payments: dict[str, Any]) -> Message:
    document = json.loads(traffic.placed("PED1001", total=TOTAL).body)
    document["order"]["payments"] = list(payments)
    return Message("shop.orders", json.dumps(document).encode())


def told(provider: str, *cases: str) -> list[Message]:
    return [Message(f"payments.{provider}", (ROOT / "payments" / provider / case / "payload.json").read_bytes()) for case in cases]


def outcome(messages: list[Message]) -> tuple[Any, ...]:
    engine = world.open_engine("sqlite://")
    outcomes = world.feed(engine, messages)
    assert "dead_letter" not in world.kinds(outcomes)
    found = world.query(engine, "SELECT state, payment_state, captured_cents, refunded_cents, charged_back_cents FROM orders")
    world.close_engines()
    (row,) = found
    return row


CARD = {"method": "card", "amount_cents": TOTAL}


@pytest.mark.parametrize(
    ("provider", "cases", "expected"),
    [
        ("mercadopago", ("pending_challenge", "rejected_high_risk", "approved_accredited"), ("processing", "paid", TOTAL, 0, 0)),
        ("mercadopago", ("approved_pix", "approved_partially_refunded"), ("processing", "partially_refunded", TOTAL, 2000, 0)),
        ("mercadopago", ("approved_accredited", "refunded", "refunded_by_admin"), ("closed", "refunded", TOTAL, TOTAL, 0)),
        ("mercadopago", ("charged_back_in_process", "charged_back_settled"), ("closed", "charged_back", TOTAL, 0, TOTAL)),
        ("mercadopago", ("charged_back_in_process", "charged_back_reimbursed"), ("processing", "paid", TOTAL, 0, 0)),
        ("pagbank", ("order_authorized", "order_paid_card", "order_partly_refunded"), ("processing", "partially_refunded", TOTAL, 2000, 0)),
        ("pagbank", ("order_paid_card", "order_canceled_after_capture"), ("closed", "refunded", TOTAL, TOTAL, 0)),
        ("asaas", ("created", "confirmed", "received"), ("processing", "paid", TOTAL, 0, 0)),
        ("asaas", ("overdue", "received_late_with_interest"), ("processing", "paid", TOTAL, 0, 0)),
        ("asaas", ("received", "refunded"), ("closed", "refunded", TOTAL, TOTAL, 0)),
    ],
)
def test_the_end_is_the_same_in_any_order_of_arrival(provider: str, cases: tuple[str, ...], expected: tuple[Any, ...]) -> None:
    order = placed({**CARD, "provider": provider, "references": [{"kind": "external_reference", "value": "PED1001"}]})
    for messages in itertools.permutations([order, *told(provider, *cases)]):
        assert outcome([*messages, *messages[:2]]) == expected


def test_money_that_the_bank_told_and_the_statement_proves_counts_once() -> None:
    txid = "LOJA1001"
    order = placed({"method": "pix", "provider": "pix", "reference": txid, "amount_cents": TOTAL})
    pix = {"endToEndId": "E00000000202601221305abcdefghijk", "txid": txid, "valor": "149.90", "horario": "2026-01-22T13:05:10Z"}
    callback = Message("payments.pix", json.dumps({"pix": [pix]}).encode())
    payment = {
        "order": "PED1001", "references": [{"kind": "txid", "value": txid}], "key": {"kind": "e2e", "value": pix["endToEndId"]},
        "method": "pix", "amount_cents": TOTAL,
    }  # fmt: skip
    fact = {"kind": "payment.captured", "id": "extrato-17", "occurred_at": "2026-01-22T10:05:10-03:00", "source": "statement"}
    statement = Message("payments.generic", json.dumps({"facts": [{**fact, "payment": payment}]}).encode())
    for messages in itertools.permutations([order, callback, statement]):
        assert outcome(list(messages)) == ("processing", "paid", TOTAL, 0, 0)
    assert outcome([order, statement]) == ("processing", "paid", TOTAL, 0, 0)
