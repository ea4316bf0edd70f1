"""Bling and Tiny beyond single payloads: who is believed, what is asked, what a shop may set."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.contract import Adapter, AskAgain, Facts, Fetch, HttpResponse, PayloadMalformed, RawDelivery, Secrets, SignatureInvalid
from adapters.erp.bling import ADAPTER as BLING
from adapters.erp.bling import adapter as bling
from adapters.erp.tiny import ADAPTER as TINY

AT = datetime(2026, 10, 6, 13, 0, tzinfo=UTC)
SIGNED = b'{"event":"order.updated"}'


def deliver(adapter: Adapter, body: bytes, secrets: Secrets, headers: dict[str, str] | None = None, **query: str) -> None:
    adapter.verify(RawDelivery(body, {"hub-http-headers": headers or {}, "hub-http-query": query}, AT), secrets)


def answer(adapter: Adapter, fetch: Fetch, document: object) -> Any:
    assert adapter.parse_response is not None
    return adapter.parse_response(fetch, HttpResponse(200, {}, json.dumps(document).encode()), AT)


# --- Bling --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sha256=",
        "b5b3c5b7f2a8d9e1",  # no prefix
        "sha256=" + "z" * 64,
        "sha256=" + "0" * 63,
        "sha1=" + "0" * 64,
        "sha256=" + "0" * 64,
    ],
)
def test_a_signature_that_is_no_signature_is_refused(value: str) -> None:
    with pytest.raises(SignatureInvalid):
        deliver(BLING, SIGNED, Secrets(webhook=("segredo",)), {"X-Bling-Signature-256": value})


def test_a_signature_worked_out_by_hand_is_accepted() -> None:
    # printf '{"event":"order.updated"}' | openssl dgst -sha256 -hmac segredo
    digest = "8cc3874e4762ed112857d5ce9a0b2f45b0af954ce795ee0ba50a05074e3e8f59"
    deliver(BLING, SIGNED, Secrets(webhook=("outro", "segredo")), {"X-Bling-Signature-256": f"sha256={digest}"})
    deliver(BLING, SIGNED, Secrets(webhook=("segredo",)), {"x-bling-signature-256": f"sha256={digest.upper()}"})


def test_an_empty_token_opens_nothing() -> None:
    for secrets in (Secrets(webhook=("segredo",)), Secrets(webhook=("segredo",), extra={"callback_tokens": " , "})):
        with pytest.raises(SignatureInvalid):
            deliver(BLING, b"data=%7B%7D", secrets, token="")
    with pytest.raises(SignatureInvalid):
        deliver(TINY, b"{}", Secrets(webhook=("segredo",)), token="")


def order(situation: int, valor: int) -> dict[str, Any]:
    return {"data": {"id": 1, "numeroLoja": "P1", "situacao": {"id": situation, "valor": valor}}}


@pytest.mark.parametrize(
    ("situation", "valor", "kind"),
    [
        (83869, 3, "order.production_started"),
        (883047, 2, "shipment.returned"),  # the shop's word goes before valor
        (12, 2, "order.canceled"),
        (15, 3, "fiscal.unknown"),
    ],
)
def test_a_shops_own_map_goes_first_and_valor_stands_behind_it(situation: int, valor: int, kind: str) -> None:
    own = bling({"83869": "order.production_started", "883047": "shipment.returned"})
    translation = answer(own, Fetch("order", "1"), order(situation, valor))
    assert [fact.kind for fact in translation.facts] == [kind]


def test_an_answer_is_dated_by_the_webhook_that_asked_for_it() -> None:
    fetch = Fetch("order", "1", {"told_at": "2026-10-05T13:15:07+00:00", "account": "a1"})
    (fact,) = answer(BLING, fetch, order(6, 0)).facts
    assert (fact.occurred_at, fact.occurred_at_assumed, fact.account) == (datetime(2026, 10, 5, 13, 15, 7, tzinfo=UTC), True, "a1")


def test_a_note_of_an_issuer_with_letters_is_read() -> None:
    key = "35261012ABC34501DE35550010000012351876543219"
    note = {"data": {"id": 2, "situacao": 5, "chaveAcesso": f"NFe{key.lower()}", "numeroPedidoLoja": "P1"}}
    (fact,) = answer(BLING, Fetch("nfe", "2"), note).facts
    assert (fact.kind, fact.access_key) == ("fiscal.issued", key)


def test_a_number_of_v2_is_no_situation_of_v3() -> None:
    note = {"situacao": "5", "chaveAcesso": "35261011222333000181550010000012341876543210"}
    rows = [{"pedido": {"numero": "1", "numeroPedidoLoja": "P1", "situacao": "Em aberto", "nota": note}}]
    translation = BLING.translate(RawDelivery(json.dumps({"retorno": {"pedidos": rows}}).encode(), {}, AT))
    assert isinstance(translation, Facts)
    assert [fact.kind for fact in translation.facts] == ["order.accepted", "fiscal.unknown"]


@pytest.mark.parametrize("body", [b"x=1", b"data=1&data=2", b"data=", b"data=%", b"data=[1]", b"=", b"<pedidos/>", b'{"retorno": {}}'])
def test_a_form_that_is_no_callback_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadMalformed):
        BLING.translate(RawDelivery(body, {}, AT))


@pytest.mark.parametrize(
    ("fetch", "url"),
    [
        (Fetch("order", "1"), "/pedidos/vendas/1"),
        (Fetch("nfe", "2"), "/nfe/2"),
        (Fetch("nfce", "3"), "/nfce/3"),
        (Fetch("pedido", "45"), "https://bling.com.br/Api/v2/pedido/45/json/"),
    ],
)
def test_what_is_asked_of_bling(fetch: Fetch, url: str) -> None:
    assert BLING.build_fetch is not None
    assert (BLING.build_fetch(fetch).method, BLING.build_fetch(fetch).url) == ("GET", url)


# --- Tiny ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "configured", "accepted"),
    [
        ("11.222.333/0001-81", "11222333000181", True),
        ("11222333000181", "99999999000191, 11.222.333/0001-81", True),
        ("12abc34501de35", "12.ABC.345/01DE-35", True),
        ("11222333000182", "11222333000181", False),
        (None, "11222333000181", False),
    ],
)
def test_only_the_shops_own_companies_are_believed(given: str | None, configured: str, *, accepted: bool) -> None:
    body = json.dumps({"cnpj": given, "tipo": "estoque", "dados": {}}).encode()
    secrets = Secrets(webhook=("segredo",), extra={"cnpj": configured})
    if accepted:
        deliver(TINY, body, secrets, token="segredo")
    else:
        with pytest.raises(SignatureInvalid, match="cnpj"):
            deliver(TINY, body, secrets, token="segredo")
    with pytest.raises(SignatureInvalid, match="token"):
        deliver(TINY, body, secrets, token="outro")


def test_a_body_that_cannot_be_read_names_no_company() -> None:
    with pytest.raises(SignatureInvalid):
        deliver(TINY, b"{", Secrets(extra={"cnpj": "11222333000181"}))


@pytest.mark.parametrize(("code", "after_s"), [("6", 60), (11, 5), ("35", 60), ("99", 600)])
def test_an_error_that_passes_says_when_to_ask_again(code: object, after_s: int) -> None:
    with pytest.raises(AskAgain) as caught:
        answer(TINY, Fetch("pedido", "1"), {"retorno": {"status": "Erro", "codigo_erro": code}})
    assert caught.value.after_s == after_s


def test_what_is_asked_of_tiny_holds_no_token() -> None:
    assert TINY.build_fetch is not None
    request = TINY.build_fetch(Fetch("pedido", "123"))
    assert (request.method, request.url, request.body) == ("POST", "/pedido.obter.php", b"formato=json&id=123")


def test_ten_attempts_of_one_webhook_are_one_fact() -> None:
    body = json.dumps({"cnpj": "11222333000181", "tipo": "atualizacao_pedido", "dados": {"id": 1, "codigoSituacao": "enviado"}}).encode()
    told = [TINY.translate(RawDelivery(body, {}, AT.replace(hour=hour))) for hour in range(10)]
    assert {fact.event_id for one in told if isinstance(one, Facts) for fact in one.facts} == {"pedido:1:enviado"}
