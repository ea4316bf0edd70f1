"""What is asked of Pagar.me and of the bank, and what their answers mean for the money."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.contract import (
    Adapter,
    Call,
    Facts,
    Failed,
    HttpResponse,
    NotDone,
    OutboundAction,
    PayloadMalformed,
    Query,
    RawDelivery,
    Unclear,
)  # fmt: skip
from adapters.payments.pagarme import ADAPTER as PAGARME
from adapters.payments.pix import ADAPTER as PIX
from schemas.facts import PaymentFact
from schemas.references import Reference

AT = datetime(2026, 1, 22, 13, 6, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"
OF_CHARGE = Call("refund", Reference(kind="charge_id", value="ch_1"), KEY, amount_cents=2000)
OF_PIX = Call("refund", Reference(kind="e2e", value="E1"), KEY, amount_cents=2000)
DEVOLUCAO = {"id": KEY, "rtrId": "D1", "valor": "20.00", "horario": {"solicitacao": "2026-01-22T10:00:00Z"}, "status": "EM_PROCESSAMENTO"}


def charge(returned: int = 0, **more: object) -> dict[str, Any]:
    told = {"id": "ch_1", "amount": 14990, "paid_amount": 14990, "canceled_amount": returned, "status": "paid"}
    return {**told, "paid_at": "2026-01-22T13:05:10Z", "last_transaction": {"id": "tran_1", "status": "captured"}, **more}


def response(document: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(document).encode())


def answer(adapter: Adapter, call: Call, got: HttpResponse) -> object:
    assert adapter.outbound is not None
    return adapter.outbound.operations[call.action].parse(call, got, AT)


def query(adapter: Adapter, action: OutboundAction = "refund") -> Query:
    assert adapter.outbound is not None
    asked = adapter.outbound.operations[action].query
    assert asked is not None
    return asked


def found(adapter: Adapter, call: Call, got: HttpResponse) -> object:
    return query(adapter, call.action).parse(call, got, AT)


@pytest.mark.parametrize(
    ("adapter", "call", "line", "asked"),
    [
        (PAGARME, OF_CHARGE, "DELETE /charges/ch_1", "GET /charges/ch_1"),
        (PIX, OF_PIX, f"PUT /pix/E1/devolucao/{KEY}", f"GET /pix/E1/devolucao/{KEY}"),
    ],
)
def test_a_repeat_is_the_same_request(adapter: Adapter, call: Call, line: str, asked: str) -> None:
    assert adapter.outbound is not None
    build = adapter.outbound.operations["refund"].build
    assert build(call) == build(call)
    assert f"{build(call).method} {build(call).url}" == line
    assert f"{query(adapter).build(call).method} {query(adapter).build(call).url}" == asked


def test_the_answer_to_a_devolucao_is_the_fact_that_the_callback_tells() -> None:
    told = answer(PIX, OF_PIX, response(DEVOLUCAO, 201))
    callback = {"pix": [{"endToEndId": "E1", "valor": "149.90", "horario": "2026-01-22T09:00:00Z", "devolucoes": [DEVOLUCAO]}]}
    translation = PIX.translate(RawDelivery(json.dumps(callback).encode(), {}, AT))
    assert isinstance(told, Facts)
    assert isinstance(translation, Facts)
    assert told.facts == translation.facts[1:]


def test_the_answer_about_another_devolucao_is_no_answer() -> None:
    with pytest.raises(PayloadMalformed, match=r"body\.id"):
        answer(PIX, OF_PIX, response({**DEVOLUCAO, "id": "another"}))


def test_the_answer_to_a_refund_is_the_charge() -> None:
    told = answer(
        PAGARME, OF_CHARGE, response(charge(2000, last_transaction={"id": "tran_R", "status": "partial_refunded", "amount": 2000}))
    )
    assert isinstance(told, Facts)
    kinds = {fact.kind: fact.cumulative_cents for fact in told.facts if isinstance(fact, PaymentFact)}
    assert kinds == {"payment.captured": None, "payment.refunded": 2000}


@pytest.mark.parametrize(("adapter", "call"), [(PAGARME, OF_CHARGE), (PIX, OF_PIX)])
def test_only_a_refusal_frees_the_money(adapter: Adapter, call: Call) -> None:
    assert isinstance(answer(adapter, call, response({}, 422)), Failed)
    for status in (302, 409, 418):
        assert isinstance(answer(adapter, call, response({}, status)), Unclear)
        assert isinstance(found(adapter, call, response({}, status)), Unclear)


def test_a_devolucao_that_the_bank_does_not_know_was_not_made() -> None:
    assert isinstance(found(PIX, OF_PIX, response({}, 404)), NotDone)
    assert isinstance(found(PIX, OF_PIX, response(DEVOLUCAO)), Facts)


@pytest.mark.parametrize(
    ("returned", "before", "meaning"),
    [(0, 0, NotDone), (2000, 0, Facts), (2000, 2000, NotDone), (4000, 2000, Facts), (3000, 0, Unclear), (1000, 2000, Unclear)],
)
def test_figures_say_whether_the_refund_is_among_what_went_back(returned: int, before: int, meaning: type) -> None:
    call = Call("refund", OF_CHARGE.payment_key, KEY, amount_cents=2000, told_cents=before)
    assert isinstance(found(PAGARME, call, response(charge(returned))), meaning)


@pytest.mark.parametrize(
    ("status", "kind"), [("pending_refund", "payment.refund_pending"), ("error_on_refunding", "payment.refund_failed")]
)
def test_a_charge_stays_paid_while_a_refund_waits_or_has_failed(status: str, kind: str) -> None:
    document = charge(last_transaction={"id": "tran_R", "status": status, "amount": 2000})
    told = answer(PAGARME, OF_CHARGE, response(document))
    assert isinstance(told, Facts)
    names = {fact.kind: fact.refund_id for fact in told.facts if isinstance(fact, PaymentFact)}
    assert names == {"payment.captured": None, kind: "tran_R"}
    assert isinstance(found(PAGARME, OF_CHARGE, response(document)), Unclear), "not made again by guess"


@pytest.mark.parametrize(
    ("more", "meaning"),
    [
        ({"status": "canceled", "last_transaction": {"status": "voided"}}, Facts),
        ({"status": "pending", "last_transaction": {"status": "authorized_pending_capture"}}, NotDone),
        ({"status": "paid", "paid_amount": 14990}, Unclear),
    ],
)
def test_a_void_is_found_on_the_charge(more: dict[str, Any], meaning: type) -> None:
    call = Call("void", OF_CHARGE.payment_key, KEY)
    document = {"id": "ch_1", "amount": 14990, "payment_method": "credit_card", **more}
    assert isinstance(found(PAGARME, call, response(document)), meaning)
