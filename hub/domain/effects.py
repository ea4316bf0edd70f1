"""What the world is told: the difference of two views, as events, and what is due now and was not done yet.

Facts are published at once, even while an order is held. Invoice, stock and customer notices are deferred then: they
are not stored anywhere, but follow at release from what is due and not yet in `done`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from hub.domain.attempts import MANUAL, SHOP
from hub.domain.decisions import (
    Acknowledged,
    Commented,
    Decision,
    ManualCapture,
    PaperIssued,
    ParcelMarked,
    ParcelShipped,
    Superseded,
    TrackAdded,
    TrackRemoved,
)
from hub.domain.events import (
    capture_body,
    commented_body,
    fiscal_body,
    paper_body,
    parcel_body,
    payment_body,
    refund_body,
    shipment_body,
)
from hub.domain.fold import record_key
from hub.domain.judgement import CUSTOM, NO_TEXTS, AddressText, CommentText, Texts, TrackText
from hub.domain.notices import Around, instructed, notices_asked, notices_due
from hub.domain.parcels import parcel_key, same_number
from hub.domain.view import View
from schemas.facts import Fact, FiscalFact, OrderFact, PaymentFact, ShipmentFact
from schemas.references import ReferenceKind

_INVOICE: Final = "invoice"
_STOCK: Final = "stock.release"

VALUE_POLICY: Final = "policy:value_mismatch"
"""The actor that holds an order whose tax papers are worth far more than it."""

VOID_POLICY: Final = "policy:void"
"""The actor that releases what could still be paid of a canceled order."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What brought the change: a fact by an inbound key, or a command's decision with the texts that go beside it."""

    kind: str
    source: str
    event_id: str
    occurred_at: datetime
    actor: str | None = None
    content: Fact | Decision | None = None
    texts: Texts = NO_TEXTS

    @property
    def decision(self) -> Decision | None:
        """The decision, when a command was the cause."""
        return self.content if isinstance(self.content, Decision) else None

    @property
    def body(self) -> dict[str, Any]:
        """As it stands in events."""
        body: dict[str, Any] = {"kind": self.kind, "source": self.source, "event_id": self.event_id}
        if self.actor is not None:
            body["actor"] = self.actor
        return body


class EventDraft(NamedTuple):
    """An event before the engine numbers it and adds order, sequences, recorded_at and, for notices, the recipient."""

    routing_key: str
    body: dict[str, Any]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """The one sale invoice of an order. `captures` are transaction keys; `notify`: whether it was asked to be sent by e-mail."""

    number: str
    total_cents: int
    captures: tuple[str, ...]
    at: datetime
    notify: bool


class Claim(NamedTuple):
    """A word by which a provider will name the order from now on, or no longer."""

    provider: str
    kind: ReferenceKind
    value: str


@dataclass(frozen=True, slots=True)
class PolicyCommand:
    """A command that the hub gives itself; the engine judges and carries it out at once, in the same transaction."""

    command: str
    data: Mapping[str, Any]
    actor: str


class Effects(NamedTuple):
    """Events in the order in which they are published, the keys of all that is done by now, and rows of tables of their own.

    `comment`, `address` and `tracks` are to be written beside the log row: texts are in no ledger. `claims` are references that a
    person has given the order, `disclaims` those taken off it.
    """

    events: tuple[EventDraft, ...] = ()
    done: frozenset[str] = frozenset()
    invoice: InvoiceDraft | None = None
    commands: tuple[PolicyCommand, ...] = ()
    comment: CommentText | None = None
    address: AddressText | None = None
    tracks: tuple[TrackText, ...] = ()
    claims: tuple[Claim, ...] = ()
    disclaims: tuple[Claim, ...] = ()


_Drafts = list[tuple[str, dict[str, Any]]]


def effects(before: View | None, after: View, cause: Cause, done: frozenset[str]) -> Effects:
    """Say what follows from a change of the ledger, or from a command that changed none (a comment, a notice sent again).

    Order: the fact itself, invoice, status, stock, exceptions, notices. `done` only grows; a notice that was not wanted is
    in it too, so that the next fact does not send it after all.
    """
    if not after.placed:
        return Effects(done=done)
    if before is not None and not before.placed:
        before = None
    now_done = set(done)
    drafts: _Drafts = list(_of_fact(before, after, cause))
    invoice: InvoiceDraft | None = None
    held = after.state == "holded"
    if after.invoice_due and not held and _INVOICE not in now_done:
        now_done.add(_INVOICE)
        invoice = _invoice(after, cause)
        drafts.append(("invoice.created", _invoice_body(invoice, cause)))
    if before is None or (before.state, before.status) != (after.state, after.status):
        drafts.append((f"order.status_changed.{after.status}", _status_body(before, after, cause)))
    if not held:
        drafts.extend(_of_stock(after, cause, now_done))
    drafts.extend(_of_exceptions(before, after, cause))
    tracks = _track_texts(after, cause)
    drafts.extend(_of_notices(after, cause, tracks, now_done))
    events = tuple([EventDraft(routing_key, body, cause.occurred_at) for routing_key, body in drafts])
    commands = tuple(_policies(after, now_done)) if after.fiscal_value == "far_above" else ()
    if after.base_state == "canceled" and after.rules.void_on_cancel:
        commands = (*commands, *_voids(after, now_done))
    result_done = frozenset(now_done) if len(now_done) > len(done) else done
    given, taken = _references(cause) if cause.decision is not None else ((), ())
    return Effects(events, result_done, invoice, commands, cause.texts.comment, cause.texts.address, tracks, given, taken)


def _of_fact(before: View | None, after: View, cause: Cause) -> Iterator[tuple[str, dict[str, Any]]]:
    match cause.content:
        case PaymentFact() as fact:
            key = f"unknown|{fact.event_id}"
            if key not in after.figures:
                key = record_key(fact)
            # A late pending or failure may still teach the ledger an earlier time or a reference; of the money it says nothing new.
            if before is None or before.figures.get(key) != after.figures[key]:
                yield fact.kind, payment_body(after, fact, after.payment_of.get(key), cause.body)
        case ShipmentFact() as fact:
            yield fact.kind, shipment_body(after, fact, cause.body)
        case FiscalFact() as fact:
            yield fact.kind, fiscal_body(after, fact, cause.body)
        case Decision() as decision:
            yield from _of_decision(after, decision, cause)
        case OrderFact(kind="order.placed") if before is None:
            # The engine adds the content: it knows the names and addresses that must not come in here.
            yield "order.placed", {"cause": cause.body}
            for capture in after.captures:
                if capture.source == SHOP:
                    yield "payment.captured", capture_body(capture.payment, capture.method, SHOP, capture.amount_cents, cause.body)
    yield from _of_refunds(before, after, cause)


def _of_decision(after: View, decision: Decision, cause: Cause) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, entry in enumerate(decision.entries):
        match entry:
            case ManualCapture():
                yield "payment.captured", capture_body(entry.attempt, entry.method, MANUAL, entry.amount_cents, cause.body)
            case ParcelShipped() | TrackAdded() | ParcelMarked():
                yield parcel_body(after, entry, cause.texts.tracks, cause.body)
            case PaperIssued():
                key = decision.command_id if index == 0 else f"{decision.command_id}:{index}"
                yield "fiscal.issued", paper_body(after, entry, key, cause.body)
            case Superseded():
                # The engine adds the content, as to order.placed.
                yield "order.edited", {"child": entry.child, "cause": cause.body}
            case Commented():
                yield "order.commented", commented_body(after, entry, decision, cause.body)
            case _:
                pass


def _of_refunds(before: View | None, after: View, cause: Cause) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tell what became of the refunds that were begun here; those of which a provider tells are `payment.refunded`."""
    were = {} if before is None else {refund.id: refund.state for refund in before.refunds if refund.mode is not None}
    for refund in after.refunds:
        if refund.mode is None or were.get(refund.id) == refund.state:
            continue
        kind = "refund.requested" if refund.state == "pending" else f"refund.{refund.state}"
        yield kind, refund_body(refund, kind, cause.body)


def _track_texts(after: View, cause: Cause) -> tuple[TrackText, ...]:
    """Say what stands beside tracking numbers, as told by this fact or command."""
    if not isinstance(cause.content, ShipmentFact):
        return cause.texts.tracks
    shipment = after.shipment_of.get(parcel_key(cause.content))
    if not shipment:
        return ()
    return tuple([TrackText(shipment, track.number.strip(), track.carrier, track.title, track.url) for track in cause.content.tracks])


def _references(cause: Cause) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    """Say by which numbers carriers and tax papers will name the order, since a person said so, and by which no longer."""
    given: list[Claim] = []
    taken: list[Claim] = []
    for entry in cause.decision.entries if cause.decision is not None else ():
        match entry:
            case ParcelShipped():
                numbers = [(track.carrier or entry.carrier, track.number) for track in entry.tracks]
                given.extend(_tracking(carrier, number) for carrier, number in numbers if carrier != CUSTOM)
            case TrackAdded() if entry.carrier not in (None, CUSTOM):
                given.append(_tracking(entry.carrier, entry.number))
            case TrackRemoved() if entry.carrier not in (None, CUSTOM):
                taken.append(_tracking(entry.carrier, entry.number))
            case PaperIssued() if entry.access_key is not None:
                given.append(Claim("nfe", "access_key", entry.access_key))
            case _:
                pass
    return tuple(given), tuple(taken)


def _tracking(carrier: str | None, number: str) -> Claim:
    return Claim(carrier or "", "tracking", same_number(number))


def _of_notices(after: View, cause: Cause, tracks: tuple[TrackText, ...], now_done: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    decision = cause.decision
    comment = None if cause.texts.comment is None else cause.texts.comment.text
    around = Around(decision, comment, tracks, () if isinstance(cause.content, Decision) else instructed(cause.content))
    if after.state != "holded" and not after.historical:
        for notice in notices_due(after, now_done, around):
            now_done.add(notice.done_key)
            if notice.wanted:
                yield f"notification.requested.email.{notice.template}", {**notice.body, "cause": cause.body}
    for notice in notices_asked(after, around):
        yield f"notification.requested.email.{notice.template}", {**notice.body, "cause": cause.body}


def _policies(after: View, now_done: set[str]) -> Iterator[PolicyCommand]:
    """Hold an order whose tax papers are worth far more than it, once for what they are worth."""
    key = f"policy:value:{after.notes_cents}"
    if after.rules.hold_on_value_mismatch != "above" or after.historical or key in now_done:
        return
    if any(exception.kind == "value_mismatch" for exception in after.exceptions):
        now_done.add(key)
        yield PolicyCommand("order.hold", {"hold_reason": "fiscal"}, VALUE_POLICY)


def _voids(after: View, now_done: set[str]) -> Iterator[PolicyCommand]:
    """Release what could still be paid of a canceled order, each payment once; a provider that does not do that refuses."""
    if after.historical:
        return
    for attempt in after.attempts:
        key = f"policy:void:{attempt.id}"
        if attempt.live and attempt.state in ("pending", "in_review", "authorized") and key not in now_done:
            now_done.add(key)
            yield PolicyCommand("payment.void", {"payment": attempt.id}, VOID_POLICY)


def _status_body(before: View | None, after: View, cause: Cause) -> dict[str, Any]:
    return {
        "from": None if before is None else {"state": before.state, "status": before.status},
        "to": {"state": after.state, "status": after.status},
        "label": after.label,
        "cause": cause.body,
    }


def _invoice(after: View, cause: Cause) -> InvoiceDraft:
    notify = cause.decision is not None and cause.decision.notify is True
    captures = tuple([capture.key for capture in after.captures])
    return InvoiceDraft(after.invoice_number, after.due_cents, captures, cause.occurred_at, notify)


def _invoice_body(invoice: InvoiceDraft, cause: Cause) -> dict[str, Any]:
    return {
        "invoice": invoice.number,
        "total_cents": invoice.total_cents,
        "captures": list(invoice.captures),
        "cause": cause.body,
    }


def _of_stock(after: View, cause: Cause, now_done: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give units back: those of a canceled order that never left, and those of refunds that say so, once each."""
    if after.base_state == "canceled" and _STOCK not in now_done:
        now_done.add(_STOCK)
        units: dict[str, int] = {}
        for line in after.lines:
            if not line.virtual and line.canceled:
                units[line.sku] = units.get(line.sku, 0) + line.canceled
        if units:
            yield "stock.release_requested", {"lines": _lines(units), "cause": cause.body}
    for refund in after.refunds:
        key = f"stock.returned:{refund.id}"
        if refund.mode is None or refund.state != "done" or not refund.lines or key in now_done:
            continue
        now_done.add(key)
        virtual = {line.sku for line in after.lines if line.virtual}
        back: dict[str, int] = {}
        for returned in refund.lines:
            if returned.back_to_stock and returned.sku not in virtual:
                back[returned.sku] = back.get(returned.sku, 0) + returned.quantity
        if back:
            yield "stock.returned", {"refund": refund.id, "lines": _lines(back), "cause": cause.body}


def _lines(units: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]


def _of_exceptions(before: View | None, after: View, cause: Cause) -> Iterator[tuple[str, dict[str, Any]]]:
    were = () if before is None else before.exceptions
    if not were and not after.exceptions:
        return
    entries = () if cause.decision is None else cause.decision.entries
    resolutions: dict[tuple[str, str], str] = {
        (entry.kind, entry.key): entry.resolution for entry in entries if isinstance(entry, Acknowledged)
    }
    known = {(exception.kind, exception.key) for exception in were}
    still = {(exception.kind, exception.key) for exception in after.exceptions}
    for exception in were:
        if (exception.kind, exception.key) not in still:
            body: dict[str, Any] = {"kind": exception.kind, "key": exception.key, "cause": cause.body}
            resolution = resolutions.get((exception.kind, exception.key))
            if resolution is not None:
                body["resolution"] = resolution
            yield f"exception.resolved.{exception.kind}", body
    for exception in after.exceptions:
        if (exception.kind, exception.key) not in known:
            body = {
                "kind": exception.kind,
                "key": exception.key,
                "detail": exception.detail,
                "resolve_with": list(exception.resolve_with),
                "cause": cause.body,
            }
            yield f"exception.opened.{exception.kind}", body
