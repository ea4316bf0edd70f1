"""What the hub asks of Pagar.me: a refund, a void. Answers are the charge, in its cumulative figures.

Source: https://docs.pagar.me/reference/cancelar-cobran%C3%A7a, read 2026-11-20. Keys are remembered for 24 hours; after that the
charge is read, and its figures say whether this refund is among what went back.
"""

from datetime import datetime
from typing import Final

from adapters.contract import (
    Answer,
    BasicAuth,
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
    Unclear,
)  # fmt: skip
from adapters.payments.pagarme.requests import cancel
from adapters.payments.pagarme.translate import build_fetch, parse_response
from schemas.facts import PaymentFact

_REFUSED: Final = frozenset({400, 404, 412, 422})
"""Refused before anything moved. 409 is not among them: the same key may be in work."""


def _build(call: Call) -> HttpRequest:
    return cancel(call.payment_key.value, call.amount_cents, call.idempotency_key)


def _parse(call: Call, response: HttpResponse, received_at: datetime) -> Answer:
    """Read the charge as it stands after DELETE /charges/{id}. Raises: PayloadMalformed."""
    if response.status in _REFUSED:
        return Failed(f"Pagar.me answered {response.status}")
    if not response.is_success:
        return Unclear(f"Pagar.me answered {response.status}")
    return _charge(call, response, received_at)


def _charge(call: Call, response: HttpResponse, received_at: datetime) -> Facts | Unclear:
    translation = parse_response(_fetch(call), response, received_at)
    return translation if isinstance(translation, Facts) else Unclear("the answer holds no charge")


def _query(call: Call) -> HttpRequest:
    return build_fetch(_fetch(call))


def _found(call: Call, response: HttpResponse, received_at: datetime) -> QueryAnswer:
    """Say from the charge's figures whether it happened. Raises: PayloadMalformed."""
    if not response.is_success:
        return Unclear(f"Pagar.me answered {response.status}")
    answer = _charge(call, response, received_at)
    if isinstance(answer, Unclear) or answer.failed:
        return Unclear("the charge cannot be read")
    facts = [fact for fact in answer.facts if isinstance(fact, PaymentFact)]
    kinds = {fact.kind for fact in facts}
    if call.action == "void":
        if "payment.voided" in kinds:
            return answer
        return NotDone() if kinds <= {"payment.pending", "payment.authorized"} else Unclear("the charge is neither waiting nor voided")
    if kinds - {"payment.captured", "payment.refunded"}:
        return Unclear("a refund is under way, has failed, or the charge is in another state")
    returned = max((fact.cumulative_cents or 0 for fact in facts), default=0)
    if returned == call.told_cents:
        return NotDone()
    if returned == call.told_cents + (call.amount_cents or 0):
        return answer
    # Somebody else gave money back as well: which part is ours, the figures do not say.
    return Unclear(f"{returned} cents went back, {call.told_cents} were known before")


def _fetch(call: Call) -> Fetch:
    return Fetch("charge", call.payment_key.value)


_CANCEL: Final = Operation(_build, _parse, Idempotency("key", ttl_hours=24), Query(_query, _found))

OUTBOUND: Final = Outbound(
    auth=BasicAuth(user="secret_key"),
    base_url="https://api.pagar.me/core/v5",
    operations={"refund": _CANCEL, "void": _CANCEL},
)
