"""An event of a charge, or a charge that was read -> canonical payment facts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from adapters.contract import (
    Facts,
    FailedPart,
    Fetch,
    HttpRequest,
    HttpResponse,
    Ignored,
    PayloadMalformed,
    RawDelivery,
    Secrets,
    SignatureInvalid,
    Translation,
)  # fmt: skip
from adapters.parsing import Moment, dump_json, end_of_day, load_json, read, read_object, start_of_day
from adapters.payments.asaas.wire import Event, Payment, Refund
from adapters.signing import equals_any, must_check
from schemas.base import PaymentMethod
from schemas.facts import PaymentFact, PaymentKind
from schemas.references import Reference

PROVIDER: Final = "asaas"
HEADER: Final = "asaas-access-token"

METHODS: Final[Mapping[str, PaymentMethod]] = {
    "BOLETO": "boleto",
    "CREDIT_CARD": "card",
    "DEBIT_CARD": "card",
    "PIX": "pix",
    "TRANSFER": "transfer",
    "DEPOSIT": "transfer",
}
"""UNDEFINED lets the payer choose."""

_MAX_REFERENCE: Final = 200
_PREFIX: Final = "PAYMENT_"


@dataclass(frozen=True, slots=True)
class Told:
    """Where a charge was told of: `event_id` names the telling, `word` what it was called, `place` where it stands in the body."""

    event_id: str
    word: str | None
    moment: Moment
    place: str


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Compare the token that was chosen for the webhook. It proves who sends and covers no body. Raises: SignatureInvalid."""
    if not must_check(delivery, secrets, configured=bool(secrets.webhook)):
        return
    given = (delivery.http_headers or {}).get(HEADER)
    if given is None:
        raise SignatureInvalid("the request has no asaas-access-token")
    if not equals_any(given.strip(), secrets.webhook):
        raise SignatureInvalid("asaas-access-token is not one of the configured secrets")


# --- Rules --------------------------------------------------------------------------------------------------------------------


Rule = Callable[[Payment, Told], Iterator[PaymentFact]]


def _open(kind: PaymentKind) -> Rule:
    def tell(payment: Payment, told: Told) -> Iterator[PaymentFact]:
        waits = kind in ("payment.pending", "payment.in_review", "payment.authorized")
        due = end_of_day(payment.dueDate) if payment.dueDate and waits else None
        reason = told.word if kind == "payment.failed" else None
        yield _fact(payment, told, kind, reason=reason, amount_cents=payment.debt_cents, due_at=due)

    return tell


def _captured(payment: Payment, told: Told) -> Iterator[PaymentFact]:
    debt, value = payment.debt_cents, payment.value or 0
    if debt is None:
        raise PayloadMalformed(f"{told.place}.value: missing, and the charge is said to be paid")
    fee = value - payment.netValue if payment.netValue is not None and payment.netValue <= value else 0
    # One name for CONFIRMED, RECEIVED and what is told later: it is one capture.
    capture = replace(told, event_id=f"{payment.id}:captured", word=None)
    yield _fact(
        payment,
        capture,
        "payment.captured",
        amount_cents=debt,
        paid_cents=payment.value,
        interest_cents=max(0, value - debt) or None,
        discount_cents=max(0, debt - value) or None if payment.value is not None else None,
        fee_cents=fee or None,
        credited_at=start_of_day(payment.creditDate) if payment.creditDate else None,
    )


def _refunded(payment: Payment, told: Told) -> Iterator[PaymentFact]:
    """All of it went back."""
    yield from _captured(payment, _before(told))
    yield _fact(payment, told, "payment.refunded", cumulative_cents=payment.debt_cents)


def _refund_in_progress(payment: Payment, told: Told) -> Iterator[PaymentFact]:
    yield from _captured(payment, _before(told))
    if not any(fact.kind == "payment.refund_pending" for fact in _listed(payment, told, [])):
        yield _fact(payment, told, "payment.refund_pending", cumulative_cents=payment.debt_cents)


def _refund_denied(payment: Payment, told: Told) -> Iterator[PaymentFact]:
    # Which refund is not said, and nothing more went back than before.
    yield _fact(payment, told, "payment.refund_failed", cumulative_cents=0)


def _disputed(kind: PaymentKind) -> Rule:
    def tell(payment: Payment, told: Told) -> Iterator[PaymentFact]:
        yield from _captured(payment, _before(told))
        yield _fact(payment, told, kind, dispute_id=f"{payment.id}:chargeback")

    return tell


def _cash_undone(payment: Payment, told: Told) -> Iterator[PaymentFact]:
    # The shop had marked it as received in cash, and took that back.
    yield from _captured(payment, _before(told))
    yield _fact(payment, told, "payment.reversed", dispute_id=f"{payment.id}:cash", funds_withdrawn=True)


def _before(told: Told) -> Told:
    # When the money came is not said where it is told of what happened later.
    return replace(told, moment=Moment(told.moment.at, assumed=True))


def _unknown(payment: Payment, told: Told) -> Iterator[PaymentFact]:
    yield _fact(payment, told, "payment.unknown", amount_cents=payment.debt_cents)


def state_of(payment: Payment, told: Told) -> Iterator[PaymentFact]:
    """Translate a charge as it stands."""
    rule = STATUS_RULES.get(payment.status or "")
    if rule is None:
        # It is the status that is to be mapped, not the event that brought it.
        return _unknown(payment, replace(told, word=payment.status or "charge without a status"))
    return rule(payment, told)


STATUS_RULES: Final[Mapping[str, Rule]] = {
    "PENDING": _open("payment.pending"),
    "OVERDUE": _open("payment.pending"),
    "AWAITING_RISK_ANALYSIS": _open("payment.in_review"),
    "AUTHORIZED": _open("payment.authorized"),
    "CONFIRMED": _captured,
    "RECEIVED": _captured,
    "RECEIVED_IN_CASH": _captured,
    "DUNNING_REQUESTED": _open("payment.pending"),
    "DUNNING_RECEIVED": _captured,
    "REFUND_REQUESTED": _refund_in_progress,
    "REFUND_IN_PROGRESS": _refund_in_progress,
    "REFUNDED": _refunded,
    "CHARGEBACK_REQUESTED": _disputed("payment.chargeback_opened"),
    "CHARGEBACK_DISPUTE": _disputed("payment.chargeback_opened"),
    "AWAITING_CHARGEBACK_REVERSAL": _disputed("payment.chargeback_won"),
}

EVENT_RULES: Final[Mapping[str, Rule]] = {
    "PAYMENT_CREATED": _open("payment.pending"),
    "PAYMENT_AWAITING_RISK_ANALYSIS": _open("payment.in_review"),
    "PAYMENT_APPROVED_BY_RISK_ANALYSIS": state_of,  # what it is now that it passed, its status says
    "PAYMENT_REPROVED_BY_RISK_ANALYSIS": _open("payment.failed"),
    "PAYMENT_AUTHORIZED": _open("payment.authorized"),
    "PAYMENT_UPDATED": state_of,  # due date or value changed
    "PAYMENT_CONFIRMED": _captured,
    "PAYMENT_RECEIVED": _captured,
    "PAYMENT_CREDIT_CARD_CAPTURE_REFUSED": _open("payment.failed"),
    "PAYMENT_OVERDUE": _open("payment.pending"),
    "PAYMENT_DELETED": _open("payment.voided"),
    "PAYMENT_RESTORED": _open("payment.pending"),
    "PAYMENT_REFUNDED": _refunded,
    "PAYMENT_REFUND_IN_PROGRESS": _refund_in_progress,
    "PAYMENT_REFUND_DENIED": _refund_denied,
    "PAYMENT_RECEIVED_IN_CASH_UNDONE": _cash_undone,
    "PAYMENT_CHARGEBACK_REQUESTED": _disputed("payment.chargeback_opened"),
    "PAYMENT_CHARGEBACK_DISPUTE": _disputed("payment.chargeback_opened"),
    "PAYMENT_AWAITING_CHARGEBACK_REVERSAL": _disputed("payment.chargeback_won"),
    "PAYMENT_DUNNING_RECEIVED": _captured,
}

PARTIALLY_REFUNDED: Final = "PAYMENT_PARTIALLY_REFUNDED"

BOOKKEEPING: Final = frozenset(
    {"PAYMENT_ANTICIPATED", "PAYMENT_BANK_SLIP_VIEWED", "PAYMENT_CHECKOUT_VIEWED", "PAYMENT_DUNNING_REQUESTED", "PAYMENT_SPLIT_CANCELLED",
     "PAYMENT_SPLIT_DIVERGENCE_BLOCK", "PAYMENT_SPLIT_DIVERGENCE_BLOCK_FINISHED"}
)  # fmt: skip
"""What moves no money of the order: an advance of money that has come, a slip that was looked at, shares of the split."""

REFUND_KINDS: Final[Mapping[str, PaymentKind]] = {
    "DONE": "payment.refunded",
    "PENDING": "payment.refund_pending",
    "CANCELLED": "payment.refund_failed",
}

STATUSES: Final = (*EVENT_RULES, PARTIALLY_REFUNDED, *sorted(BOOKKEEPING), *STATUS_RULES, *REFUND_KINDS)
"""Every documented word: events, statuses of a charge, statuses of its refunds."""


# --- Translate ----------------------------------------------------------------------------------------------------------------


def translate(delivery: RawDelivery) -> Translation:
    """Translate one event.

    Units: reais become cents, exactly; times become UTC.
    Raises: PayloadMalformed.
    Source: https://docs.asaas.com/docs/webhook-para-cobrancas, read 2026-11-25.
    """
    document = read_object(load_json(delivery.body, delivery.content_type), "body")
    event = read(Event, document)
    if event.event in BOOKKEEPING or (event.payment is None and not event.event.startswith(_PREFIX)):
        return Ignored(f"{event.event!a} moves no money of an order", event.id)
    if event.payment is None:
        raise PayloadMalformed("payment: missing")
    payment = read(Payment, event.payment, "payment")
    told = Told(event.id, event.event, event.dateCreated or Moment(delivery.received_at, assumed=True), "payment")
    if event.event == PARTIALLY_REFUNDED and not payment.refunds:
        return Fetch("payment", payment.id, delivery_id=event.id)
    rule = _captured_before if event.event == PARTIALLY_REFUNDED else EVENT_RULES.get(event.event, _unknown)
    return _facts(payment, told, rule, lambda refund: _with_refund(document, refund), event.id)


def _captured_before(payment: Payment, told: Told) -> Iterator[PaymentFact]:
    return _captured(payment, _before(told))


def _with_refund(document: dict[str, Any], refund: object) -> bytes:
    return dump_json({**document, "payment": {**document["payment"], "refunds": [refund]}})


def _facts(payment: Payment, told: Told, rule: Rule, part: Callable[[object], bytes], delivery_id: str | None = None) -> Facts:
    faults: list[tuple[str, object]] = []
    facts = dict.fromkeys(rule(payment, told))
    if not any(fact.kind == "payment.unknown" for fact in facts):
        facts.update(dict.fromkeys(_listed(payment, told, faults)))
    return Facts(tuple(facts), tuple(FailedPart(cause, part(raw)) for cause, raw in faults), delivery_id)


def _listed(payment: Payment, told: Told, faults: list[tuple[str, object]]) -> Iterator[PaymentFact]:
    """Tell the refunds that the charge lists. They have no ids: when one was asked for, and how much it is, names it."""
    for index, raw in enumerate(payment.refunds or ()):
        try:
            refund = read(Refund, raw, f"{told.place}.refunds[{index}]")
        except PayloadMalformed as error:
            faults.append((str(error), raw))
            continue
        kind = REFUND_KINDS.get(refund.status or "", "payment.unknown")
        name = f"{payment.id}:{refund.dateCreated or index}:{refund.value}"[:120]
        yield _fact(
            payment,
            replace(told, event_id=f"{name}:{refund.status}", word=refund.status or "refund without a status"),
            kind,
            amount_cents=refund.value,
            refund_id=name,
        )


def _fact(payment: Payment, told: Told, kind: PaymentKind, **more: Any) -> PaymentFact:
    key = Reference(kind="payment_id", value=payment.id)
    number = payment.externalReference
    return PaymentFact(
        kind=kind,
        event_id=told.event_id,
        provider=PROVIDER,
        references=(key, Reference(kind="external_reference", value=number)) if number and len(number) <= _MAX_REFERENCE else (key,),
        occurred_at=told.moment.at,
        occurred_at_assumed=told.moment.assumed,
        raw_word=told.word,
        payment_key=key,
        method=METHODS.get(payment.billingType or ""),
        **more,
    )


# --- Asking Asaas -------------------------------------------------------------------------------------------------------------


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe GET /v3/payments/{id}. The gateway adds the header access_token."""
    return HttpRequest("GET", f"/v3/payments/{quote(fetch.resource_id, safe='')}", {"Accept": "application/json"})


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate a charge as it was read. Raises: PayloadMalformed."""
    document = read_object(load_json(response.body), "body")
    payment = read(Payment, document, "payment")
    refunds = sum(1 for _ in payment.refunds or ())
    # There is no event: what is read again unchanged is the same fact.
    told = Told(
        f"{payment.id}:{payment.status}:{refunds}",
        payment.status or "charge without a status",
        Moment(received_at, assumed=True),
        "payment",
    )
    event = {"id": told.event_id, "event": "PAYMENT_UPDATED", "payment": document}
    return _facts(payment, told, state_of, lambda refund: _with_refund(event, refund))
