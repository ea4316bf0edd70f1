"""What a charge says, event by event and status by status -> payment facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.contract import PayloadMalformed
from adapters.parsing import Moment, start_of_day
from adapters.payments.pagarme.figures import (
    CHARGE_STATUSES,
    OPEN_TRANSACTIONS,
    REFUND_DONE,
    REFUND_FAILED,
    REFUND_UNDER_WAY,
    moved_cents,
    refunded_cents,
    settled_cents,
    was_captured,
)  # fmt: skip
from adapters.payments.pagarme.wire import CARD_METHODS, Charge, OrderNames
from schemas.base import PaymentMethod
from schemas.facts import PaymentFact, PaymentKind
from schemas.payment_instructions import PaymentInstructions
from schemas.references import Reference

PROVIDER: Final = "pagarme"

METHODS: Final[Mapping[str, PaymentMethod]] = {
    "credit_card": "card",
    "debit_card": "card",
    "private_label": "card",
    "voucher": "card",
    "boleto": "boleto",
    "pix": "pix",
    "cash": "cash",
    "bank_transfer": "transfer",
    "safetypay": "transfer",
    "checkout": "other",
}


@dataclass(frozen=True, slots=True)
class Told:
    """Where a charge was told of: `event_id` names the telling, `word` what it was called, `place` where it stands in the body."""

    event_id: str
    word: str | None
    moment: Moment
    place: str
    account: str | None = None
    order: OrderNames | None = None


Rule = Callable[[Charge, Told], tuple[PaymentFact, ...]]


# --- Rules --------------------------------------------------------------------------------------------------------------------


def _open(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    """A charge that waits: for the payer, for capture, for the risk review."""
    under_way = _refund_under_way(charge, told)
    if under_way:
        return under_way
    status = charge.last_transaction.status or ""
    kind = OPEN_TRANSACTIONS.get(status, "payment.pending")
    if status == "waiting_cancellation" and charge.payment_method in CARD_METHODS:
        kind = "payment.authorized"  # the void is not done: the money is still reserved
    return (_fact(charge, told, kind, charge.amount, reason=charge.last_transaction.risk_reason),)


def _captured(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    """A charge that was paid, with what has gone back of it since."""
    capture = _capture(charge, told, told.event_id)
    if not capture:
        raise PayloadMalformed(f"{told.place}.paid_amount: missing, and the charge is said to be paid")
    refunded = refunded_cents(charge)
    return (*capture, _refunded(charge, told, refunded, f"{told.event_id}:refunded")) if refunded else capture


def _standing(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    """A paid charge as it stands: it stays `paid` while a refund waits, and after one failed; only the last operation shows that."""
    transaction = charge.last_transaction
    operation = replace(told, event_id=f"{told.event_id}:{transaction.id}:{transaction.status}")
    return (*_captured(charge, told), *_refund_under_way(charge, operation))


def _failed(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    kind: PaymentKind = "payment.expired" if charge.last_transaction.status == "expired" else "payment.failed"
    return (_fact(charge, told, kind, charge.amount, reason=charge.last_transaction.reason),)


def _in_review(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    return (_fact(charge, told, "payment.in_review", charge.amount, reason=charge.last_transaction.risk_reason),)


def _risk_rejected(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    transaction = charge.last_transaction
    return (_fact(charge, told, "payment.failed", charge.amount, reason=transaction.risk_reason or transaction.reason),)


def _given_back(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    """All of a charge is canceled: refunded if it was captured, else voided."""
    under_way = _refund_under_way(charge, told)
    if under_way:
        return under_way
    if was_captured(charge) is False:
        return (_fact(charge, told, "payment.voided", charge.amount, at=charge.canceled_at),)
    # Not known to be captured counts as captured: a refund without its capture becomes an exception that somebody sees, while
    # a void of money that was captured would pass unseen.
    refunded = refunded_cents(charge, whole=True) or charge.amount
    if refunded is None:
        raise PayloadMalformed(f"{told.place}.canceled_amount: missing, and amount too")
    return (*_capture(charge, told, f"{told.event_id}:captured"), _refunded(charge, told, refunded, told.event_id, charge.canceled_at))


def _partly_given_back(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    """Part of a charge is canceled: refunded, or the rest of an authorization released."""
    under_way = _refund_under_way(charge, told)
    if under_way:
        return under_way
    captured = was_captured(charge)
    if captured is False:
        rest = None if charge.amount is None else max(0, charge.amount - (charge.canceled_amount or 0))
        return (_fact(charge, told, "payment.authorized", rest),)
    refunded = refunded_cents(charge)
    if refunded:
        return (*_capture(charge, told, f"{told.event_id}:captured"), _refunded(charge, told, refunded, told.event_id))
    capture = _capture(charge, told, told.event_id)
    if not capture:
        raise PayloadMalformed(f"{told.place}.canceled_amount: missing, and paid_amount too")
    return capture


def _charged_back(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    # The money is gone already. How much is not said, so it is all that was captured.
    opened = _fact(charge, told, "payment.chargeback_opened", None, funds_withdrawn=True)
    return (*_capture(charge, told, f"{told.event_id}:captured"), opened)


def _canceled(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    if was_captured(charge) is None:
        # No event says "refunded" here, and a charge that was paid has paid_amount and paid_at.
        return (_fact(charge, told, "payment.voided", charge.amount, at=charge.canceled_at),)
    return _given_back(charge, told)


def _unknown_status(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    return (unknown(charge, told, charge.status or ""),)


def state_of(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    """Translate a charge as it stands, without an event of its own. Raises: PayloadMalformed."""
    if charge.status is None:
        raise PayloadMalformed(f"{told.place}.status: missing")
    return STATUS_RULES.get(charge.status, _unknown_status)(charge, told)


STATUS_RULES: Final[Mapping[str, Rule]] = {
    "pending": _open,
    "processing": _open,
    "paid": _standing,
    "underpaid": _standing,
    "overpaid": _standing,
    "canceled": _canceled,
    "failed": _failed,
    "chargedback": _charged_back,
}

EVENT_RULES: Final[Mapping[str, Rule]] = {
    "charge.pending": _open,
    "charge.processing": _open,
    "charge.paid": _captured,
    "charge.underpaid": _captured,
    "charge.overpaid": _captured,
    "charge.payment_failed": _failed,
    "charge.refunded": _given_back,
    "charge.partial_canceled": _partly_given_back,
    "charge.chargedback": _charged_back,
    "chargeback.received": _charged_back,
    "charge.antifraud_pending": _in_review,
    "charge.antifraud_manual": _in_review,
    "charge.antifraud_approved": state_of,  # what it is now that it passed, its status and last operation say
    "charge.antifraud_reproved": _risk_rejected,
}

BOOKKEEPING: Final = frozenset({"charge.created", "charge.updated"})


def event_of(charge: Charge, told: Told, event: str) -> tuple[PaymentFact, ...]:
    """Translate a charge's event; nothing for bookkeeping. Raises: PayloadMalformed."""
    if charge.status is not None and charge.status not in CHARGE_STATUSES:
        # The event may be known, but a charge in a state that we do not know is never taken for paid.
        return _unknown_status(charge, told)
    if event in BOOKKEEPING:
        # No event is named after a refund that waits or fails; an update of the charge is where it shows.
        return _refund_under_way(charge, told)
    return EVENT_RULES[event](charge, told)


# --- Facts --------------------------------------------------------------------------------------------------------------------


def _references(charge: Charge, told: Told) -> tuple[Reference, ...]:
    order = charge.order if charge.order.id or charge.order.code else told.order or charge.order
    references = [Reference(kind="charge_id", value=charge.id)]
    if order.id is not None:
        references.append(Reference(kind="gateway_order_id", value=order.id))
    codes = dict.fromkeys(code for code in (order.code, charge.code) if code is not None)
    references.extend(Reference(kind="gateway_order_code", value=code) for code in codes)
    if charge.last_transaction.end_to_end_id is not None:
        references.append(Reference(kind="e2e", value=charge.last_transaction.end_to_end_id))
    return tuple(references)


def _fact(
    charge: Charge, told: Told, kind: PaymentKind, amount_cents: int | None, *, event_id: str | None = None, at: Moment | None = None,
    word: str | None = None, **more: Any,
) -> PaymentFact:  # fmt: skip
    moment = at or told.moment
    return PaymentFact(
        kind=kind,
        event_id=event_id or told.event_id,
        provider=PROVIDER,
        account=told.account,
        references=_references(charge, told),
        occurred_at=moment.at,
        occurred_at_assumed=moment.assumed,
        raw_word=word or told.word,
        payment_key=Reference(kind="charge_id", value=charge.id),
        method=METHODS.get(charge.payment_method or ""),
        amount_cents=amount_cents,
        due_at=charge.pay_until if kind in _WAITING else None,
        installments=charge.last_transaction.installments if kind in _ON_CARD else None,
        instructions=_instructions(charge) if kind == "payment.pending" else None,
        **more,
    )


def _instructions(charge: Charge) -> PaymentInstructions | None:
    """Say how to pay, as far as the gateway tells it."""
    transaction = charge.last_transaction
    known = PaymentInstructions(
        pix_code=transaction.qr_code if charge.payment_method == "pix" else None,
        pix_image_url=transaction.qr_code_url if charge.payment_method == "pix" else None,
        boleto_line=transaction.line,
        boleto_url=transaction.pdf,
    )
    return known if known.model_dump(exclude_none=True) else None


_WAITING: Final = frozenset({"payment.pending", "payment.authorized", "payment.in_review", "payment.unknown"})
_ON_CARD: Final = frozenset({"payment.authorized", "payment.captured"})


def _capture(charge: Charge, told: Told, event_id: str) -> tuple[PaymentFact, ...]:
    """Return the capture, or nothing when no figure tells it.

    Refunds and chargebacks bring it along: where charge.paid got lost, or is late, the money that went back did come.
    """
    settled = settled_cents(charge)
    if settled is None:
        return ()
    credit_on = charge.last_transaction.credit_at
    fact = _fact(
        charge,
        told,
        "payment.captured",
        settled,
        event_id=event_id,
        at=charge.paid_at or charge.last_transaction.paid_at,
        paid_cents=moved_cents(charge),
        interest_cents=charge.interest_and_fine_paid or None,
        credited_at=None if credit_on is None else start_of_day(credit_on),
    )
    return (fact,)


def _refunded(charge: Charge, told: Told, cents: int, event_id: str, at: Moment | None = None) -> PaymentFact:
    transaction = charge.last_transaction
    # The id only ends the refund_pending of the same operation; how much went back is in the cumulative figure.
    refund_id = transaction.id if transaction.status in REFUND_DONE else None
    return _fact(charge, told, "payment.refunded", None, event_id=event_id, at=at, cumulative_cents=cents, refund_id=refund_id)


def _refund_under_way(charge: Charge, told: Told) -> tuple[PaymentFact, ...]:
    """Return the refund that waits or failed, if that is what the last operation is."""
    transaction = charge.last_transaction
    status = transaction.status
    if was_captured(charge) is not True:
        return ()
    if status in REFUND_FAILED:
        kind: PaymentKind = "payment.refund_failed"
    elif status in REFUND_UNDER_WAY or (charge.pending_cancellation and status not in REFUND_DONE):
        kind = "payment.refund_pending"
    else:
        return ()
    operation = (transaction.amount or 0) if status in REFUND_FAILED | REFUND_UNDER_WAY else 0
    if transaction.id is not None and operation:
        return (_fact(charge, told, kind, operation, refund_id=transaction.id, reason=transaction.reason),)
    # Without a name for the one refund: all that has gone back, and will have once this is done.
    total = refunded_cents(charge) + (operation if kind == "payment.refund_pending" else 0)
    return (_fact(charge, told, kind, None, cumulative_cents=total, reason=transaction.reason),)


def unknown(charge: Charge, told: Told, word: str) -> PaymentFact:
    """Return the fact that waits for a person, or for HUB_MAP_PAGARME: the word, and all that is needed to apply it later."""
    paid = charge.paid_amount or None
    return _fact(charge, told, "payment.unknown", charge.amount if paid is None else settled_cents(charge), word=word, paid_cents=paid)
