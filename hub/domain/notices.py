"""Customer notices (order-lifecycle 3.8): conditions on the view, so that a deferred one follows by itself, and what forms ask for."""

from collections.abc import Iterator, Mapping
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
from hub.domain.view import AttemptView, ShipmentView, View

LOCALE: Final = "pt-BR"

_INSTRUCTED_METHODS: Final = ("pix", "boleto")
_UNPAID: Final = ("new", "pending_payment", "payment_review")
_OVER: Final = ("closed", "canceled")

_NOTHING: Final[Mapping[str, Any]] = {}


class Notice(NamedTuple):
    """One notice. `occasion` tells two of one template apart (an attempt, a document); `also` are names the occasion had before.

    `wanted` false: the form that caused it asked for none, so it is over without being sent.
    """

    template: str
    occasion: str
    wanted: bool
    body: dict[str, Any]
    also: tuple[str, ...] = ()

    @property
    def done_key(self) -> str:
        """Key in `done`: at most one automatic notice each (invariant I19)."""
        return _done_key(self.template, self.occasion)

    def is_done(self, done: set[str]) -> bool:
        """Say whether it was sent, or given up."""
        return self.done_key in done or any(_done_key(self.template, occasion) in done for occasion in self.also)


def _done_key(template: str, occasion: str) -> str:
    return f"notice:{template}:{occasion}" if occasion else f"notice:{template}"


def notices_due(after: View, decision: Decision | None, texts: tuple[TrackText, ...]) -> Iterator[Notice]:
    """Yield the automatic notices whose condition holds now, done or not."""
    notify = None if decision is None else decision.notify
    yield _notice(after, "order_placed", "")
    if after.base_state in _UNPAID:
        for attempt in after.attempts:
            if attempt.state == "pending" and attempt.method in _INSTRUCTED_METHODS:
                yield _notice(after, "payment_instructions", attempt.id, _of_attempt(attempt))
            elif attempt.state == "failed":
                yield _notice(after, "payment_refused", attempt.id, _of_attempt(attempt))
    elif after.base_state == "canceled":
        if after.child is not None:
            # One letter for the whole step: the new number. That the old order is canceled is part of it.
            yield _notice(after, "order_edited", "", {"child": after.child}, wanted=notify is not False)
            return
        reason = {} if after.cancel is None else {"reason": after.cancel.reason}
        yield _notice(after, "canceled", "", reason, wanted=notify is not False)
    elif after.invoice_due:
        # Approval by hand tells the customer only when asked to (`c`); by a provider, or at release, always (`C`).
        by_hand = decision is not None and decision.kind == "order.approve"
        yield _notice(after, "order_approved", "", {"captured_cents": after.captured_cents}, wanted=notify is True if by_hand else True)
    if after.base_state not in _OVER:
        for shipment in after.shipments:
            # A posting that is only inferred may still be told of; then it is the time to tell the customer.
            if shipment.shipped_at is not None and not shipment.inferred:
                wanted = shipment.open and not (notify is False and _ships(decision, shipment.id))
                context = of_shipment(shipment, texts)
                yield _notice(after, "shipped", shipment.id, context, wanted=wanted, document=shipment.id, also=shipment.ids)


def _ships(decision: Decision | None, shipment: str) -> bool:
    return decision is not None and any(isinstance(entry, ParcelShipped) and entry.shipment == shipment for entry in decision.entries)


def notices_asked(after: View, decision: Decision, comment: str | None, texts: tuple[TrackText, ...]) -> Iterator[Notice]:
    """Yield what the form itself asks for (`c` in the table), and what is sent once more: no hold defers it."""
    told: set[str] = set()
    for entry in decision.entries:
        if isinstance(entry, NoticeResent):
            yield _again(after, entry, decision.command_id, texts)
        elif decision.notify is True:
            for notice in _asked(after, entry, decision, texts):
                if comment is not None:
                    notice.body["context"]["comment"] = comment
                key = notice.body["key"]
                if key not in told:
                    told.add(key)
                    yield notice


def _asked(after: View, entry: Entry, decision: Decision, texts: tuple[TrackText, ...]) -> Iterator[Notice]:
    by = decision.command_id
    match entry:
        case ProductionStarted():
            yield _notice(after, "in_production", by)
        case PaperIssued():
            context = {"access_key": entry.access_key, "number": entry.number, "series": entry.series, "url": entry.url}
            yield _notice(after, "nf_issued", by, {name: value for name, value in context.items() if value is not None})
        case ParcelMarked():
            shipment = after.shipment(entry.shipment)
            where = {} if shipment is None else of_shipment(shipment, texts)
            yield _notice(after, entry.mark, f"{entry.shipment}:{by}", where, document=entry.shipment)
        case TrackAdded():
            shipment = after.shipment(entry.shipment)
            where = {} if shipment is None else of_shipment(shipment, texts)
            yield _notice(after, "track_added", f"{entry.shipment}:{by}", where, document=entry.shipment)
        case RefundRequested():
            amount = sum(part.amount_cents for part in entry.parts)
            given = {"amount_cents": amount, "method": entry.method}
            yield _notice(after, "refunded", entry.refund, given, document=entry.refund, kind="refund")
            if after.base_state == "closed":
                yield _notice(after, "closed", by)
        case Commented() if decision.kind == "order.comment":
            if entry.document is not None:
                yield _notice(after, "comment", by, document=entry.document, kind=entry.kind or "invoice")
            else:
                yield _notice(after, "comment", by)
        case LabelChosen():
            yield _notice(after, "comment", by)


def _again(after: View, entry: NoticeResent, by: str, texts: tuple[TrackText, ...]) -> Notice:
    if entry.document is None:
        return _notice(after, "order_placed", by)
    context: dict[str, Any] = {}
    if entry.kind == "shipment" and (shipment := after.shipment(entry.document)) is not None:
        context = of_shipment(shipment, texts)
    elif entry.kind == "refund":
        context = {"amount_cents": next((refund.amount_cents for refund in after.refunds if refund.id == entry.document), 0)}
    elif entry.kind == "invoice":
        context = {"captured_cents": after.captured_cents}
    return _notice(after, "document_resent", by, context, document=entry.document, kind=entry.kind)


def of_shipment(shipment: ShipmentView, texts: tuple[TrackText, ...]) -> dict[str, Any]:
    """Say what a notice says of a parcel: carrier, items, and all its numbers with what is known beside them."""
    beside = {text.number: text for text in texts if text.shipment == shipment.id}
    tracks: list[dict[str, Any]] = []
    for track in shipment.tracks:
        text = beside.get(track.number)
        shown = {"number": track.number, "carrier": track.carrier or shipment.carrier}
        if text is not None:
            shown |= {"title": text.title, "url": text.url}
        tracks.append({name: value for name, value in shown.items() if value is not None})
    return {
        "carrier": shipment.carrier,
        "tracks": tracks,
        "items": [{"sku": sku, "quantity": quantity} for sku, quantity in shipment.items],
    }


def _of_attempt(attempt: AttemptView) -> dict[str, Any]:
    context: dict[str, Any] = {"payment": attempt.id, "method": attempt.method, "amount_cents": attempt.amount_cents}
    if attempt.due_at is not None:
        context["due_at"] = attempt.due_at.isoformat()
    return context


def _notice(
    after: View,
    template: str,
    occasion: str,
    context: Mapping[str, Any] = _NOTHING,
    *,
    wanted: bool = True,
    document: str | None = None,
    kind: str = "shipment",
    also: tuple[str, ...] = (),
) -> Notice:
    key = f"{after.number}:{template}:{occasion}" if occasion else f"{after.number}:{template}"
    told = {"label": after.label, "total_cents": after.total_cents, **context}
    body: dict[str, Any] = {"key": key, "channel": "email", "template": template, "locale": LOCALE, "context": told}
    if document is not None:
        body["document"] = {"kind": kind, "id": document}
    return Notice(template, occasion, wanted, body, also)
