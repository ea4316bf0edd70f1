"""What the hub asks of Mercado Pago: a refund, a void. The refund answers with itself, the void with the payment.

Source: https://www.mercadopago.com.br/developers/pt/reference, POST /v1/payments/{id}/refunds and PUT /v1/payments/{id}, read
2026-11-20. How long keys are remembered is not said there; 24 hours are taken, after that the payment is read, and its figures say
whether this refund is among what went back.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from adapters.contract import (
    Answer,
    Call,
    Facts,
    Failed,
    Fetch,
    HttpRequest,
    HttpResponse,
    Idempotency,
    NotDone,
    Operation,
    Outbound,
    Query,
    QueryAnswer,
    StaticAuth,
    Unclear,
)  # fmt: skip
from adapters.parsing import Moment, load_json, read, read_object
from adapters.payments.mercadopago.payments import Subject, references_of, refund_fact
from adapters.payments.mercadopago.requests import build_fetch, cancel, refund
from adapters.payments.mercadopago.translate import parse_response
from adapters.payments.mercadopago.wire import Refund
from schemas.facts import PaymentFact

_REFUSED: Final = frozenset({400, 403, 404, 422})
"""Refused before anything moved. 409 is not among them: the same key may be in work."""


def _refund(call: Call) -> HttpRequest:
    return refund(call.payment_key.value, call.amount_cents, _uuid(call))


def _void(call: Call) -> HttpRequest:
    return cancel(call.payment_key.value, _uuid(call))


def _uuid(call: Call) -> str:
    return str(UUID(call.idempotency_key))


def _refunded(call: Call, response: HttpResponse, received_at: datetime) -> Answer:
    """Read the refund that was made. Raises: PayloadMalformed."""
    refusal = _refusal(response)
    if refusal is not None:
        return refusal
    told = read(Refund, read_object(load_json(response.body), "body"))
    payment_id = call.payment_key.value
    subject = Subject(payment_id, references_of(payment_id, None, None), None)
    return Facts((refund_fact(told, subject, Moment(received_at, assumed=True)),))


def _voided(call: Call, response: HttpResponse, received_at: datetime) -> Answer:
    """Read the payment as it stands. Raises: PayloadMalformed."""
    return _refusal(response) or _payment(call, response, received_at)


def _refusal(response: HttpResponse) -> Failed | Unclear | None:
    if response.status in _REFUSED:
        return Failed(f"Mercado Pago answered {response.status}")
    return None if response.is_success else Unclear(f"Mercado Pago answered {response.status}")


def _payment(call: Call, response: HttpResponse, received_at: datetime) -> Facts | Unclear:
    translation = parse_response(_fetch(call), response, received_at)
    return translation if isinstance(translation, Facts) else Unclear("the answer holds no payment")


def _query(call: Call) -> HttpRequest:
    return build_fetch(_fetch(call))


def _found(call: Call, response: HttpResponse, received_at: datetime) -> QueryAnswer:
    """Say from the payment whether it happened. Raises: PayloadMalformed."""
    if not response.is_success:
        return Unclear(f"Mercado Pago answered {response.status}")
    answer = _payment(call, response, received_at)
    if isinstance(answer, Unclear) or answer.failed:
        return Unclear("the payment cannot be read")
    facts = [fact for fact in answer.facts if isinstance(fact, PaymentFact)]
    kinds = {fact.kind for fact in facts}
    if call.action == "void":
        if "payment.voided" in kinds or "payment.expired" in kinds:
            return answer
        waiting = {"payment.pending", "payment.in_review", "payment.authorized"}
        return NotDone() if kinds <= waiting else Unclear("the payment is neither waiting nor canceled")
    if kinds - {"payment.captured", "payment.refunded"}:
        return Unclear("a refund is under way, has failed, or the payment is in another state")
    single = sum(fact.amount_cents or 0 for fact in facts if fact.kind == "payment.refunded" and fact.refund_id is not None)
    returned = max([single, *[fact.cumulative_cents or 0 for fact in facts]])
    if returned == call.told_cents:
        return NotDone()
    if returned == call.told_cents + (call.amount_cents or 0):
        return answer
    # Somebody else gave money back as well: which part is ours, the figures do not say.
    return Unclear(f"{returned} cents went back, {call.told_cents} were known before")


def _fetch(call: Call) -> Fetch:
    return Fetch("payment", call.payment_key.value)


_KEY: Final = Idempotency("key", ttl_hours=24)

OUTBOUND: Final = Outbound(
    auth=StaticAuth({"Authorization": "Bearer {access_token}"}),
    base_url="https://api.mercadopago.com",
    operations={
        "refund": Operation(_refund, _refunded, _KEY, Query(_query, _found)),
        "void": Operation(_void, _voided, _KEY, Query(_query, _found)),
    },
)
