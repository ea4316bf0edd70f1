"""Calls that move money: to whom, how much, under which key."""

import json
from decimal import Decimal

import pytest

from adapters.contract import HttpRequest
from adapters.payments.asaas import requests as asaas
from adapters.payments.cielo import requests as cielo
from adapters.payments.mercadopago import requests as mercadopago
from adapters.payments.pagarme import requests as pagarme
from adapters.payments.pagbank import requests as pagbank
from adapters.payments.pix import requests as pix

KEY = "5a4f4c1e-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("request_", "line", "body", "key"),
    [
        (pagarme.cancel("ch_1", 2005, KEY), "DELETE /charges/ch_1", {"amount": 2005}, "Idempotency-Key"),
        (pagarme.cancel("ch_1", None, KEY), "DELETE /charges/ch_1", {}, "Idempotency-Key"),
        (mercadopago.refund("9", 2005, KEY), "POST /v1/payments/9/refunds", {"amount": Decimal("20.05")}, "X-Idempotency-Key"),
        (mercadopago.refund("9", None, KEY), "POST /v1/payments/9/refunds", {}, "X-Idempotency-Key"),
        (mercadopago.cancel("9", KEY), "PUT /v1/payments/9", {"status": "cancelled"}, "X-Idempotency-Key"),
        (pagbank.cancel("CHAR_1", 2005, KEY), "POST /charges/CHAR_1/cancel", {"amount": {"value": 2005}}, "x-idempotency-key"),
        (cielo.cancel("24bc", 2005), "PUT /1/sales/24bc/void?amount=2005", None, None),
        (asaas.refund("pay_1", 2005), "POST /v3/payments/pay_1/refund", {"value": Decimal("20.05")}, None),
        (asaas.refund("pay_1", None), "POST /v3/payments/pay_1/refund", {}, None),
        (asaas.delete("pay_1"), "DELETE /v3/payments/pay_1", None, None),
        (pix.refund("E1", "dev1", 789), "PUT /pix/E1/devolucao/dev1", {"valor": "7.89"}, None),
        (pix.read_refund("E1", "dev1"), "GET /pix/E1/devolucao/dev1", None, None),
        (pix.read_pix("E1"), "GET /pix/E1", None, None),
    ],
)
def test_a_call_is_described(request_: HttpRequest, line: str, body: object, key: str | None) -> None:
    assert f"{request_.method} {request_.url}" == line
    assert (None if request_.body is None else json.loads(request_.body, parse_float=Decimal)) == body
    if key is not None:
        assert request_.headers[key] == KEY


def test_an_id_leads_nowhere_else() -> None:
    for request_ in (pagarme.cancel("../x", 1, KEY), mercadopago.cancel("../x", KEY), cielo.cancel("a?b", 1), pix.read_pix("a/b")):
        assert "%" in request_.url
        assert "../" not in request_.url


@pytest.mark.parametrize("refund_id", ["", "a-b", "x" * 36, "a/b"])
def test_a_devolucao_has_an_id_as_the_spec_wants_it(refund_id: str) -> None:
    with pytest.raises(ValueError, match="1 to 35"):
        pix.refund("E1", refund_id, 1)


def test_a_refund_of_mercado_pago_may_be_under_way() -> None:
    assert mercadopago.refund("9", None, KEY).headers["X-Render-In-Process-Refunds"] == "true"
