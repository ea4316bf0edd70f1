"""Customer notices (order-lifecycle 3.8): conditions on the view, so that a deferred one follows by itself, and what forms ask for.

A context is put together only when its notice is sent. Names, e-mail, product names and what stands beside tracking numbers are in
no ledger: the engine adds them (hub/engine/notices.py).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hub.domain.decisions import (
    Commented,
    Decision,
    Entry,
    LabelChosen,
    NoticeResent,
    PaperIssued,
    ParcelMarked,
    ParcelShipped,
    ProductionStarted,
    RefundRequested,
    TrackAdded,
)
from hub.domain.judgement import TrackText
from hub.domain.tracking_pages import tracking_page
from hub.domain.view import AttemptView, RefundView, ShipmentView, View
from schemas.facts import Fact, OrderFact, PaymentFact

LOCALE: Final = "pt-BR"

_INSTRUCTED_METHODS: Final = ("pix", "boleto")
_UNPAID: Final = ("new", "pending_payment", "payment_review")
_OVER: Final = ("closed", "canceled")
_AWAITED: Final = ("created", "pending")

_NOTHING: Final[Mapping[str, Any]] = {}


class Notice(NamedTuple):
    """One notice. `occasion` tells two of one template apart (an attempt, a document).

    `wanted` false: the form that caused it asked for none, so it is over without being sent; its body is empty.
    """

    template: str
    occasion: str
    wanted: bool
    body: dict[str, Any]

    @property
    def done_key(self) -> str:
        """Key in `done`: at most one automatic notice each (invariant I19)."""
        return _done_key(self.template, self.occasion)


def _done_key(template: str, occasion: str) -> str:
    return f"notice:{template}:{occasion}" if occasion else f"notice:{template}"


class Instructed(NamedTuple):
    """How to pay, and the references of the payment that it was said of."""

    values: frozenset[str]
    instructions: dict[str, str]


class Around(NamedTuple):
    """What a notice may say of its cause: the decision and its comment, what stands beside tracks, how to pay."""

    decision: Decision | None = None
    comment: str | None = None
    tracks: tuple[TrackText, ...] = ()
    instructed: tuple[Instructed, ...] = ()

    @property
    def notify(self) -> bool | None:
        """What the form says of telling the customer; None = nothing, or it was no form."""
        return None if self.decision is None else self.decision.notify


def instructed(fact: Fact | None) -> tuple[Instructed, ...]:
    """Take what a fact says about how to pay."""
    match fact:
        case PaymentFact(instructions=told) if told is not None:
            key = () if fact.payment_key is None else (fact.payment_key.value,)
            values = frozenset((*key, *(reference.value for reference in fact.references)))
            return (Instructed(values, told.model_dump(exclude_none=True)),)
        case OrderFact(order=order) if order is not None:
            return tuple(
                Instructed(
                    frozenset((*(reference.value for reference in one.references), *((one.reference,) if one.reference else ()))),
                    one.instructions.model_dump(exclude_none=True),
                )
                for one in order.payments
                if one.instructions is not None
            )
        case _:
            return ()


def instructions_for(after: View, attempt: AttemptView, told: Sequence[Instructed]) -> dict[str, str]:
    """Put together how to pay an attempt; what was said later wins. An order's only attempt needs no reference to be meant."""
    alone = len(after.attempts) == 1
    values = {reference.value for reference in attempt.references}
    found: dict[str, str] = {}
    for one in told:
        if values & one.values or (alone and not one.values):
            found |= one.instructions
    return found


# -- automatic ---------------------------------------------------------------------------------------------------------------------


def notices_due(after: View, done: Collection[str], around: Around) -> Iterator[Notice]:
    """Yield the automatic notices whose condition holds now and that are not over yet."""
    if "notice:order_placed" not in done:
        yield _due(after, "order_placed", "", around, _of_order(after, around.instructed))
    if after.base_state in _UNPAID:
        for attempt in after.attempts:
            if attempt.state == "pending" and attempt.method in _INSTRUCTED_METHODS:
                if _done_key("payment_instructions", attempt.id) not in done:
                    context = {**_of_items(after), **_of_attempt(after, attempt, around.instructed)}
                    yield _due(after, "payment_instructions", attempt.id, around, context)
            elif attempt.state == "failed" and _done_key("payment_refused", attempt.id) not in done:
                yield _due(after, "payment_refused", attempt.id, around, _of_attempt(after, attempt, ()))
    elif after.base_state == "canceled":
        if after.child is not None:
            # One letter for the whole step: the new number. That the old order is canceled is part of it.
            if "notice:order_edited" not in done:
                yield _due(after, "order_edited", "", around, {"child": after.child}, wanted=around.notify is not False)
        elif "notice:canceled" not in done:
            reason = {} if after.cancel is None else {"reason": after.cancel.reason}
            yield _due(after, "canceled", "", around, {**_of_items(after), **reason}, wanted=around.notify is not False)
    elif after.invoice_due and "notice:order_approved" not in done:
        # Approval by hand tells the customer only when asked to (`c`); by a provider, or at release, always (`C`).
        by_hand = around.decision is not None and around.decision.kind == "order.approve"
        wanted = around.notify is True if by_hand else True
        yield _due(after, "order_approved", "", around, _of_invoice(after), wanted=wanted, document=("invoice", after.invoice_number))
    if after.base_state not in _OVER:
        yield from _parcels_due(after, done, around)


def _parcels_due(after: View, done: Collection[str], around: Around) -> Iterator[Notice]:
    for shipment in after.shipments:
        # A posting that is only inferred may still be told of; then it is the time to tell the customer.
        if shipment.shipped_at is None or shipment.inferred:
            continue
        # A parcel may have had other names before.
        if any(_done_key("shipped", name) in done for name in (shipment.id, *shipment.ids)):
            continue
        wanted = shipment.open and not (around.notify is False and _ships(around.decision, shipment.id))
        context = _of_shipment(shipment, around.tracks) if wanted else _NOTHING
        yield _due(after, "shipped", shipment.id, around, context, wanted=wanted, document=("shipment", shipment.id))


def _ships(decision: Decision | None, shipment: str) -> bool:
    return decision is not None and any(isinstance(entry, ParcelShipped) and entry.shipment == shipment for entry in decision.entries)


def _due(
    after: View,
    template: str,
    occasion: str,
    around: Around,
    context: Mapping[str, Any],
    *,
    wanted: bool = True,
    document: tuple[str, str] | None = None,
) -> Notice:
    if not wanted:
        return Notice(template, occasion, False, {})
    if around.notify is True and around.comment is not None:
        # The comment of a form rides along only when the form says that the customer is to be told.
        context = {**context, "comment": around.comment}
    return _notice(after, template, occasion, context, document=document)


# -- asked for ---------------------------------------------------------------------------------------------------------------------


def notices_asked(after: View, around: Around) -> Iterator[Notice]:
    """Yield what the form itself asks for (`c` in the table), and what is sent once more: no hold defers it."""
    decision = around.decision
    if decision is None:
        return
    told: set[str] = set()
    for entry in decision.entries:
        if isinstance(entry, NoticeResent):
            yield _again(after, entry, decision.command_id, around)
        elif decision.notify is True:
            for notice in _asked(after, entry, decision, around.tracks):
                if around.comment is not None:
                    notice.body["context"]["comment"] = around.comment
                key = notice.body["key"]
                if key not in told:
                    told.add(key)
                    yield notice


def _asked(after: View, entry: Entry, decision: Decision, texts: tuple[TrackText, ...]) -> Iterator[Notice]:
    by = decision.command_id
    match entry:
        case ProductionStarted():
            yield _notice(after, "in_production", by, _of_items(after))
        case PaperIssued():
            context = {"access_key": entry.access_key, "number": entry.number, "series": entry.series, "url": entry.url}
            yield _notice(after, "nf_issued", by, {name: value for name, value in context.items() if value is not None})
        case ParcelMarked():
            yield _of_parcel(after, entry.mark, entry.shipment, by, texts)
        case TrackAdded():
            yield _of_parcel(after, "track_added", entry.shipment, by, texts)
        case RefundRequested():
            refund = next(one for one in after.refunds if one.id == entry.refund)
            yield _notice(after, "refunded", entry.refund, _of_refund(after, refund), document=("refund", entry.refund))
            if after.base_state == "closed":
                yield _notice(after, "closed", by, {"refunded_cents": after.refunded_cents})
        case Commented() if decision.kind == "order.comment":
            document = None if entry.document is None else (entry.kind or "invoice", entry.document)
            yield _notice(after, "comment", by, document=document)
        case LabelChosen():
            yield _notice(after, "comment", by)


def _of_parcel(after: View, template: str, shipment: str, by: str, texts: tuple[TrackText, ...]) -> Notice:
    found = after.shipment(shipment)
    context = _NOTHING if found is None else _of_shipment(found, texts)
    return _notice(after, template, f"{shipment}:{by}", context, document=("shipment", shipment))


def _again(after: View, entry: NoticeResent, by: str, around: Around) -> Notice:
    """Send a document's notice once more, as things stand now, under a key of its own."""
    if entry.document is None:
        return _notice(after, "order_placed", by, _of_order(after, around.instructed))
    context: Mapping[str, Any] = _NOTHING
    if entry.kind == "shipment" and (shipment := after.shipment(entry.document)) is not None:
        context = _of_shipment(shipment, around.tracks)
    elif entry.kind == "refund":
        refund = next((one for one in after.refunds if one.id == entry.document), None)
        context = _NOTHING if refund is None else _of_refund(after, refund)
    elif entry.kind == "invoice":
        context = _of_invoice(after)
    return _notice(after, "document_resent", by, context, document=(entry.kind, entry.document))


# -- contexts ----------------------------------------------------------------------------------------------------------------------


def _of_items(after: View) -> dict[str, Any]:
    """Say what the order is: its lines, and what else makes up the total."""
    context: dict[str, Any] = {
        "items": [
            {"sku": line.sku, "quantity": line.quantity, "unit_price_cents": line.unit_price_cents, "total_cents": line.total_cents}
            for line in after.lines
        ],
        "shipping_cents": after.shipping_cents,
    }
    if after.placed_at is not None:
        context["placed_at"] = after.placed_at.isoformat()
    if after.discount_cents:
        context["discount_cents"] = after.discount_cents
    if after.adjustment_cents:
        context["adjustment_cents"] = after.adjustment_cents
    return context


def _of_order(after: View, told: Sequence[Instructed]) -> dict[str, Any]:
    context = _of_items(after)
    payments = [_of_attempt(after, attempt, told if attempt.state in _AWAITED else ()) for attempt in after.attempts]
    if payments:
        context["payments"] = payments
    return context


def _of_invoice(after: View) -> dict[str, Any]:
    payments = [{"payment": one.payment, "method": one.method, "amount_cents": one.amount_cents} for one in after.captures]
    return {**_of_items(after), "captured_cents": after.captured_cents, **({"payments": payments} if payments else {})}


def _of_attempt(after: View, attempt: AttemptView, told: Sequence[Instructed]) -> dict[str, Any]:
    context: dict[str, Any] = {"payment": attempt.id, "method": attempt.method}
    if attempt.amount_cents is not None:
        context["amount_cents"] = attempt.amount_cents
    if attempt.due_at is not None:
        context["due_at"] = attempt.due_at.isoformat()
    if told and (instructions := instructions_for(after, attempt, told)):
        context["instructions"] = instructions
    return context


def _of_refund(after: View, refund: RefundView) -> dict[str, Any]:
    method = refund.method
    if method is None and (attempt := next((one for one in after.attempts if one.id == refund.payment), None)) is not None:
        method = attempt.method
    context: dict[str, Any] = {"amount_cents": refund.amount_cents, "state": refund.state}
    if method is not None:
        context["method"] = method
    if refund.lines:
        context["items"] = [{"sku": line.sku, "quantity": line.quantity} for line in refund.lines]
    if refund.shipping_cents:
        context["shipping_cents"] = refund.shipping_cents
    if refund.fee_cents:
        context["fee_cents"] = refund.fee_cents
    return context


def _of_shipment(shipment: ShipmentView, texts: tuple[TrackText, ...]) -> dict[str, Any]:
    """Say what a notice says of a parcel: carrier, items, and all its numbers with what is known beside them."""
    beside = {text.number: text for text in texts if text.shipment == shipment.id}
    tracks: list[dict[str, Any]] = []
    for track in shipment.tracks:
        text = beside.get(track.number)
        shown = {"number": track.number, "carrier": track.carrier or shipment.carrier}
        if text is not None:
            shown |= {"title": text.title, "url": text.url}
        if shown.get("url") is None:
            shown["url"] = tracking_page(track.number, track.carrier or shipment.carrier)
        tracks.append({name: value for name, value in shown.items() if value is not None})
    carrier = {} if shipment.carrier is None else {"carrier": shipment.carrier}
    return {**carrier, "tracks": tracks, "items": [{"sku": sku, "quantity": quantity} for sku, quantity in shipment.items]}


def _notice(
    after: View,
    template: str,
    occasion: str,
    context: Mapping[str, Any] = _NOTHING,
    *,
    document: tuple[str, str] | None = None,
) -> Notice:
    key = f"{after.number}:{template}:{occasion}" if occasion else f"{after.number}:{template}"
    told = {"label": after.label, "total_cents": after.total_cents, **context}
    body: dict[str, Any] = {"key": key, "channel": "email", "template": template, "locale": LOCALE, "context": told}
    if document is not None:
        body["document"] = {"kind": document[0], "id": document[1]}
    return Notice(template, occasion, True, body)
