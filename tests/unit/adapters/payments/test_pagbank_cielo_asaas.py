"""PagBank, Cielo and Asaas beyond single payloads: the same money told twice, and who is believed."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.contract import Adapter, Facts, Fetch, PayloadMalformed, RawDelivery, Secrets, SignatureInvalid
from adapters.payments.asaas import ADAPTER as ASAAS
from adapters.payments.cielo import ADAPTER as CIELO
from adapters.payments.pagbank import ADAPTER as PAGBANK
from schemas.facts import PaymentFact

AT = datetime(2026, 1, 22, 13, 6, tzinfo=UTC)
FORM = b"notificationCode=766B9C-AD4B&notificationType=transaction"


def facts(adapter: Adapter, document: object) -> list[PaymentFact]:
    translation = adapter.translate(RawDelivery(json.dumps(document).encode(), {}, AT))
    assert isinstance(translation, Facts)
    return [fact for fact in translation.facts if isinstance(fact, PaymentFact)]


def asaas(event: str, number: int, **charge: Any) -> list[PaymentFact]:
    payment = {"id": "pay_1", "value": 149.90, "billingType": "PIX", "status": "RECEIVED", **charge}
    return facts(ASAAS, {"id": f"evt_{number}", "event": event, "dateCreated": "2026-01-22 10:05:00", "payment": payment})


# --- PagBank ------------------------------------------------------------------------------------------------------------------


def pagbank(body: bytes, token: str | None, *, require: bool = False) -> None:
    headers = {} if token is None else {"x-authenticity-token": token}
    PAGBANK.verify(RawDelivery(body, {"hub-http-headers": headers}, AT), Secrets(webhook=("token-teste",), require_signature=require))


def test_pagbanks_published_vector() -> None:
    pagbank(b'{"id":"CHAR_TESTE"}', "dbb99b2e44c151ffcd3e4837878b2450cee2ccbaf67f47abd461ba6fb8c30285")


def test_an_old_code_is_let_in_unsigned_unless_signatures_are_required() -> None:
    pagbank(FORM, None)
    with pytest.raises(SignatureInvalid):
        pagbank(FORM, None, require=True)
    with pytest.raises(SignatureInvalid):
        pagbank(FORM, "0" * 64)


@pytest.mark.parametrize("body", [b'{"id": "CHAR_1", "status": "PAID"}', FORM + b'&x={"id": 1}', b"notificationCode=1", b""])
def test_nothing_but_an_old_code_is_let_in_unsigned(body: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        pagbank(body, None)


def test_an_old_code_is_only_read() -> None:
    assert PAGBANK.translate(RawDelivery(FORM, {}, AT)) == Fetch("transaction", "766B9C-AD4B")
    assert PAGBANK.build_fetch is not None
    assert PAGBANK.build_fetch(Fetch("transaction", "766B9C-AD4B")).url.endswith("/v3/transactions/notifications/766B9C-AD4B")
    assert PAGBANK.build_fetch(Fetch("charge", "CHAR_1")).url == "/charges/CHAR_1"


def test_pagbanks_capture_is_the_same_fact_after_a_refund() -> None:
    charge = {"id": "CHAR_1", "status": "PAID", "paid_at": "2026-01-22T10:00:05-03:00"}
    before, after = (
        facts(PAGBANK, {**charge, "amount": {"value": 14990, "summary": {"paid": 14990, "refunded": refunded}}}) for refunded in (0, 2000)
    )
    assert before == after[:1]
    assert after[1].cumulative_cents == 2000


# --- Cielo --------------------------------------------------------------------------------------------------------------------


def test_a_cielo_secret_without_a_header_name_closes_the_door() -> None:
    for secret in ("segredo", "X-Hub-Chave:", ":segredo"):
        with pytest.raises(SignatureInvalid):
            CIELO.verify(RawDelivery(b"{}", {"hub-http-headers": {"X-Hub-Chave": "", "segredo": ""}}, AT), Secrets(webhook=(secret,)))


@pytest.mark.parametrize("identity", ["../1", "", "x" * 65, {"a": 1}])
def test_a_cielo_notice_must_name_a_payment(identity: object) -> None:
    with pytest.raises(PayloadMalformed, match="PaymentId"):
        CIELO.translate(RawDelivery(json.dumps({"PaymentId": identity, "ChangeType": 1}).encode(), {}, AT))


def test_a_cielo_sale_is_read_by_its_payment() -> None:
    assert CIELO.build_fetch is not None
    assert CIELO.build_fetch(Fetch("sale", "24bc8366")).url == "/1/sales/24bc8366"


# --- Asaas --------------------------------------------------------------------------------------------------------------------


def test_confirmed_and_received_are_one_capture() -> None:
    (confirmed,), (received,) = asaas("PAYMENT_CONFIRMED", 1), asaas("PAYMENT_RECEIVED", 2)
    assert confirmed == received


def test_a_refund_brings_its_capture_along() -> None:
    (received,) = asaas("PAYMENT_RECEIVED", 1)
    capture, refund = asaas("PAYMENT_REFUNDED", 2)
    assert (capture.event_id, capture.amount_cents) == (received.event_id, received.amount_cents)
    assert refund.cumulative_cents == received.amount_cents


def test_an_overdue_charge_can_still_be_paid() -> None:
    (fact,) = asaas("PAYMENT_OVERDUE", 1, status="OVERDUE", dueDate="2026-01-20")
    assert fact.kind == "payment.pending"
    assert fact.due_at == datetime(2026, 1, 21, 2, 59, 59, tzinfo=UTC)
