"""What the world is told: the difference of two views, as events, and what is due now and was not done yet.

Money facts are published at once, even while an order is held. Invoice, stock and customer notices are deferred then: they
are not stored anywhere, but follow at release from what is due and not yet in `done`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from hub.domain.attempts import MANUAL, SHOP
from hub.domain.decisions import Decision, ManualCapture
from hub.domain.fold import record_key
from hub.domain.notices import notices_due
from hub.domain.view import View
from schemas.facts import Fact, OrderFact, PaymentFact

_INVOICE: Final = "invoice"
_STOCK: Final = "stock.release"

_FACT_FIELDS: Final = (
    "account", "amount_cents", "cumulative_cents", "paid_cents", "interest_cents", "discount_cents", "fee_cents", "refund_id", "dispute_id",
    "installments", "raw_word", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cause:
    """What brought the change: a fact by an inbound key, or a command's decision."""

    kind: str
    source: str
    event_id: str
    occurred_at: datetime
    actor: str | None = None
    content: Fact | Decision | None = None

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


@dataclass(frozen=True, slots=True)
class EventDraft:
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


@dataclass(frozen=True, slots=True)
class Effects:
    """Events in the order in which they are published, the keys of all that is done by now, and the invoice if one is made."""

    events: tuple[EventDraft, ...] = ()
    done: frozenset[str] = field(default_factory=frozenset)
    invoice: InvoiceDraft | None = None


def effects(before: View | None, after: View, cause: Cause, done: frozenset[str]) -> Effects:
    """Say what follows from a change of the ledger.

    Order: the fact itself, invoice, status, stock, exceptions, notices. `done` only grows; a notice that was not wanted is
    in it too, so that the next fact does not send it after all.
    """
    if not after.placed:
        return Effects(done=done)
    if before is not None and not before.placed:
        before = None
    now_done = set(done)
    drafts: list[tuple[str, dict[str, Any]]] = list(_of_fact(before, after, cause))
    invoice: InvoiceDraft | None = None
    held = after.state == "holded"
    if after.invoice_due and not held and _INVOICE not in now_done:
        now_done.add(_INVOICE)
        invoice = _invoice(after, cause)
        drafts.append(("invoice.created", _invoice_body(invoice, cause)))
    if before is None or (before.state, before.status) != (after.state, after.status):
        drafts.append((f"order.status_changed.{after.status}", _status_body(before, after, cause)))
    if after.state == "canceled" and _STOCK not in now_done:
        now_done.add(_STOCK)
        drafts.extend(_stock(after, cause))
    drafts.extend(_of_exceptions(before, after, cause))
    if not held and not after.historical:
        for notice in notices_due(after, cause.decision):
            if notice.done_key in now_done:
                continue
            now_done.add(notice.done_key)
            if notice.wanted:
                drafts.append((f"notification.requested.email.{notice.template}", {**notice.body, "cause": cause.body}))
    events = tuple([EventDraft(routing_key, body, cause.occurred_at) for routing_key, body in drafts])
    return Effects(events, frozenset(now_done) if len(now_done) > len(done) else done, invoice)


def _of_fact(before: View | None, after: View, cause: Cause) -> Iterator[tuple[str, dict[str, Any]]]:
    match cause.content:
        case PaymentFact() as fact:
            key = f"unknown|{fact.event_id}"
            if key not in after.figures:
                key = record_key(fact)
            # A late pending or failure may still teach the ledger an earlier time or a reference; of the money it says nothing new.
            if before is None or before.figures.get(key) != after.figures[key]:
                yield fact.kind, _payment_body(after, fact, after.payment_of.get(key), cause)
        case Decision() as decision:
            for entry in decision.entries:
                if isinstance(entry, ManualCapture):
                    yield "payment.captured", _capture_body(entry.attempt, entry.method, MANUAL, entry.amount_cents, cause)
        case OrderFact(kind="order.placed") if before is None:
            # The engine adds the content: it knows the names and addresses that must not come in here.
            yield "order.placed", {"cause": cause.body}
            for capture in after.captures:
                if capture.source == SHOP:
                    yield "payment.captured", _capture_body(capture.payment, capture.method, SHOP, capture.amount_cents, cause)


def _payment_body(after: View, fact: PaymentFact, attempt_id: str | None, cause: Cause) -> dict[str, Any]:
    body: dict[str, Any] = {"kind": fact.kind, "payment": attempt_id, "provider": fact.provider, "method": fact.method}
    if fact.method is None and attempt_id is not None and (attempt := after.attempt(attempt_id)) is not None:
        body["method"] = attempt.method
    if fact.payment_key is not None:
        body["payment_key"] = {"kind": fact.payment_key.kind, "value": fact.payment_key.value}
    for name in _FACT_FIELDS:
        value = getattr(fact, name)
        if value is not None:
            body[name] = value
    if fact.funds_withdrawn:
        body["funds_withdrawn"] = True
    if fact.due_at is not None:
        body["due_at"] = fact.due_at.isoformat()
    if fact.credited_at is not None:
        body["credited_at"] = fact.credited_at.isoformat()
    body["cause"] = cause.body
    return body


def _capture_body(attempt: str, method: str, source: str, amount_cents: int, cause: Cause) -> dict[str, Any]:
    return {
        "kind": "payment.captured",
        "payment": attempt,
        "provider": source,
        "method": method,
        "amount_cents": amount_cents,
        "cause": cause.body,
    }


def _status_body(before: View | None, after: View, cause: Cause) -> dict[str, Any]:
    return {
        "from": None if before is None else {"state": before.state, "status": before.status},
        "to": {"state": after.state, "status": after.status},
        "label": after.label,
        "cause": cause.body,
    }


def invoice_number(order: str) -> str:
    """Give the number of an order's sale invoice: there is exactly one, so it follows from the order's."""
    return f"F-{order}"


def _invoice(after: View, cause: Cause) -> InvoiceDraft:
    notify = cause.decision is not None and cause.decision.notify is True
    captures = tuple([capture.key for capture in after.captures])
    return InvoiceDraft(invoice_number(after.number), after.due_cents, captures, cause.occurred_at, notify)


def _invoice_body(invoice: InvoiceDraft, cause: Cause) -> dict[str, Any]:
    return {
        "invoice": invoice.number,
        "total_cents": invoice.total_cents,
        "captures": list(invoice.captures),
        "cause": cause.body,
    }


def _stock(after: View, cause: Cause) -> Iterator[tuple[str, dict[str, Any]]]:
    units: dict[str, int] = {}
    for line in after.lines:
        if not line.virtual:
            units[line.sku] = units.get(line.sku, 0) + line.quantity
    if units:
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]
        yield "stock.release_requested", {"lines": lines, "cause": cause.body}


def _of_exceptions(before: View | None, after: View, cause: Cause) -> Iterator[tuple[str, dict[str, Any]]]:
    were = () if before is None else before.exceptions
    if not were and not after.exceptions:
        return
    known = {(exception.kind, exception.key) for exception in were}
    still = {(exception.kind, exception.key) for exception in after.exceptions}
    for exception in were:
        if (exception.kind, exception.key) not in still:
            body = {"kind": exception.kind, "key": exception.key, "cause": cause.body}
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
