"""What a payment says -> payment facts: its state, what went back of it, and the dispute about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from adapters.contract import FailedPart, PayloadMalformed
from adapters.parsing import Moment, read
from adapters.payments.mercadopago.wire import Payment, Refund
from adapters.payments.mercadopago.words import (
    APPROVED,
    CHARGEBACK_KINDS,
    CHARGED_BACK,
    IN_MEDIATION,
    METHODS,
    OPEN,
    PAID,
    REFINED,
    REFUND_KINDS,
    REFUNDED,
)
from schemas.base import PaymentMethod
from schemas.facts import PaymentFact, PaymentKind
from schemas.references import Reference, ReferenceKind

PROVIDER: Final = "mercadopago"

_WAITING: Final = frozenset({"payment.created", "payment.pending", "payment.in_review", "payment.authorized", "payment.unknown"})
_MAX_REFERENCE: Final = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """The payment that facts speak of."""

    id: str
    references: tuple[Reference, ...]
    method: PaymentMethod | None
    account: str | None = None

    def fact(self, kind: PaymentKind, event_id: str, moment: Moment, **more: Any) -> PaymentFact:
        """Return a fact about it."""
        return PaymentFact(
            kind=kind,
            event_id=f"{self.id}:{event_id}",
            provider=PROVIDER,
            account=self.account,
            references=self.references,
            occurred_at=moment.at,
            occurred_at_assumed=moment.assumed,
            payment_key=Reference(kind="payment_id", value=self.id),
            method=self.method,
            **more,
        )


def references_of(
    payment_id: str | None, order_id: str | None, external_reference: str | None, e2e: str | None = None
) -> tuple[Reference, ...]:
    """Return the names of a payment; a text too long for a name is none."""
    names: tuple[tuple[ReferenceKind, str | None], ...] = (
        ("payment_id", payment_id),
        ("gateway_order_id", order_id),
        ("external_reference", external_reference),
        ("e2e", e2e),
    )
    return tuple(Reference(kind=kind, value=value) for kind, value in names if value and len(value) <= _MAX_REFERENCE)


def dispute_id(payment_id: str, what: str) -> str:
    """Name the dispute about a payment. A payment and its chargeback tell of the same one, as a mediation and its claim do."""
    return f"{payment_id}:{what}"


Part = Callable[[object], bytes]
"""Write the body that holds one bad refund and is a delivery of its own."""


def payment_facts(payment: Payment, place: str, part: Part, received_at: datetime) -> tuple[list[PaymentFact], list[FailedPart]]:
    """Translate a payment. Raises: PayloadMalformed, naming the field below `place`."""
    if payment.currency_id is not None and payment.currency_id.upper() != "BRL":
        raise PayloadMalformed(f"{place}currency_id: must be BRL")
    subject = Subject(payment.id, _references(payment), _method(payment), payment.collector_id)
    changed = payment.date_last_updated or payment.date_created or Moment(received_at, assumed=True)
    if payment.status not in PAID:
        return [_open(payment, subject, changed)], []
    if payment.transaction_amount is None:
        raise PayloadMalformed(f"{place}transaction_amount: missing, and the payment is said to be paid")
    facts = [_captured(payment, subject, payment.transaction_amount, changed)]
    refunds, failed = _refunds(payment, subject, place, part, changed)
    facts.extend(refunds)
    facts.extend(_cumulative(payment, subject, payment.transaction_amount, refunds, changed))
    facts.extend(_disputed(payment, subject, changed))
    return facts, failed


def _references(payment: Payment) -> tuple[Reference, ...]:
    poi = payment.point_of_interaction
    e2e = poi.transaction_data.e2e_id if poi and poi.transaction_data else None
    return references_of(payment.id, payment.order.id if payment.order else None, payment.external_reference, e2e)


def _method(payment: Payment) -> PaymentMethod | None:
    return "pix" if payment.payment_method_id == "pix" else METHODS.get(payment.payment_type_id or "")


def _told(payment: Payment, moment: Moment) -> str:
    # The time tells two visits to one status apart, and is the same each time the payment is read unchanged.
    return f"{payment.status}:{payment.status_detail or ''}" + ("" if moment.assumed else f":{moment.at.isoformat()}")


def _word(payment: Payment) -> str:
    return f"{payment.status}/{payment.status_detail}" if payment.status_detail else payment.status


def _open(payment: Payment, subject: Subject, changed: Moment) -> PaymentFact:
    """A payment without money: it waits, was refused, ended, or stands in a status that nobody knows."""
    detail = payment.status_detail or ""
    kind = REFINED.get((payment.status, detail)) or OPEN.get(payment.status, "payment.unknown")
    expires = payment.date_of_expiration
    return subject.fact(
        kind,
        _told(payment, changed),
        changed,
        # A word that is to be mapped must be short of what only informs.
        raw_word=payment.status if kind == "payment.unknown" else _word(payment),
        reason=payment.status_detail if kind == "payment.failed" else None,
        amount_cents=payment.transaction_amount,
        due_at=expires.at if expires and kind in _WAITING else None,
        installments=payment.installments if kind == "payment.authorized" and subject.method == "card" else None,
    )


def _captured(payment: Payment, subject: Subject, amount_cents: int, changed: Moment) -> PaymentFact:
    """The money that came. A refund or a dispute tells it too: where the notice of the approval got lost, it came all the same."""
    released = payment.money_release_date
    return subject.fact(
        "payment.captured",
        "captured",
        # A refunded payment that does not say when it was approved was so before it was changed.
        payment.date_approved or Moment(changed.at, assumed=True),
        # Always the same word: approved again after a part went back, it is the same capture.
        raw_word=APPROVED,
        # total_paid_amount holds the interest that the buyer pays on instalments, which is nobody's debt here.
        amount_cents=amount_cents,
        paid_cents=payment.transaction_details.total_paid_amount if payment.transaction_details else None,
        fee_cents=_fee_cents(payment),
        credited_at=released.at if released else None,
        installments=payment.installments if subject.method == "card" else None,
    )


def _fee_cents(payment: Payment) -> int | None:
    fees = [fee.amount for fee in payment.fee_details or () if fee.fee_payer == "collector" and fee.amount is not None]
    cents = sum(fees, Decimal(0)) * 100
    return int(cents) if 0 < cents < 10**12 and cents == int(cents) else None


# --- Refunds ------------------------------------------------------------------------------------------------------------------


def _refunds(payment: Payment, subject: Subject, place: str, part: Part, changed: Moment) -> tuple[list[PaymentFact], list[FailedPart]]:
    """Read the refunds one by one, so that a bad one costs neither the capture nor the others."""
    facts: dict[PaymentFact, None] = {}
    failed: list[FailedPart] = []
    for index, raw in enumerate(payment.refunds):
        try:
            refund = read(Refund, raw, f"{place}refunds[{index}]")
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), part(raw)))
            continue
        facts[refund_fact(refund, subject, changed)] = None
    return list(facts), failed


def refund_fact(refund: Refund, subject: Subject, changed: Moment) -> PaymentFact:
    """Tell of one refund, as read with its payment or as the answer to asking for it."""
    status = refund.status or "approved"
    kind = REFUND_KINDS.get(status, "payment.unknown")
    # `date_created` is when it was asked for. When it ended is only told by the payment's last change.
    moment = refund.date_created or Moment(changed.at, assumed=True)
    return subject.fact(kind, f"refund:{refund.id}:{status}", moment, raw_word=status, amount_cents=refund.amount, refund_id=refund.id)


def _cumulative(
    payment: Payment, subject: Subject, amount_cents: int, refunds: list[PaymentFact], changed: Moment
) -> Iterator[PaymentFact]:
    """Tell the sum of what went back, unless the single refunds have told all of it."""
    total = payment.transaction_amount_refunded or 0
    if payment.status == REFUNDED:
        total = max(total, amount_cents)
    told = sum(fact.amount_cents or 0 for fact in refunds if fact.kind == "payment.refunded")
    if total > told:
        yield subject.fact("payment.refunded", f"refunded:{total}", changed, raw_word=_word(payment), cumulative_cents=total)


# --- Disputes -----------------------------------------------------------------------------------------------------------------


def _disputed(payment: Payment, subject: Subject, changed: Moment) -> Iterator[PaymentFact]:
    if payment.status == IN_MEDIATION:
        kind: PaymentKind = "payment.chargeback_opened"
        what = "mediation"
    elif payment.status == CHARGED_BACK:
        kind = CHARGEBACK_KINDS.get(payment.status_detail or "", "payment.chargeback_opened")
        what = "chargeback"
    else:
        return
    yield subject.fact(
        kind,
        _told(payment, changed),
        changed,
        raw_word=_word(payment),
        dispute_id=dispute_id(payment.id, what),
        funds_withdrawn=kind == "payment.chargeback_lost",
    )
