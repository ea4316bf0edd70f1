"""Pagar.me beyond single payloads: the same money told twice, and the modes of authentication."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.contract import Facts, Fetch, PayloadMalformed, RawDelivery, Secrets, SignatureInvalid, SigningKeyUnknown
from adapters.payments.pagarme import ADAPTER
from schemas.facts import PaymentFact
from tests.contract.adapter_cases import PAGARME_SECRETS, pagarme_header

AT = datetime(2026, 1, 22, 13, 6, tzinfo=UTC)
BODY = b'{"id": "hook_1"}'
CHARGE = {
    "id": "ch_1", "code": "PED1001", "amount": 14990, "paid_amount": 14990, "status": "paid", "payment_method": "pix",
    "paid_at": "2026-01-22T13:05:10Z", "last_transaction": {"id": "tran_1", "status": "paid", "amount": 14990},
}  # fmt: skip
ORDER = {"id": "or_1", "code": "PED1001"}


def facts(event: str, data: Any, hook_id: str = "hook_1") -> tuple[PaymentFact, ...]:
    body = json.dumps({"id": hook_id, "type": event, "created_at": "2026-01-22T13:05:11Z", "data": data}).encode()
    translation = ADAPTER.translate(RawDelivery(body, {}, AT))
    assert isinstance(translation, Facts)
    assert translation.delivery_id == hook_id
    return tuple(fact for fact in translation.facts if isinstance(fact, PaymentFact))


def money(fact: PaymentFact) -> dict[str, object]:
    """Return what a fact does to the ledger: all but how the telling is named."""
    return fact.model_dump(exclude={"event_id", "raw_word"})


def test_order_paid_tells_what_charge_paid_told() -> None:
    (by_charge,) = facts("charge.paid", {**CHARGE, "order": ORDER}, "hook_1")
    (by_order,) = facts("order.paid", {**ORDER, "charges": [CHARGE]}, "hook_2")
    assert money(by_order) == money(by_charge)
    assert by_order.event_id != by_charge.event_id


def test_a_refund_brings_its_capture_along_as_it_was_told_before() -> None:
    (before,) = facts("charge.paid", {**CHARGE, "order": ORDER}, "hook_1")
    canceled = {**CHARGE, "order": ORDER, "status": "canceled", "canceled_amount": 14990}
    capture, refund = facts("charge.refunded", canceled, "hook_2")
    assert money(capture) == money(before)
    assert refund.cumulative_cents == before.amount_cents


def test_two_partial_refunds_told_in_either_order_reach_the_same_figure() -> None:
    hooks = [
        {**CHARGE, "canceled_amount": cents, "last_transaction": {"status": "partial_refunded", "amount": 1000}} for cents in (1000, 2000)
    ]
    figures = [facts("charge.partial_canceled", data)[1].cumulative_cents for data in hooks]
    assert figures == [1000, 2000]


def test_a_pending_refund_and_its_end_have_one_name() -> None:
    under_way = {**CHARGE, "last_transaction": {"id": "tran_R", "status": "pending_refund", "amount": 5000}}
    done = {**CHARGE, "canceled_amount": 5000, "last_transaction": {"id": "tran_R", "status": "partial_refunded", "amount": 5000}}
    (pending,) = facts("charge.updated", under_way)
    _, refunded = facts("charge.partial_canceled", done)
    assert pending.refund_id == refunded.refund_id == "tran_R"
    assert refunded.amount_cents is None, "the size of the operation is never added up"


@pytest.mark.parametrize("data", [{"id": "ch_1", "status": "canceled"}, {"id": "ch_1"}])
def test_a_refund_of_an_amount_that_nothing_tells_is_unreadable(data: dict[str, object]) -> None:
    with pytest.raises(PayloadMalformed, match=r"data\.canceled_amount: missing"):
        facts("charge.refunded", data)
    with pytest.raises(PayloadMalformed, match=r"data\.canceled_amount: missing"):
        facts("charge.partial_canceled", data)


@pytest.mark.parametrize(
    ("due_at", "until"),
    [
        ("2026-01-20T00:00:00", "2026-01-21T02:59:59"),
        ("2026-01-20T00:00:00Z", "2026-01-21T02:59:59"),
        ("2026-01-20T23:59:59", "2026-01-21T02:59:59"),
        ("2026-01-21T02:59:59Z", "2026-01-21T02:59:59"),
        ("2026-01-20T00:00:00-03:00", "2026-01-21T02:59:59"),
        ("2026-01-20T12:00:00Z", "2026-01-21T02:59:59"),
    ],
)
def test_a_boleto_may_be_paid_to_the_end_of_its_day_in_sao_paulo(due_at: str, until: str) -> None:
    (fact,) = facts("charge.pending", {"id": "ch_1", "status": "pending", "payment_method": "boleto", "due_at": due_at})
    assert fact.due_at == datetime.fromisoformat(until).replace(tzinfo=UTC)


def test_an_order_is_read_by_its_id() -> None:
    assert ADAPTER.build_fetch is not None
    assert ADAPTER.build_fetch(Fetch("order", "or_1")).url == "/orders/or_1"
    assert ADAPTER.build_fetch(Fetch("charge", "../x")).url == "/charges/..%2Fx"


# --- Signatures ---------------------------------------------------------------------------------------------------------------


def verify(secrets: Secrets, body: bytes = BODY, **headers: str) -> None:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    ADAPTER.verify(RawDelivery(body, {"hub-http-headers": names}, AT), secrets)


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def test_the_header_is_read_with_blanks_and_padding() -> None:
    alg, kid, signature = pagarme_header(BODY, 0).split(";")
    verify(PAGARME_SECRETS, X_Webhook_Asymmetric_Signature=f" {kid} ; {signature}== ;{alg.replace('alg', 'ALG')}")


def test_a_key_that_was_rotated_in_is_asked_for() -> None:
    with pytest.raises(SigningKeyUnknown) as caught:
        verify(PAGARME_SECRETS, x_webhook_asymmetric_signature=pagarme_header(BODY, 0, key_id="key-9"))
    assert caught.value.key_id == "key-9"


def test_signed_mode_may_begin_without_a_key_set() -> None:
    with pytest.raises(SigningKeyUnknown):
        verify(Secrets(require_signature=True), x_webhook_asymmetric_signature=pagarme_header(BODY, 0))
    verify(Secrets(), x_webhook_asymmetric_signature=pagarme_header(BODY, 0))


@pytest.mark.parametrize("alg", ["none", "HS256", "rs256", "RS512", ""])
def test_another_algorithm_is_refused(alg: str) -> None:
    header = pagarme_header(BODY, 0).replace("alg=RS256", f"alg={alg}")
    with pytest.raises(SignatureInvalid, match="RS256"):
        verify(PAGARME_SECRETS, x_webhook_asymmetric_signature=header)


@pytest.mark.parametrize(
    "header", ["", ";;;", "alg=RS256", "alg=RS256;kid=key-0", "alg=RS256;kid=key-0;signature=***", "alg=RS256;kid=;signature=AA"]
)
def test_a_header_that_is_not_whole_is_refused(header: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify(PAGARME_SECRETS, x_webhook_asymmetric_signature=header)


def test_either_mode_will_do_where_both_are_configured() -> None:
    both = Secrets(jwks=PAGARME_SECRETS.jwks, webhook=("loja:senha",))
    verify(both, x_webhook_asymmetric_signature=pagarme_header(BODY, 1))
    verify(both, authorization=basic("loja:senha"))
    with pytest.raises(SignatureInvalid):
        verify(both, authorization=basic("loja:errada"))


def test_a_wrong_signature_is_not_made_good_by_a_password() -> None:
    both = Secrets(jwks=PAGARME_SECRETS.jwks, webhook=("loja:senha",))
    with pytest.raises(SignatureInvalid):
        verify(both, b"other", authorization=basic("loja:senha"), x_webhook_asymmetric_signature=pagarme_header(BODY, 1))


def test_a_required_signature_is_met_by_the_password_where_only_that_is_configured() -> None:
    secrets = Secrets(webhook=("loja:senha",), require_signature=True)
    verify(secrets, authorization=basic("loja:senha"), x_webhook_asymmetric_signature=pagarme_header(BODY, 1))


def test_a_secret_that_is_no_user_and_password_closes_the_door() -> None:
    with pytest.raises(SignatureInvalid):
        verify(Secrets(webhook=("senha",)), authorization=basic("loja:senha"))
