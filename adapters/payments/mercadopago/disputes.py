"""What a chargeback or a claim says -> payment facts. The payment's own status says the same, and where both come they agree."""

from datetime import datetime
from typing import Any, Final

from adapters.contract import Facts, Ignored, PayloadMalformed
from adapters.parsing import Moment, read
from adapters.payments.mercadopago.payments import Subject, dispute_id, references_of
from adapters.payments.mercadopago.wire import Chargeback, Claim
from schemas.facts import PaymentFact, PaymentKind

_MAX_PAYMENTS: Final = 100


def chargeback(document: dict[str, Any], received_at: datetime) -> Facts:
    """Translate a chargeback.

    `coverage_applied` true: Mercado Pago bears it and the shop keeps the money. False says nothing: it is so while the case is open,
    and documents that were refused are no withdrawal yet. That the money left says the payment (charged_back, settled).
    Raises: PayloadMalformed.
    """
    found = read(Chargeback, document)
    if found.currency is not None and found.currency.upper() != "BRL":
        raise PayloadMalformed("currency: must be BRL")
    ids = [_payment_id(value, index) for index, value in enumerate(found.payments)]
    if not ids or len(ids) > _MAX_PAYMENTS:
        raise PayloadMalformed(f"payments: must name 1 to {_MAX_PAYMENTS} payments")
    won = found.coverage_applied is True
    kind: PaymentKind = "payment.chargeback_won" if won else "payment.chargeback_opened"
    moment = (found.date_last_updated if won else found.date_created) or Moment(received_at, assumed=True)
    facts = [
        Subject(payment_id, references_of(payment_id, None, None), None).fact(
            kind,
            f"chargeback:{found.id}:{'covered' if won else 'open'}",
            moment,
            raw_word="coverage_applied" if won else found.documentation_status,
            # The amount is that of all its payments together.
            amount_cents=found.amount if len(ids) == 1 else None,
            dispute_id=dispute_id(payment_id, "chargeback"),
        )
        for payment_id in dict.fromkeys(ids)
    ]
    return Facts(tuple(facts))


def _payment_id(value: object, index: int) -> str:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not text.isascii() or not text.isalnum() or len(text) > 64:
        raise PayloadMalformed(f"payments[{index}]: must be the id of a payment")
    return text


def claim(document: dict[str, Any], received_at: datetime) -> Facts | Ignored:
    """Translate a claim that a buyer raised at Mercado Pago. Not verified; see the package.

    Closed for the buyer it takes no money itself: that goes back as a refund of the payment, which the payment tells.
    Raises: PayloadMalformed.
    """
    found = read(Claim, document)
    if found.resource is not None and found.resource != "payment":
        return Ignored("the claim is not about a payment")
    if found.resource_id is None:
        raise PayloadMalformed("resource_id: missing")
    subject = Subject(found.resource_id, references_of(found.resource_id, None, None), None)
    resolution = found.resolution
    favored: tuple[str | None, ...] = (resolution.benefited if resolution else None) or ()
    kind: PaymentKind = "payment.unknown"
    more: dict[str, Any] = {"dispute_id": dispute_id(found.resource_id, "mediation")}
    if found.status == "opened":
        kind = "payment.chargeback_opened"
    elif found.status == "closed" and "respondent" in favored:
        kind = "payment.chargeback_won"
    elif found.status == "closed" and favored:
        kind, more["amount_cents"] = "payment.chargeback_lost", 0
    word = f"claim/{found.status or ''}" + (f"/{resolution.reason}" if resolution and resolution.reason else "")
    at = found.date_created if kind == "payment.chargeback_opened" else (resolution.date_created if resolution else None)
    fact: PaymentFact = subject.fact(
        kind, f"claim:{found.id}:{found.status or ''}", at or found.last_updated or Moment(received_at, assumed=True), raw_word=word, **more
    )
    return Facts((fact,))
