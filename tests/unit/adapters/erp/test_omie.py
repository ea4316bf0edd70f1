"""Omie beyond single payloads: who is believed, what is asked and how often, what a shop may set."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.contract import AskAgain, Facts, Fetch, HttpResponse, Ignored, RawDelivery, Secrets, SignatureInvalid
from adapters.erp.omie import ADAPTER as OMIE
from adapters.erp.omie import adapter as omie

AT = datetime(2026, 10, 6, 13, 0, tzinfo=UTC)
STAGE = {
    "messageId": "m-1", "topic": "VendaProduto.EtapaAlterada", "appKey": "1234567890",
    "event": {"idPedido": 5000001, "codIntPedido": "P1", "etapa": "20", "cancelada": "N"},
}  # fmt: skip


def verify(document: object, secrets: Secrets, **query: str) -> None:
    OMIE.verify(RawDelivery(json.dumps(document).encode(), {"hub-http-headers": {}, "hub-http-query": query}, AT), secrets)


def answer(document: object) -> Any:
    assert OMIE.parse_response is not None
    return OMIE.parse_response(Fetch("pedido", "5000001"), HttpResponse(200, {}, json.dumps(document).encode()), AT)


def test_only_the_shops_own_apps_are_believed() -> None:
    secrets = Secrets(webhook=("segredo",), extra={"app_keys": "999, 1234567890"})
    verify(STAGE, secrets, token="segredo")
    with pytest.raises(SignatureInvalid, match="token"):
        verify(STAGE, secrets)
    strangers: tuple[object, ...] = ("9", None, [], 12)
    for key in strangers:
        with pytest.raises(SignatureInvalid, match="appKey"):
            verify({**STAGE, "appKey": key}, secrets, token="segredo")


def test_a_ping_needs_no_app_and_the_token_all_the_same() -> None:
    secrets = Secrets(webhook=("segredo",), extra={"app_keys": "1234567890"})
    verify({"ping": "omie"}, secrets, token="segredo")
    with pytest.raises(SignatureInvalid):
        verify({"ping": "omie"}, secrets)
    assert OMIE.translate(RawDelivery(b'{"ping": "omie"}', {}, AT)) == Ignored("a ping")


@pytest.mark.parametrize("topic", ["VendaProduto.EtapaAlterada", "vendaproduto.etapaalterada", "VENDAPRODUTO.ETAPAALTERADA"])
def test_the_case_of_a_topic_does_not_matter(topic: str) -> None:
    translation = OMIE.translate(RawDelivery(json.dumps({**STAGE, "topic": topic}).encode(), {}, AT))
    assert isinstance(translation, Facts)
    assert [(fact.event_id, fact.raw_word) for fact in translation.facts] == [("pedido:5000001:etapa:20", "etapa 20")]


def test_a_shops_own_stages_are_known_in_messages_and_answers() -> None:
    own = omie({"20": "order.production_started", "10": "order.ready_to_ship"})
    told = own.translate(RawDelivery(json.dumps(STAGE).encode(), {}, AT))
    assert isinstance(told, Facts)
    assert own.parse_response is not None
    order = {"pedido_venda_produto": {"cabecalho": {"codigo_pedido": 5000001, "etapa": "10"}}}
    read = own.parse_response(Fetch("pedido", "5000001"), HttpResponse(200, {}, json.dumps(order).encode()), AT)
    assert isinstance(read, Facts)
    assert [fact.kind for fact in (*told.facts, *read.facts)] == ["order.production_started", "order.ready_to_ship"]


@pytest.mark.parametrize(
    ("code", "words", "after_s"),
    [
        ("SOAP-ENV:Client-8020", "ja processada", 60),
        ("SOAP-ENV:Client-6", "x", 60),
        ("", "Consumo redundante detectado. Aguarde 58 segundos", 60),
        ("", "API bloqueada", 1800),
    ],
)
def test_who_asked_too_soon_asks_again_a_minute_later_and_never_at_once(code: str, words: str, after_s: int) -> None:
    with pytest.raises(AskAgain) as caught:
        answer({"faultcode": code, "faultstring": words})
    assert caught.value.after_s == after_s


def test_what_is_asked_holds_no_key_of_the_app() -> None:
    assert OMIE.build_fetch is not None
    order, note = OMIE.build_fetch(Fetch("pedido", "5000001")), OMIE.build_fetch(Fetch("nota", "6000001"))
    assert (order.method, order.url) == ("POST", "/produtos/pedido/")
    assert json.loads(order.body or b"") == {"call": "ConsultarPedido", "param": [{"codigo_pedido": 5000001}]}
    assert (note.method, note.url) == ("POST", "/produtos/nfconsultar/")
    assert json.loads(note.body or b"") == {"call": "ConsultarNF", "param": [{"nCodNF": 6000001}]}
