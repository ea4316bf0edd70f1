"""Money by hand: order.approve, review.accept, review.deny and payment.void."""

from collections.abc import Sequence
from dataclasses import replace

from hub.domain.asking import void_request
from hub.domain.decisions import CancelRecord, Entry, ManualCapture, NewAttempt
from hub.domain.judgement import By, Judgement, Rejected, Shop
from hub.domain.ledger import Ledger
from hub.domain.view import AttemptView, View
from schemas.base import PaymentMethod
from schemas.commands import AcceptReview, ApproveOrder, DenyReview, VoidPayment

VOIDABLE = frozenset({"pending", "in_review", "authorized"})
"""States of an attempt that its provider can release."""

REVIEW_DENIED = "review_denied"
"""Reason of a cancellation by review.deny."""


def approve(ledger: Ledger, view: View, form: ApproveOrder, by: By) -> Judgement:
    """Take money by hand: on the attempt it was meant for, as one more figure of the source `manual`."""
    missing = view.remaining_cents
    amount = missing if form.amount_cents is None else form.amount_cents
    if amount > missing:
        return Rejected("invalid_payload", f"amount_cents {amount} is more than the {missing} that are missing")
    attempt = None
    if form.payment is not None:
        attempt = view.attempt(form.payment)
        if attempt is None:
            return Rejected("payment_not_found", "the order has no such payment")
    else:
        attempt = _live_attempt(view.attempts, form.method, amount)
    method: PaymentMethod
    entries: tuple[Entry, ...]
    if attempt is None or (form.method is not None and form.method != attempt.method):
        method = form.method or _last_method(view)
        attempt_id = f"m{len(ledger.manual_attempts) + 1}"
        entries = (
            NewAttempt(entry="new_attempt", id=attempt_id, method=method, known=tuple(sorted(ledger.payments))),
            ManualCapture(entry="manual_capture", attempt=attempt_id, method=method, amount_cents=amount),
        )
    else:
        attempt_id, method = attempt.id, attempt.method
        entries = (_capture(ledger, attempt, amount, by_review=False),)
    left = missing - amount
    result = {"payment": attempt_id, "method": method, "amount_cents": amount, "remaining_cents": left}
    return by.accept(
        *entries, result=result, message=f"{amount} cents captured on payment {attempt_id}" + (f", {left} are missing" if left else "")
    )


def _capture(ledger: Ledger, attempt: AttemptView, amount: int, *, by_review: bool) -> ManualCapture:
    manual = [money for money in ledger.manual_captures.values() if money.attempt == attempt.id]
    by_hand = sum(money.amount_cents + money.on_top_of_cents for money in manual)
    return ManualCapture(
        entry="manual_capture",
        attempt=attempt.id,
        method=attempt.method,
        amount_cents=amount,
        on_top_of_cents=max(0, attempt.captured_cents - by_hand),
        by_review=by_review,
    )


def _live_attempt(attempts: Sequence[AttemptView], method: str | None, amount: int) -> AttemptView | None:
    """Choose the only live attempt. Of several: one of the method asked for, the farthest, of that amount, the first."""
    live = [attempt for attempt in attempts if attempt.live]
    if len(live) < 2:
        return live[0] if live else None
    return min(live, key=lambda attempt: (method not in (None, attempt.method), -attempt.rank, attempt.amount_cents != amount))


def _last_method(view: View) -> PaymentMethod:
    """Name the method of the payment that was heard of last."""
    last = max(view.attempts, key=lambda attempt: attempt.last_micros, default=None)
    return "other" if last is None else last.method


def accept_review(ledger: Ledger, view: View, form: AcceptReview, by: By) -> Judgement:
    """Let a payment pass: it counts as captured until its provider says that it failed."""
    attempt = _in_review(view, form.payment)
    if isinstance(attempt, Rejected):
        return attempt
    amount = view.remaining_cents if attempt.amount_cents is None else min(attempt.amount_cents, view.remaining_cents)
    result = {"payment": attempt.id, "amount_cents": amount, "remaining_cents": view.remaining_cents - amount}
    return by.accept(_capture(ledger, attempt, amount, by_review=True), result=result, message=f"payment {attempt.id} let pass")


def deny_review(view: View, form: DenyReview, by: By) -> Judgement:
    """Let it not pass: the order is canceled."""
    attempt = _in_review(view, form.payment)
    if isinstance(attempt, Rejected):
        return attempt
    return by.accept(CancelRecord(entry="cancel", reason=REVIEW_DENIED), result={"payment": attempt.id}, message="canceled")


def _in_review(view: View, payment: str | None) -> AttemptView | Rejected:
    """Find the payment under review: the one that is named, else the first."""
    if payment is not None and view.attempt(payment) is None:
        return Rejected("payment_not_found", "the order has no such payment")
    found = [attempt for attempt in view.attempts if attempt.state == "in_review" and payment in (None, attempt.id)]
    return found[0] if found else Rejected("not_in_review", "this payment is not under review")


def void(ledger: Ledger, view: View, form: VoidPayment, by: By, shop: Shop) -> Judgement:
    """Ask providers to release payments that have not been captured; without one named, all that wait.

    Nothing changes here: the provider's answer tells that a payment was voided.
    """
    if form.payment is not None and view.attempt(form.payment) is None:
        return Rejected("payment_not_found", "the order has no such payment")
    waiting = [
        attempt
        for attempt in view.attempts
        if attempt.live and attempt.state in VOIDABLE and form.payment in (None, attempt.id) and shop.offers(attempt.provider, "void")
    ]
    asked = tuple([one for attempt in waiting if (one := void_request(ledger, view, attempt)) is not None])
    if not asked:
        return Rejected("void_unavailable", "no provider of this order releases such a payment on request: do it there")
    names = ", ".join(one.payment for one in asked)
    accepted = by.accept(result={"payments": [one.payment for one in asked]}, message=f"asked to release {names}")
    return replace(accepted, requests=asked)
