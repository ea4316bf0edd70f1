"""What the hub asks of the bank: a devolução. Its id is our idempotency key, so the same id again is the same devolução, for ever.

Source: https://bacen.github.io/pix-api/, PUT and GET /pix/{e2eid}/devolucao/{id}, read 2026-11-20. The token's path differs from
bank to bank: `/oauth/token` is Efí's. A charge that nobody paid is not voided here.
"""

from datetime import datetime
from typing import Final

from adapters.contract import (
    Answer,
    Call,
    ClientCredentials,
    Facts,
    Failed,
    HttpRequest,
    HttpResponse,
    Idempotency,
    NotDone,
    Operation,
    Outbound,
    PayloadMalformed,
    Query,
    QueryAnswer,
    Unclear,
)  # fmt: skip
from adapters.parsing import load_json, read, read_object
from adapters.payments.pix.requests import read_refund, refund
from adapters.payments.pix.translate import refund_fact
from adapters.payments.pix.wire import Devolucao, Pix

_REFUSED: Final = frozenset({400, 403, 404, 422})
"""Problem documents of the spec: the devolução was not made."""


def _build(call: Call) -> HttpRequest:
    return refund(call.payment_key.value, call.idempotency_key, _cents(call))


def _parse(call: Call, response: HttpResponse, received_at: datetime) -> Answer:
    """Read the devolução. Raises: PayloadMalformed."""
    if response.status in _REFUSED:
        return Failed(f"the bank answered {response.status}")
    if not response.is_success:
        return Unclear(f"the bank answered {response.status}")
    return _devolucao(call, response, received_at)


def _devolucao(call: Call, response: HttpResponse, received_at: datetime) -> Facts:
    document = read_object(load_json(response.body), "body")
    told = read(Devolucao, document)
    if told.id != call.idempotency_key:
        raise PayloadMalformed("body.id: not the devolução that was asked for")
    # The capture is not told here; only its endToEndId is read.
    pix = read(Pix, {"endToEndId": call.payment_key.value, "valor": document["valor"]})
    return Facts((refund_fact(pix, told, _cents(call), received_at),))


def _query(call: Call) -> HttpRequest:
    return read_refund(call.payment_key.value, call.idempotency_key)


def _found(call: Call, response: HttpResponse, received_at: datetime) -> QueryAnswer:
    """Raises: PayloadMalformed."""
    if response.status == 404:
        return NotDone()
    if not response.is_success:
        return Unclear(f"the bank answered {response.status}")
    return _devolucao(call, response, received_at)


def _cents(call: Call) -> int:
    if call.amount_cents is None:
        raise ValueError("a devolução has an amount")
    return call.amount_cents


OUTBOUND: Final = Outbound(
    auth=ClientCredentials("/oauth/token", certificate="certificate"),
    operations={"refund": Operation(_build, _parse, Idempotency("by_id"), Query(_query, _found))},
)
