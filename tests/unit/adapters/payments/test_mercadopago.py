"""Mercado Pago beyond single payloads: the same money told in several ways, and who is believed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.contract import Facts, Fetch, HttpResponse, Ignored, PayloadMalformed, RawDelivery, Secrets, SignatureInvalid, Translation
from adapters.payments.mercadopago import ADAPTER
from schemas.facts import PaymentFact
from tests.contract.adapter_cases import mercadopago_headers

AT = datetime(2026, 1, 22, 13, 6, tzinfo=UTC)
SECRET = "segredo-de-teste"
REQUEST = "11111111-2222-4333-8444-555555555555"
PAYMENT: dict[str, Any] = {
    "id": 900000001, "status": "approved", "status_detail": "accredited", "transaction_amount": 149.90, "transaction_amount_refunded": 0,
    "currency_id": "BRL", "payment_method_id": "pix", "payment_type_id": "bank_transfer", "external_reference": "PED1001",
    "date_created": "2026-01-22T10:00:00.000-03:00", "date_approved": "2026-01-22T10:00:10.000-03:00",
    "date_last_updated": "2026-01-22T10:00:10.000-03:00", "refunds": [],
}  # fmt: skip


def answered(resource: str, document: object) -> Translation:
    assert ADAPTER.parse_response is not None
    return ADAPTER.parse_response(Fetch(resource, "1"), HttpResponse(200, {}, json.dumps(document).encode()), AT)


def facts(resource: str, document: object) -> list[PaymentFact]:
    translation = answered(resource, document)
    assert isinstance(translation, Facts)
    return [fact for fact in translation.facts if isinstance(fact, PaymentFact)]


# --- The same money -----------------------------------------------------------------------------------------------------------


def test_a_capture_is_the_same_fact_however_much_has_gone_back_since() -> None:
    refunds = [{"id": number, "amount": 20.00, "status": "approved", "date_created": "2026-01-23T07:59:00-03:00"} for number in (1, 2)]
    later = {**PAYMENT, "status_detail": "partially_refunded", "date_last_updated": "2026-01-23T08:00:00-03:00"}
    captures = [facts("payment", {**later, "refunds": refunds[:count], "transaction_amount_refunded": 20 * count})[0] for count in (1, 2)]
    assert [facts("payment", PAYMENT)[0]] * 2 == captures


def test_a_refund_keeps_its_name_through_its_states() -> None:
    told = [
        facts("payment", {**PAYMENT, "refunds": [{"id": 7, "amount": 30.00, "status": status}]})[1]
        for status in ("in_process", "rejected", "approved")
    ]
    assert [fact.refund_id for fact in told] == ["7"] * 3
    assert len({fact.event_id for fact in told}) == 3


def test_a_merchant_order_tells_what_its_payment_told() -> None:
    summary = {name: PAYMENT[name] for name in ("id", "status", "status_detail", "transaction_amount", "currency_id", "date_approved")}
    order = {"id": 3, "external_reference": "PED1001", "payments": [{**summary, "amount_refunded": 20, "last_modified": AT.isoformat()}]}
    capture, refund = facts("merchant_order", order)
    (known,) = facts("payment", PAYMENT)
    assert (capture.payment_key, capture.event_id, capture.amount_cents) == (known.payment_key, known.event_id, known.amount_cents)
    assert refund.cumulative_cents == 2000


def test_a_payment_and_its_chargeback_tell_of_one_dispute() -> None:
    *_, by_payment = facts("payment", {**PAYMENT, "status": "charged_back", "status_detail": "settled"})
    (by_chargeback,) = facts("chargeback", {"id": "217", "payments": [900000001], "coverage_applied": False})
    assert by_payment.dispute_id == by_chargeback.dispute_id
    assert (by_payment.kind, by_chargeback.kind) == ("payment.chargeback_lost", "payment.chargeback_opened")


def test_a_mediation_and_its_claim_tell_of_one_dispute_which_is_not_the_chargebacks() -> None:
    *_, by_payment = facts("payment", {**PAYMENT, "status": "in_mediation", "status_detail": "pending"})
    (by_claim,) = facts("claim", {"id": 5, "resource": "payment", "resource_id": 900000001, "status": "opened"})
    *_, chargeback = facts("payment", {**PAYMENT, "status": "charged_back", "status_detail": "in_process"})
    assert by_payment.dispute_id == by_claim.dispute_id != chargeback.dispute_id


def test_two_visits_to_one_status_are_two_facts_and_two_readings_of_one_are_one() -> None:
    pending = {**PAYMENT, "status": "pending", "status_detail": "pending_waiting_transfer", "date_approved": None}
    again = {**pending, "date_last_updated": "2026-01-22T11:00:00-03:00"}
    first, same, second = (facts("payment", document)[0].event_id for document in (pending, pending, again))
    assert first == same != second


def test_the_notice_of_a_refund_is_that_of_the_capture() -> None:
    assert not ADAPTER.body_identifies_event


@pytest.mark.parametrize("cents", ["0.01", "149.9", "149.90", "100", "99999.99"])
def test_an_amount_is_exact(cents: str) -> None:
    body = json.dumps({**PAYMENT, "transaction_amount": "@"}).replace('"@"', cents).encode()
    translation = ADAPTER.translate(RawDelivery(body, {}, AT))
    assert isinstance(translation, Facts)
    (fact,) = translation.facts
    assert isinstance(fact, PaymentFact)
    assert fact.amount_cents == round(float(cents) * 100)


# --- What is read -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("payment", "/v1/payments/900000001"),
        ("order", "/v1/orders/900000001"),
        ("chargeback", "/v1/chargebacks/900000001"),
        ("merchant_order", "/merchant_orders/900000001"),
        ("claim", "/post-purchase/v1/claims/900000001"),
    ],
)
def test_each_resource_has_its_path(resource: str, path: str) -> None:
    assert ADAPTER.build_fetch is not None
    request = ADAPTER.build_fetch(Fetch(resource, "900000001"))
    assert (request.method, request.url) == ("GET", path)
    assert resource in ADAPTER.resources


@pytest.mark.parametrize("resource", ["123", 123, "https://api.mercadolibre.com/merchant_orders/123", "/merchant_orders/123/"])
def test_the_resource_of_an_ipn_notice_ends_in_its_id(resource: object) -> None:
    body = json.dumps({"topic": "merchant_order", "resource": resource}).encode()
    assert ADAPTER.translate(RawDelivery(body, {}, AT)) == Fetch("merchant_order", "123")


@pytest.mark.parametrize("resource", ["", "https://x/?id=1", "a b", "../..", [], {}, True])
def test_a_resource_without_an_id_is_unreadable(resource: object) -> None:
    with pytest.raises(PayloadMalformed, match="resource"):
        ADAPTER.translate(RawDelivery(json.dumps({"topic": "payment", "resource": resource}).encode(), {}, AT))


def test_what_the_panel_simulates_is_ignored_in_every_form() -> None:
    for body in ({"type": "payment", "data": {"id": 123456}}, {"topic": "payment", "resource": "123456"}):
        assert isinstance(ADAPTER.translate(RawDelivery(json.dumps(body).encode(), {}, AT)), Ignored)


# --- Who is believed ----------------------------------------------------------------------------------------------------------


def verify(headers: dict[str, object], *secrets: str, received_at: datetime | None = None, **more: Any) -> None:
    known = Secrets(webhook=secrets or (SECRET,), **more)
    stamped = {} if received_at is None else {"hub-received-at": received_at.isoformat()}
    ADAPTER.verify(RawDelivery(b"{}", {**headers, **stamped}, AT), known)


def signed(resource_id: str | None, request_id: str | None, digest: str, timestamp: str = "1767225600") -> dict[str, object]:
    headers = {"x-signature": f"ts={timestamp},v1={digest}"} | ({} if request_id is None else {"x-request-id": request_id})
    return {"hub-http-headers": headers, "hub-http-query": {} if resource_id is None else {"data.id": resource_id}}


def test_the_published_vectors() -> None:
    verify(signed("900000001", REQUEST, "732d05859202be3f4fc122d395231bc4757cc0ece5622fc4a211fb4f9c0b3114"))
    verify(signed("900000001", None, "df2f07eb99b8f43ace40a1afefb440e25b5285c92486bcfc42791b989bcfc693"))


@pytest.mark.parametrize("signed_id", ["ORD01JTESTE", "ord01jteste"])
def test_an_id_may_be_signed_as_it_is_sent_or_in_lower_case(signed_id: str) -> None:
    headers = mercadopago_headers(SECRET, signed_id, REQUEST, "1767225600")
    verify({**headers, "hub-http-query": {"data.id": "ORD01JTESTE"}})


def test_an_id_in_another_case_than_both_is_refused() -> None:
    headers = mercadopago_headers(SECRET, "Ord01JTeste", REQUEST, "1767225600")
    with pytest.raises(SignatureInvalid):
        verify({**headers, "hub-http-query": {"data.id": "ORD01JTESTE"}})


@pytest.mark.parametrize("value", ["", "ts=1767225600", "v1=" + "0" * 64, "ts=x,v1=" + "0" * 64, "ts=1,v1=short", "garbage"])
def test_a_header_that_is_not_whole_is_refused(value: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify({"hub-http-headers": {"x-signature": value}, "hub-http-query": {"data.id": "1"}})


def test_an_ipn_notice_is_let_in_unsigned_unless_signatures_are_required() -> None:
    notice: dict[str, object] = {"hub-http-headers": {}, "hub-http-query": {"topic": "payment", "id": "900000001"}}
    verify(notice)
    with pytest.raises(SignatureInvalid):
        verify(notice, require_signature=True)


def test_a_webhook_is_not_let_in_by_a_topic_beside_its_id() -> None:
    with pytest.raises(SignatureInvalid):
        verify({"hub-http-headers": {}, "hub-http-query": {"topic": "payment", "data.id": "900000001"}})


@pytest.mark.parametrize("timestamp", ["1767225600", "1767225600000"])
def test_the_age_counts_only_where_a_limit_is_set_in_seconds_and_in_milliseconds(timestamp: str) -> None:
    headers = mercadopago_headers(SECRET, "900000001", REQUEST, timestamp)
    sent = datetime(2026, 1, 1, tzinfo=UTC)
    verify(headers, received_at=sent + timedelta(days=4))
    verify(headers, received_at=sent + timedelta(seconds=300), extra={"max_age_s": "300"})
    verify(headers, extra={"max_age_s": "300"})
    with pytest.raises(SignatureInvalid, match="300 s"):
        verify(headers, received_at=sent + timedelta(seconds=301), extra={"max_age_s": "300"})


@pytest.mark.parametrize(("limit", "timestamp"), [("five minutes", "1767225600"), ("300", "9" * 16)])
def test_an_age_that_cannot_be_told_is_refused(limit: str, timestamp: str) -> None:
    headers = mercadopago_headers(SECRET, "900000001", REQUEST, timestamp)
    with pytest.raises(SignatureInvalid):
        verify(headers, received_at=AT, extra={"max_age_s": limit})
