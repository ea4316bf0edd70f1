"""Pix beyond single payloads: notifications that grow, two ways to the same fact, the secret in the URL."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.contract import Facts, Fetch, PayloadMalformed, RawDelivery, Secrets, SignatureInvalid
from adapters.payments.pix import ADAPTER
from schemas.facts import Fact

AT = datetime(2026, 1, 22, 13, 6, tzinfo=UTC)
PIX = {"endToEndId": "E1", "txid": "ped1001a0000000000000000000001", "valor": "149.90", "horario": "2026-01-22T13:05:10.000Z"}


def facts(document: Any) -> tuple[Fact, ...]:
    translation = ADAPTER.translate(RawDelivery(json.dumps(document).encode(), {}, AT))
    assert isinstance(translation, Facts)
    return translation.facts


def refund(number: int, status: str = "DEVOLVIDO", **more: object) -> dict[str, object]:
    times = {"solicitacao": f"2026-01-2{number}T10:00:00Z", "liquidacao": f"2026-01-2{number}T10:00:05Z"}
    return {"id": f"r{number}", "rtrId": f"D{number}", "valor": "20.00", "horario": times, "status": status, **more}


def shares(pix: dict[str, Any]) -> dict[str, int]:
    """Return the debt that each return of a Pix takes, by its name."""
    told = [fact.model_dump() for fact in facts({"pix": [pix]})[1:]]
    return {fact["refund_id"]: fact["amount_cents"] for fact in told}


def test_the_capture_is_the_same_fact_each_time_the_list_of_refunds_has_grown() -> None:
    captures = [facts({"pix": [{**PIX, "devolucoes": [refund(n) for n in range(1, count)]}]})[0] for count in range(1, 5)]
    assert captures == [captures[0]] * 4
    assert captures[0].event_id == "E1"


def test_a_refund_keeps_its_name_through_its_states_and_is_a_fact_of_its_own_in_each() -> None:
    told = [
        facts({"pix": [{**PIX, "devolucoes": [refund(1, status)]}]})[1] for status in ("EM_PROCESSAMENTO", "NAO_REALIZADO", "DEVOLVIDO")
    ]
    assert [fact.model_dump()["refund_id"] for fact in told] == ["E1:r1"] * 3
    assert [fact.event_id for fact in told] == ["E1:r1:EM_PROCESSAMENTO", "E1:r1:NAO_REALIZADO", "E1:r1:DEVOLVIDO"]


def test_a_refund_has_one_name_before_and_after_the_bank_gave_it_an_id() -> None:
    before, after = refund(1, "EM_PROCESSAMENTO"), refund(1)
    del before["rtrId"]
    names = [facts({"pix": [{**PIX, "devolucoes": [state]}]})[1].model_dump()["refund_id"] for state in (before, after)]
    assert names == ["E1:r1", "E1:r1"]


def test_the_callback_and_an_answer_of_the_bank_tell_the_same_fact() -> None:
    callback = facts({"pix": [PIX]})
    charge = {"txid": PIX["txid"], "status": "CONCLUIDA", "pix": [{**PIX, "txid": None}]}
    assert facts(PIX) == facts(charge) == facts({"parametros": {}, "pix": [PIX]}) == callback


def test_two_payments_of_one_static_code_are_two_movements() -> None:
    first, second = facts({"pix": [{**PIX, "txid": "LOJA1"}, {**PIX, "txid": "LOJA1", "endToEndId": "E2"}]})
    assert first.model_dump()["payment_key"] != second.model_dump()["payment_key"]
    assert "txid" in ADAPTER.shared_kinds


def test_a_callback_of_which_nothing_can_be_read_is_one_dead_letter() -> None:
    with pytest.raises(PayloadMalformed, match=r"^pix\[0\]: Input should be .*; and 2 more of the same delivery$"):
        facts({"pix": [1, 2, 3]})


@pytest.mark.parametrize("value", [None, "x", 1, {"pix": []}])
def test_what_the_list_is_not(value: object) -> None:
    body = json.dumps({"pix": value}).encode()
    if value is None:
        assert not isinstance(ADAPTER.translate(RawDelivery(body, {}, AT)), Facts)
    else:
        with pytest.raises(PayloadMalformed):
            ADAPTER.translate(RawDelivery(body, {}, AT))


@pytest.mark.parametrize("hmac", ["segredo", "segredo/pix"])
def test_the_secret_in_the_url_may_have_swallowed_the_suffix(hmac: str) -> None:
    # https://loja.example/webhook?hmac=segredo, registered without `&ignorar=`.
    ADAPTER.verify(RawDelivery(b"", {"hub-http-headers": {}, "hub-http-query": {"hmac": hmac}}, AT), Secrets(webhook=("segredo",)))


@pytest.mark.parametrize("hmac", ["", "/pix", "Segredo", "segredo/", "segredo/pix/pix", "segredo\ud800"])
def test_what_is_not_the_secret(hmac: str) -> None:
    delivery = RawDelivery(b"", {"hub-http-headers": {}, "hub-http-query": {"hmac": hmac}}, AT)
    with pytest.raises(SignatureInvalid):
        ADAPTER.verify(delivery, Secrets(webhook=("segredo",)))


def test_a_charge_is_read_by_its_txid() -> None:
    assert ADAPTER.build_fetch is not None
    assert ADAPTER.build_fetch(Fetch("cobv", "a/b?c")).url == "/cobv/a%2Fb%3Fc"


def test_a_due_date_beyond_this_century_is_no_due_date() -> None:
    charge = {"txid": "t", "status": "ATIVA", "calendario": {"criacao": "2026-01-22T13:00:00Z", "expiracao": 10**10}}
    assert facts(charge)[0].model_dump()["due_at"] is None
    charge["calendario"] = {"dataDeVencimento": "2026-01-22", "validadeAposVencimento": 10**9}
    assert facts(charge)[0].model_dump()["due_at"] is None


def test_a_charge_without_its_creation_or_its_expiry_has_no_due_date() -> None:
    for calendar in ({"criacao": "2026-01-22T13:00:00Z"}, {"expiracao": 3600}, {}, None):
        assert facts({"txid": "t", "status": "ATIVA", "calendario": calendar})[0].model_dump()["due_at"] is None


def test_a_bank_may_add_a_status_to_its_callback() -> None:
    assert facts({"status": "OK", "pix": [PIX]}) == facts({"pix": [PIX]})
    with pytest.raises(PayloadMalformed, match="neither"):
        facts({"status": "OK"})


def test_of_a_discounted_pix_the_return_that_settled_last_takes_the_rest_of_the_debt() -> None:
    # 90.00 settled 100.00; whichever return is listed first, the later one stands for the 10.00 that were never paid.
    discounted = {**PIX, "valor": "90.00", "componentesValor": {"desconto": {"valor": "10.00"}}}
    asked_first = {"solicitacao": "2026-01-23T08:00:00Z", "liquidacao": "2026-01-25T10:00:00Z"}
    asked_last = {"solicitacao": "2026-01-24T08:00:00Z", "liquidacao": "2026-01-24T10:00:00Z"}
    returns = [{**refund(1), "valor": "45.00", "horario": asked_first}, {**refund(2), "valor": "45.00", "horario": asked_last}]
    for listed in (returns, returns[::-1]):
        assert shares({**discounted, "devolucoes": listed}) == {"E1:r1": 5500, "E1:r2": 4500}


def test_returns_of_one_instant_share_in_the_order_of_their_ids() -> None:
    discounted = {**PIX, "valor": "90.00", "componentesValor": {"desconto": {"valor": "10.00"}}}
    returns = [{"id": "b", "valor": "45.00", "status": "DEVOLVIDO"}, {"rtrId": "a", "valor": "45.00", "status": "DEVOLVIDO"}]
    for listed in (returns, returns[::-1]):
        assert shares({**discounted, "devolucoes": listed}) == {"a": 4500, "E1:b": 5500}
