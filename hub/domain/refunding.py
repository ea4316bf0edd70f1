"""refund.create: what is given back, how much that is, and on which payments (order-lifecycle 3.6)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hub.domain.asking import refund_request
from hub.domain.decisions import RefundDone, RefundedUnits, RefundPart, RefundRequested
from hub.domain.judgement import SHOP, By, Judgement, ProviderRequest, Rejected, Shop
from hub.domain.ledger import Ledger
from hub.domain.view import AttemptView, LineView, View
from schemas.commands import CreateRefund, RefundLine


def create_refund(ledger: Ledger, view: View, form: CreateRefund, by: By, shop: Shop = SHOP) -> Judgement:
    """Give money back: by hand, or by asking the provider. Without a payment named, the newest capture first.

    Online it is accepted as pending; what the provider says ends it.
    """
    attempts = _newest_first(view)
    if form.payment is not None:
        attempts = [attempt for attempt in attempts if attempt.id == form.payment]
        if not attempts:
            return Rejected("payment_not_found", "the order has no such payment")
    if form.mode == "online" and not any(shop.offers(attempt.provider, "refund") for attempt in attempts if _left_on(attempt)):
        return Rejected("online_refund_unavailable", "no provider of this order gives money back on request: do it there, mode offline")
    available = min(sum(map(_left_on, attempts)), view.net_cents - view.refund_pending_cents)
    amount = available
    if not form.everything:
        worth = _worth(ledger, view, form)
        if isinstance(worth, Rejected):
            return worth
        amount = worth
        if amount <= 0:
            return Rejected("zero_total_refund", "lines, shipping and extra less the fee come to nothing")
    if available <= 0:
        return Rejected("nothing_to_refund", "nothing is left on this payment")
    if amount > available:
        return Rejected("refund_exceeds_available", f"{amount} cents are more than the {available} that are left")
    refund = f"R{len(ledger.refunds) + 1}"
    request = RefundRequested(
        entry="refund_requested",
        refund=refund,
        mode=form.mode,
        method=form.method,
        parts=tuple(_split(amount, attempts)),
        lines=tuple(RefundedUnits(sku=line.sku, quantity=line.quantity, back_to_stock=line.back_to_stock) for line in form.lines or ()),
        shipping_cents=form.shipping_cents or 0,
        extra_cents=form.extra_cents or 0,
        fee_cents=form.fee_cents or 0,
    )
    result = {
        "refund": refund,
        "amount_cents": amount,
        "parts": [part.model_dump(include={"payment", "amount_cents"}) for part in request.parts],
        "lines": [{"sku": sku, "amount_cents": cents} for sku, cents in _known_amounts(view, form).items()],
        "left_cents": available - amount,
    }
    if form.mode == "online":
        asked = _ask(ledger, view, request, attempts, shop)
        if isinstance(asked, Rejected):
            return asked
        names = ", ".join(dict.fromkeys(one.provider for one in asked))
        accepted = by.accept(request, result=result, message=f"{amount} cents asked of {names}; pending until it answers")
        return replace(accepted, requests=asked)
    return by.accept(request, RefundDone(entry="refund_done", refund=refund), result=result, message=_message(amount, attempts, request))


def _known_amounts(view: View, form: CreateRefund) -> dict[str, int]:
    amounts = line_amounts(view, form.lines or ())
    return {} if isinstance(amounts, Rejected) else amounts


def _ask(
    ledger: Ledger, view: View, request: RefundRequested, attempts: Sequence[AttemptView], shop: Shop
) -> tuple[ProviderRequest, ...] | Rejected:
    """Describe what is asked of whom, part by part; one part that cannot be asked for refuses the whole."""
    by_id = {attempt.id: attempt for attempt in attempts}
    asked: list[ProviderRequest] = []
    for part in request.parts:
        attempt = by_id[part.payment]
        if not shop.offers(attempt.provider, "refund"):
            message = f"{attempt.provider} gives back nothing on request (payment {attempt.id}): name another payment, or mode offline"
            return Rejected("online_refund_unavailable", message)
        one = refund_request(ledger, view, attempt, request.refund, part.amount_cents)
        if isinstance(one, str):
            return Rejected("refund_pending" if attempt.refund_pending_cents else "online_refund_unavailable", one)
        asked.append(one)
    return tuple(asked)


def _message(amount: int, attempts: Sequence[AttemptView], request: RefundRequested) -> str:
    """Say what was noted; and on top of what, lest somebody types in what a provider has told of already."""
    touched = {part.payment for part in request.parts}
    before = sum(attempt.refunded_cents + attempt.refund_pending_cents for attempt in attempts if attempt.id in touched)
    return f"{amount} cents given back" + (f", on top of {before} that were known before" if before else "")


def _newest_first(view: View) -> list[AttemptView]:
    last: dict[str, datetime] = {}
    for capture in view.captures:
        last[capture.payment] = max(capture.at, last.get(capture.payment, capture.at))
    captured = [attempt for attempt in view.attempts if attempt.id in last]
    return sorted(captured, key=lambda attempt: (last[attempt.id], attempt.id), reverse=True)


def _left_on(attempt: AttemptView) -> int:
    gone = attempt.refunded_cents + attempt.charged_back_cents + attempt.refund_pending_cents
    return max(0, attempt.captured_cents - gone)


def _split(amount: int, attempts: Sequence[AttemptView]) -> list[RefundPart]:
    parts: list[RefundPart] = []
    for attempt in attempts:
        taken = min(amount, _left_on(attempt))
        if taken:
            parts.append(
                RefundPart(payment=attempt.id, amount_cents=taken, told_cents=attempt.told_back_cents, known=attempt.known_refunds)
            )
            amount -= taken
    return parts


def _worth(ledger: Ledger, view: View, form: CreateRefund) -> int | Rejected:
    """Add up what the form gives back. May be nothing, or less."""
    lines = line_amounts(view, form.lines or ())
    if isinstance(lines, Rejected):
        return lines
    shipping = form.shipping_cents or 0
    given = sum(refund.asked.shipping_cents for refund in ledger.refunds.values() if refund.asked is not None and refund.state != "failed")
    if shipping > view.shipping_cents - given:
        return Rejected("shipping_refund_exceeds", f"{shipping} cents are more than the {view.shipping_cents - given} left of the freight")
    return sum(lines.values()) + shipping + (form.extra_cents or 0) - (form.fee_cents or 0)


def line_amounts(view: View, lines: Sequence[RefundLine]) -> dict[str, int] | Rejected:
    """Say what the units of each item are worth, to the cent."""
    wanted: dict[str, int] = {}
    for asked in lines:
        wanted[asked.sku] = wanted.get(asked.sku, 0) + asked.quantity
    amounts: dict[str, int] = {}
    for sku, quantity in wanted.items():
        missing = quantity
        for line in (one for one in view.lines if one.sku == sku):
            given = line.refunded + line.refund_pending
            taken = min(missing, line.quantity - given)
            amounts[sku] = amounts.get(sku, 0) + _share(line, given + taken) - _share(line, given)
            missing -= taken
        if missing:
            return Rejected("qty_exceeds", f"{quantity} of {sku} are more than the {quantity - missing} that could be given back")
    return amounts


def _share(line: LineView, units: int) -> int:
    """What so many units of a line are worth: what all refunds give back adds up to the line exactly, the last takes the remainder."""
    return line.total_cents * units // line.quantity
