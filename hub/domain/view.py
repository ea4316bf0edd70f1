"""What the ledger of an order amounts to: state, status, sums, exceptions and allowed actions (order-lifecycle 3.1-3.3)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from hub.domain.attempts import (
    DEFERRED_METHODS,
    MANUAL,
    SHOP,
    Attempt,
    Capture,
    attempts_of,
    charged_back_of,
    is_reversal,
    refunded_of,
    withdrawn_of,
)
from hub.domain.closing import NEVER_CLOSED, closing_of
from hub.domain.exceptions import ExceptionView, Situation, exceptions_of
from hub.domain.expiry import BankCalendar, Expiry, due_micros_of, expiry_of
from hub.domain.fiscal import NOTHING, Fiscal, Paper, fiscal_of
from hub.domain.fold import PRODUCTION
from hub.domain.guards import Standing, allowed_actions, column_of
from hub.domain.labels import BUILT_IN, Statuses, linked_status
from hub.domain.ledger import ALL, Ledger, PaymentRecord, Placement, Rules, from_micros
from hub.domain.money import spread
from hub.domain.parcels import Units
from hub.domain.references import BARE, KINDS, decoded
from hub.domain.refunds import DONE, Asked, HubRefund, Part, RefundedLine
from hub.domain.shipments import Fulfilment, Parcel, fulfilment_of, own_id_of
from hub.domain.sums import Sums
from schemas.base import PaymentMethod

__all__ = [
    "AttemptView", "CancelView", "CaptureView", "ExceptionView", "FiscalDocumentView", "LineView", "ReferenceView", "RefundView",
    "ShipmentView", "TrackView", "TransactionView", "View", "expire_at", "view",
]  # fmt: skip

_REFUND_STATES: Final = ("pending", "failed", "done")


class ReferenceView(NamedTuple):
    """A name of a payment. Kind `reference` is one that the shop gave without a kind."""

    kind: str
    value: str


class AttemptView(NamedTuple):
    """One payment of the order. Rank 0 created, 1 pending, 2 in_review, 3 authorized; `last_micros` is when it was last heard of."""

    id: str
    method: PaymentMethod
    provider: str
    references: tuple[ReferenceView, ...]
    state: str
    live: bool
    rank: int
    last_micros: int
    amount_cents: int | None
    captured_cents: int
    refunded_cents: int
    charged_back_cents: int
    refund_pending_cents: int
    due_at: datetime | None
    told_back_cents: int
    known_refunds: tuple[str, ...]


class CaptureView(NamedTuple):
    """One figure that counts towards captured; what the sale invoice lists. `key` is the transaction's."""

    key: str
    payment: str
    method: str
    source: str
    amount_cents: int
    at: datetime


class TransactionView(NamedTuple):
    """One movement as a source told it. Two sources that tell of one payment are two transactions, but count once."""

    key: str
    kind: str
    parent: str | None
    payment: str
    method: str
    provider: str
    amount_cents: int | None
    at: datetime
    closed: bool


class RefundView(NamedTuple):
    """One refund; `mode` is online or offline when it was begun here. `payment` is empty when it has parts on several.

    What a source reported as a total only has the id `<payment key>:total`.
    """

    id: str
    payment: str | None
    state: str
    amount_cents: int
    mode: str | None
    method: str | None
    provider: str | None
    at: datetime
    parts: tuple[Part, ...] = ()
    lines: tuple[RefundedLine, ...] = ()
    shipping_cents: int = 0
    extra_cents: int = 0
    fee_cents: int = 0


class LineView(NamedTuple):
    """One line with its share of discount and adjustment. `total_cents` of all lines and the freight are the order's total.

    Units shipped, given back and canceled; `refund_pending` units are on their way back, and count as back for commands.
    """

    sku: str
    quantity: int
    unit_price_cents: int
    virtual: bool
    discount_cents: int
    adjustment_cents: int
    total_cents: int
    shipped: int = 0
    refunded: int = 0
    canceled: int = 0
    refund_pending: int = 0


class TrackView(NamedTuple):
    """A tracking number; its title and its address are in a table of their own."""

    number: str
    carrier: str | None


@dataclass(frozen=True, slots=True)
class ShipmentView:
    """One parcel. `state` is a kind of shipment fact; `items` are the units inside. Its id is the order's own: not unique among orders.

    `inferred`: nobody told of its posting, only of what came after. Flags: future_time, past_time, late. `ids`: what it may have been
    called before its earliest record was known.
    """

    id: str
    carrier: str | None
    state: str
    items: Units
    tracks: tuple[TrackView, ...]
    created_at: datetime
    updated_at: datetime
    shipped_at: datetime | None
    inferred: bool
    flags: tuple[str, ...]
    ids: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Whether it has been shipped and has not arrived, here or there. What is lost may turn up."""
        return self.shipped_at is not None and self.state not in ("delivered", "returned")


@dataclass(frozen=True, slots=True)
class FiscalDocumentView:
    """One tax paper. `sale`: it is a sale note, whatever its state. Its id is the order's own."""

    id: str
    access_key: str | None
    number: str | None
    series: str | None
    state: str
    evidence: str | None
    total_cents: int | None
    issued_at: datetime | None
    sale: bool
    original_access_keys: tuple[str, ...]


class CancelView(NamedTuple):
    """Why the order is canceled."""

    at: datetime
    reason: str
    by: str


class View(NamedTuple):
    """One order, computed. Before order.placed it is an empty `new` order with `placed` false."""

    number: str
    placed: bool
    placed_at: datetime | None
    content_hash: str
    historical: bool
    rules: Rules
    state: str
    status: str
    label: str
    base_state: str
    payment_state: str
    fulfilment_state: str
    fiscal_state: str
    hold_reasons: tuple[str, ...]
    total_cents: int
    due_cents: int
    captured_cents: int
    refunded_cents: int
    charged_back_cents: int
    net_cents: int
    remaining_cents: int
    refund_pending_cents: int
    shipping_cents: int
    discount_cents: int
    adjustment_cents: int
    lines: tuple[LineView, ...]
    attempts: tuple[AttemptView, ...]
    captures: tuple[CaptureView, ...]
    transactions: tuple[TransactionView, ...]
    refunds: tuple[RefundView, ...]
    exceptions: tuple[ExceptionView, ...]
    attention: tuple[str, ...]
    shipments: tuple[ShipmentView, ...]
    fiscal_documents: tuple[FiscalDocumentView, ...]
    fiscal_flags: tuple[str, ...]
    fiscal_value: str
    notes_cents: int
    to_ship: Mapping[str, int]
    cancel: CancelView | None
    child: str | None
    dispute_open: bool
    holds: Mapping[str, str]
    paid: bool
    produced: bool
    invoice_due: bool
    expiry: Expiry | None
    standing: Standing
    allowed_actions: tuple[str, ...]
    payment_of: Mapping[str, str]
    shipment_of: Mapping[str, str]
    document_of: Mapping[str, str]
    figures: Mapping[str, tuple[Any, ...]]

    def attempt(self, attempt_id: str) -> AttemptView | None:
        """Find an attempt by its id."""
        return next((attempt for attempt in self.attempts if attempt.id == attempt_id), None)

    @property
    def invoice_number(self) -> str:
        """The number of the order's sale invoice: there is at most one, so it follows from the order's."""
        return f"F-{self.number}"

    def shipment(self, shipment_id: str) -> ShipmentView | None:
        """Find a shipment by its id."""
        return next((shipment for shipment in self.shipments if shipment.id == shipment_id), None)


def expire_at(now: View, calendar: BankCalendar, at: datetime | None = None) -> datetime | None:
    """Return when order.expire is due; None = never, or not while the order is held. In review, once that is past: an hour from `at`."""
    return None if now.expiry is None or now.state == "holded" else now.expiry.due(calendar, at)


def view(ledger: Ledger, statuses: Statuses = BUILT_IN) -> View:
    """Compute the view of a ledger, as a shop with these statuses shows it. Pure: equal ledgers, equal views."""
    placement = ledger.placement
    attempts = attempts_of(ledger)
    captured = refunded = charged_back = refund_pending = 0
    for attempt in attempts:
        captured += attempt.captured_cents
        refunded += attempt.refunded_cents
        charged_back += attempt.charged_back_cents
        refund_pending += attempt.refund_pending_cents
    rules = Rules() if placement is None else placement.rules
    total = 0 if placement is None else placement.total_cents
    given_back = _given_back(ledger, attempts) if ledger.refunds else NO_UNITS
    units_gone = given_back is not NO_UNITS and given_back.all_of(placement)
    sums = Sums(total, captured, refunded, charged_back, rules.amount_tolerance_cents, rules.close_on_full_refund, units_gone)
    net = sums.net_cents
    closing = NEVER_CLOSED
    if captured and (refunded + charged_back or sums.units_gone):
        closing = closing_of(attempts, sums, lambda stamp: given_back.all_of(placement, stamp[0]))
    paid = placement is not None and sums.paid
    produced = paid and (PRODUCTION in ledger.seen or _READY in ledger.seen)
    prepared = ("ready_to_ship" if _READY in ledger.seen else "in_production") if produced else "none"
    fulfilment = fulfilment_of(ledger, given_back.done, prepared)
    fiscal = NOTHING
    if ledger.papers and placement is not None:
        fiscal = _fiscal(ledger, placement, total)

    base = _base_state(ledger, placement, attempts, sums, fulfilment)
    dispute_open = _dispute_open(ledger)
    holds = {key: hold.reason for key, hold in ledger.holds.items() if not hold.released_micros} if ledger.holds else {}
    reasons = set(holds.values())
    # An unpaid order has nothing to hold back, a canceled one never leaves canceled: there a dispute is a flag only.
    if dispute_open and base in ("processing", "complete", "closed") and fulfilment.unshipped > 0:
        reasons.add("dispute")
    held = bool(reasons) and placement is not None and base != "canceled"
    state = "holded" if held else base
    situation = Situation(attempts, sums, base, closing, fulfilment, fiscal, _held_since(ledger, reasons) if held else None)
    exceptions, settled = exceptions_of(ledger, situation)
    status = _status(ledger, state, base, fulfilment, fiscal, statuses, produced=produced)
    lines, adjustment = _lines(placement, fulfilment, given_back, canceled=base == "canceled")
    cancellation = ledger.cancellation
    unpaid = placement is not None and base in ("new", "pending_payment", "payment_review") and captured == 0
    expiry = expiry_of(placement, attempts, rules, review=base == "payment_review") if unpaid and placement is not None else None
    refunds = _all_refunds(ledger, attempts)
    # Once an order is closed, nothing of it is to be shipped any more.
    to_ship: Mapping[str, int] = {} if base == "closed" else fulfilment.to_ship
    units_left = 0 if base == "closed" else fulfilment.unshipped
    refund_waits = False
    if given_back.pending and units_left:
        units_left = sum(max(0, units - given_back.pending.get(sku, 0)) for sku, units in to_ship.items())
        refund_waits = units_left == 0
    any_shipped = fulfilment.any_shipped
    standing = Standing(
        column_of(state, part_shipped=any_shipped and any(fulfilment.shipped.values())),
        captured=captured > 0,
        nothing_captured=captured == 0,
        refundable=net - refund_pending > 0,
        has_money=net > 0 or total == 0,
        shippable=units_left > 0,
        refund_waits=refund_waits,
        shipped=any_shipped,
        numbered=any_shipped and any(parcel.shipped and parcel.tracks for parcel in fulfilment.parcels),
        underway=any_shipped and any(parcel.underway for parcel in fulfilment.parcels),
        prepared=fulfilment.state in ("in_production", "ready_to_ship"),
        held_by_command=bool(holds),
        disputed="dispute" in reasons,
        expires=expiry is not None,
        has_documents=any_shipped or bool(refunds),
    )
    return View(
        number=ledger.number,
        placed=placement is not None,
        placed_at=None if placement is None else from_micros(placement.placed_micros),
        content_hash="" if placement is None else placement.content_hash,
        historical=placement is not None and placement.historical,
        rules=rules,
        state=state,
        status=status,
        label=statuses.labels[status],
        base_state=base,
        payment_state=_payment_state(attempts, sums, placed=placement is not None),
        fulfilment_state=fulfilment.state,
        fiscal_state=fiscal.state,
        hold_reasons=tuple(sorted(reasons)) if held else (),
        total_cents=total,
        due_cents=total,
        captured_cents=captured,
        refunded_cents=refunded,
        charged_back_cents=charged_back,
        net_cents=max(0, net),
        remaining_cents=max(0, total - captured),
        refund_pending_cents=refund_pending,
        shipping_cents=0 if placement is None else placement.shipping_cents,
        discount_cents=0 if placement is None else placement.discount_cents,
        adjustment_cents=adjustment,
        lines=lines,
        attempts=tuple([_attempt_view(attempt) for attempt in attempts]),
        captures=tuple(
            [
                CaptureView(_capture_key(one), attempt.id, attempt.method, one.source, one.amount_cents, from_micros(one.micros))
                for attempt in attempts
                for one in attempt.captures
            ]
        ),
        transactions=tuple([transaction for attempt in attempts for transaction in _transactions(attempt)]),
        refunds=refunds,
        exceptions=exceptions,
        attention=fulfilment.attention,
        shipments=tuple([_shipment_view(parcel) for parcel in fulfilment.parcels]),
        fiscal_documents=tuple([_document_view(paper) for paper in fiscal.papers]),
        fiscal_flags=fiscal.flags,
        fiscal_value=fiscal.value,
        notes_cents=fiscal.notes_cents,
        to_ship=to_ship,
        cancel=None if cancellation is None else CancelView(from_micros(cancellation.micros), cancellation.reason, cancellation.by),
        child=ledger.child,
        dispute_open=dispute_open,
        holds=holds,
        paid=paid,
        produced=produced,
        # Money that came after the order had closed waits for a person before anything is made of it.
        invoice_due=base in ("processing", "complete")
        and (net > 0 or total == 0)
        and (closing.reopening is None or "paid_after_close" in settled),
        expiry=expiry,
        standing=standing,
        allowed_actions=allowed_actions(standing),
        payment_of={key: attempt.id for attempt in attempts for key, _ in attempt.records},
        shipment_of=_shipment_of(fulfilment.parcels) if fulfilment.parcels else {},
        document_of={key: paper.id for paper in fiscal.papers for key in paper.keys},
        figures=_figures(ledger),
    )


_READY: Final = "order.ready_to_ship"


@dataclass(frozen=True, slots=True)
class _Units:
    """Units that refund documents give back, per item: (micros, quantity). `pending` ones are on their way."""

    done: Mapping[str, list[tuple[int, int]]]
    pending: Mapping[str, int]

    def all_of(self, placement: Placement | None, until: int | None = None) -> bool:
        """Say whether every unit of the order has been given back by then."""
        if placement is None or not self.done:
            return False
        ordered: dict[str, int] = {}
        for line in placement.lines:
            ordered[line.sku] = ordered.get(line.sku, 0) + line.quantity
        return all(
            sum(units for micros, units in self.done.get(sku, ()) if until is None or micros <= until) >= quantity
            for sku, quantity in ordered.items()
        )


NO_UNITS: Final = _Units({}, {})


def _given_back(ledger: Ledger, attempts: Sequence[Attempt]) -> _Units:
    done: dict[str, list[tuple[int, int]]] = {}
    pending: dict[str, int] = {}
    for refund_id, refund in sorted(ledger.refunds.items()):
        if refund.asked is None or not refund.asked.lines:
            continue
        state, micros = _outcome(refund_id, refund, attempts)
        for line in refund.asked.lines:
            if state == "done":
                done.setdefault(line.sku, []).append((micros, line.quantity))
            elif state == "pending":
                pending[line.sku] = pending.get(line.sku, 0) + line.quantity
    return _Units(done, pending)


def _outcome(refund_id: str, refund: HubRefund, attempts: Sequence[Attempt]) -> tuple[str, int]:
    """Say what became of a refund, and when. A part of which the provider has told is done, whether the hub heard its answer or not."""
    parts = [part for attempt in attempts for part in attempt.parts if part.refund == refund_id]
    ranks = [DONE if part.told else part.rank for part in parts]
    last = max((part.micros for part in parts), default=0)
    if not ranks or 0 in ranks:
        return "pending", last
    return ("done" if all(rank == DONE for rank in ranks) else "failed"), last


def _fiscal(ledger: Ledger, placement: Placement, due: int) -> Fiscal:
    ordered: dict[str, int] = {}
    for line in placement.lines:
        ordered[line.sku] = ordered.get(line.sku, 0) + line.quantity
    rules = placement.rules
    return fiscal_of(ledger.papers, ordered, due, tolerance_cents=rules.fiscal_tolerance_cents, homologation=rules.homologation)


def _base_state(ledger: Ledger, placement: Placement | None, attempts: Sequence[Attempt], sums: Sums, fulfilment: Fulfilment) -> str:
    """Apply order-lifecycle 3.2, first rule that matches; rule 2, the hold, lies over the rest."""
    if ledger.cancellation is not None:
        return "canceled"
    if placement is None:
        return "new"
    if sums.captured_cents == 0 and sums.due_cents:
        return _unpaid_state(attempts)
    if sums.closed:
        return "closed"
    if not sums.paid:
        return "pending_payment"
    done = fulfilment.unshipped == 0 and (not fulfilment.ordered or any(fulfilment.shipped.values()))
    return "complete" if done else "processing"


def _status(ledger: Ledger, state: str, base: str, fulfilment: Fulfilment, fiscal: Fiscal, statuses: Statuses, *, produced: bool) -> str:
    """Show what a person chose, as long as nothing has moved since; else what goes with the farthest dimension."""
    label = ledger.labels.get("held" if state == "holded" else "base")
    stands = (base, fulfilment.state, fiscal.state)
    if label is not None and label[3:] == stands and label.status in statuses.assigned[state]:
        return label.status
    open_units = fulfilment.unshipped > 0
    return linked_status(state, fulfilment.state, fiscal.state, open_units=open_units, produced=produced, statuses=statuses)


def _held_since(ledger: Ledger, reasons: Collection[str]) -> int:
    """Return since when the order has been held: the earliest hold in force, or the earliest dispute."""
    since = [hold.micros for hold in ledger.holds.values() if not hold.released_micros]
    if "dispute" in reasons:
        since.extend(
            dispute.opened[0]
            for record in ledger.payments.values()
            for dispute in record.disputes.values()
            if dispute.opened is not None and dispute.outcome is None
        )
    return min(since)


def _shipment_of(parcels: Sequence[Parcel]) -> dict[str, str]:
    """Say which parcel a record speaks of; empty when of several."""
    found: dict[str, str] = {}
    for parcel in parcels:
        for key, _ in parcel.records:
            found[key] = "" if key in found else parcel.id
    return found


def _shipment_view(parcel: Parcel) -> ShipmentView:
    shipped = parcel.shipped_micros
    return ShipmentView(
        parcel.id,
        parcel.carrier,
        parcel.state,
        tuple(sorted(parcel.items.items())),
        tuple([TrackView(*track) for track in parcel.tracks]),
        from_micros(parcel.first),
        from_micros(parcel.updated),
        None if shipped is None else from_micros(shipped),
        shipped is not None and parcel.posted_micros is None,
        parcel.flags,
        tuple([own_id_of(key) for key, _ in parcel.records]),
    )


def _document_view(paper: Paper) -> FiscalDocumentView:
    return FiscalDocumentView(
        paper.id,
        paper.access_key,
        paper.number,
        paper.series,
        paper.state,
        paper.evidence,
        paper.total_cents,
        None if paper.issued_micros is None else from_micros(paper.issued_micros),
        paper.sale,
        paper.originals,
    )


def _unpaid_state(attempts: Sequence[Attempt]) -> str:
    live = [attempt for attempt in attempts if attempt.live]
    best = max((attempt.rank for attempt in live), default=0)
    if best == 2:
        return "payment_review"
    if any(attempt.rank and attempt.method in DEFERRED_METHODS for attempt in live):
        return "pending_payment"
    return "new"


def _payment_state(attempts: Sequence[Attempt], sums: Sums, *, placed: bool) -> str:
    if sums.captured_cents == 0:
        return "paid" if placed and sums.due_cents == 0 else _best_attempt(attempts)
    net = sums.net_cents
    if net <= 0:
        return "charged_back" if sums.charged_back_cents >= sums.refunded_cents else "refunded"
    if not sums.paid:
        return "partially_paid"
    if net > sums.due_cents + sums.tolerance_cents:
        return "overpaid"
    gone = sums.refunded_cents + sums.charged_back_cents
    return "partially_refunded" if gone and net < sums.due_cents else "paid"


def _best_attempt(attempts: Sequence[Attempt]) -> str:
    """Name the state of the best attempt: the farthest live one, else the one that ended last. One that only stands created is none."""
    live = [attempt for attempt in attempts if attempt.live and attempt.rank]
    if live:
        return max(live, key=lambda attempt: attempt.rank).state
    ended = [record.ended for attempt in attempts if not attempt.live for _, record in attempt.records if record.ended is not None]
    return max(ended)[2] if ended else "none"


def _dispute_open(ledger: Ledger) -> bool:
    return any(
        dispute.opened is not None and dispute.outcome is None
        for record in ledger.payments.values()
        if record.disputes
        for dispute in record.disputes.values()
    )


def _lines(placement: Placement | None, fulfilment: Fulfilment, given_back: _Units, *, canceled: bool) -> tuple[tuple[LineView, ...], int]:
    """Spread discount and adjustment over the lines; freight stays apart. Returns the lines and the adjustment."""
    if placement is None:
        return (), 0
    gross = [line.quantity * line.unit_price_cents for line in placement.lines]
    discount = placement.discount_cents
    adjustment = placement.total_cents - (sum(gross) + placement.shipping_cents - discount)
    discounts, adjustments = spread(discount, gross), spread(adjustment, gross)
    if not fulfilment.shipped and given_back is NO_UNITS and not canceled:
        parts = zip(placement.lines, gross, discounts, adjustments, strict=True)
        return tuple([LineView(*line, off, added, price - off + added) for line, price, off, added in parts]), adjustment
    shipped = dict(fulfilment.shipped)
    refunded = {sku: sum(units for _, units in gone) for sku, gone in given_back.done.items()}
    pending = dict(given_back.pending)
    lines = []
    for line, price, off, added in zip(placement.lines, gross, discounts, adjustments, strict=True):
        sent = 0 if line.virtual else _take(shipped, line.sku, line.quantity)
        back = _take(refunded, line.sku, line.quantity)
        lines.append(
            LineView(
                line.sku,
                line.quantity,
                line.unit_price_cents,
                line.virtual,
                off,
                added,
                price - off + added,
                sent,
                back,
                max(0, line.quantity - sent - back) if canceled else 0,
                _take(pending, line.sku, line.quantity - back),
            )
        )
    return tuple(lines), adjustment


def _take(units: dict[str, int], sku: str, most: int) -> int:
    """Take what is there of an item, at most so much: two lines of one item share it, the first first."""
    there = units.get(sku, 0)
    if not there:
        return 0
    taken = min(there, most)
    units[sku] = there - taken
    return taken


def _attempt_view(attempt: Attempt) -> AttemptView:
    words = dict.fromkeys(attempt.references)
    due = due_micros_of(attempt)
    last = max((money.micros for money in attempt.manual), default=0)
    if attempt.shop is not None:
        last = max(last, attempt.shop.micros)
    for key, record in attempt.records:
        last = max(last, _last_heard(record))
        word = key.partition("|")[2].removeprefix("~")
        if word[:2] in KINDS and not word.startswith("nn:"):
            words[word] = None
        words.update(dict.fromkeys(record.references))
    if attempt.records:
        # Once a source has said what a bare reference is, it need not stand twice.
        said = {word[3:] for word in words if word[:2] != BARE}
        words = {word: None for word in words if word[:2] != BARE or word[3:] not in said}
    return AttemptView(
        attempt.id,
        attempt.method,
        attempt.provider,
        tuple([ReferenceView(*decoded(word)) for word in words]),
        attempt.state,
        attempt.live,
        attempt.rank,
        last,
        attempt.amount_cents,
        attempt.captured_cents,
        attempt.refunded_cents,
        attempt.charged_back_cents,
        attempt.refund_pending_cents,
        None if due is None else from_micros(due),
        attempt.told_back_cents,
        attempt.known_refunds,
    )


def _last_heard(record: PaymentRecord) -> int:
    if record.captured:
        return record.captured[-1][0]
    return record.first[0] if record.ended is None else record.ended[0]


def _capture_key(capture: Capture) -> str:
    return capture.key if capture.source in (MANUAL, SHOP) else f"{capture.key}:capture"


def _transactions(attempt: Attempt) -> Iterator[TransactionView]:
    for money in (*((attempt.shop,) if attempt.shop is not None else ()), *attempt.manual):
        provider = SHOP if money is attempt.shop else MANUAL
        closed = attempt.net_cents <= 0
        at = from_micros(money.micros)
        yield TransactionView(money.key, "capture", None, attempt.id, attempt.method, provider, money.amount_cents, at, closed)
    for key, record in attempt.records:
        yield from _of_record(attempt, key, record)


def _of_record(attempt: Attempt, key: str, record: PaymentRecord) -> Iterator[TransactionView]:
    provider = key.partition("|")[0]
    method = record.method or attempt.method
    authorization = f"{key}:authorization" if record.authorized is not None else None
    capture = f"{key}:capture" if record.captured else None
    parent = capture or authorization

    def movement(kind: str, suffix: str, above: str | None, amount: int | None, micros: int, *, closed: bool) -> TransactionView:
        known = None if amount == ALL else amount
        return TransactionView(f"{key}:{suffix}", kind, above, attempt.id, method, provider, known, from_micros(micros), closed)

    if record.authorized is not None:
        micros, _, amount = record.authorized
        done = bool(record.captured) or record.ended is not None
        yield movement("authorization", "authorization", None, amount, micros, closed=done)
    if record.captured:
        micros, _, amount = record.captured[-1]
        spent = refunded_of(record) + charged_back_of(record) >= amount if record.refunds or record.refunded or record.disputes else False
        yield movement("capture", "capture", authorization, amount, micros, closed=spent)
    if record.ended is not None and record.ended[2] == "voided":
        yield movement("void", "void", authorization, record.nominal_cents, record.ended[0], closed=True)
    for refund in _refunds(attempt, key, record):
        if refund.state != "failed":
            yield TransactionView(
                f"{key}:refund:{refund.id}", "refund", parent, attempt.id, method, provider, refund.amount_cents, refund.at,
                refund.state == "done",
            )  # fmt: skip
    for dispute_id, dispute in sorted(record.disputes.items()):
        stamp = dispute.withdrawn or dispute.opened
        if stamp is not None:
            amount = withdrawn_of(record, dispute)
            yield movement("chargeback", f"chargeback:{dispute_id}", parent, amount, stamp[0], closed=dispute.outcome is not None)


def _all_refunds(ledger: Ledger, attempts: Sequence[Attempt]) -> tuple[RefundView, ...]:
    """List the refunds of the hub, then those that providers tell of and nobody here had asked for."""
    if not ledger.refunds and all(not record.refunds and not record.refunded for record in ledger.payments.values()):
        return ()
    found: list[RefundView] = []
    for refund_id, refund in ledger.refunds.items():
        if refund.asked is not None:
            found.append(_hub_refund(refund_id, refund, refund.asked, attempts))
    found.sort(key=lambda refund: (refund.at, refund.id))
    for attempt in attempts:
        told = {name for part in attempt.parts for name in (part.told_as, part.under_way_as)}
        for key, record in attempt.records:
            ours = _held_in_total(attempt, record)
            for one in _refunds(attempt, key, record):
                if ours and one.id == f"{key}:total":
                    one = one._replace(amount_cents=one.amount_cents - ours)
                if one.id not in told and one.amount_cents > 0:
                    found.append(one)
    return tuple(found)


def _held_in_total(attempt: Attempt, record: PaymentRecord) -> int:
    """Return how much of a source's total is refunds of the hub that have no id of the source's: those are listed already."""
    if not record.refunded or sum(1 for _, one in attempt.records if one.refunded) > 1:
        return 0
    total = refunded_of(record)
    held = level = 0
    for part in sorted(attempt.parts, key=lambda part: part.stamp):
        if part.other_means or not (part.told or part.rank == DONE):
            continue
        level = max(level, part.told_cents)
        if not part.told_as:
            held += min(part.amount_cents, max(0, total - level))
        level += part.amount_cents
    return held


def _hub_refund(refund_id: str, refund: HubRefund, asked: Asked, attempts: Sequence[Attempt]) -> RefundView:
    payments = [part.payment for part in asked.parts]
    alone = next((one for one in attempts if one.id == payments[0]), None) if len(payments) == 1 else None
    return RefundView(
        refund_id,
        payments[0] if len(payments) == 1 else None,
        _outcome(refund_id, refund, attempts)[0],
        sum(part.amount_cents for part in asked.parts),
        asked.mode,
        asked.method or (None if alone is None else alone.method),
        None if alone is None else alone.provider,
        from_micros(asked.micros),
        asked.parts,
        asked.lines,
        asked.shipping_cents,
        asked.extra_cents,
        asked.fee_cents,
    )


def _refunds(attempt: Attempt, key: str, record: PaymentRecord) -> Iterator[RefundView]:
    if not record.refunds and not record.refunded:
        return
    provider = key.partition("|")[0]
    method = record.method or attempt.method
    captured = record.captured[-1][2] if record.captured else 0
    by_id = 0
    for refund_id, refund in sorted(record.refunds.items(), key=lambda item: (item[1].stamp, item[0])):
        amount = captured if refund.amount_cents == ALL else refund.amount_cents
        by_id += amount if refund.rank == DONE else 0
        if is_reversal(record, refund_id):
            by_id -= amount if refund.rank == DONE else 0
        elif amount:
            yield RefundView(
                refund_id, attempt.id, _REFUND_STATES[refund.rank], amount, None, method, provider, from_micros(refund.stamp[0])
            )
    rest = refunded_of(record) - by_id
    if rest > 0:
        yield RefundView(f"{key}:total", attempt.id, "done", rest, None, method, provider, from_micros(record.refunded[-1][0]))


def _figures(ledger: Ledger) -> dict[str, tuple[Any, ...]]:
    """Return what each record says by now, to tell a fact that adds something from a stale one."""
    figures: dict[str, tuple[Any, ...]] = {
        key: (
            record.rank,
            record.ended,
            record.captured[-1][2] if record.captured else 0,
            record.nominal_cents,
            record.due_micros,
            record.refunded[-1][2] if record.refunded else 0,
            record.refund_pending_cents,
            tuple(sorted((name, refund.rank, refund.amount_cents) for name, refund in record.refunds.items())) if record.refunds else (),
            tuple(sorted((name, str(dispute)) for name, dispute in record.disputes.items())) if record.disputes else (),
        )
        for key, record in ledger.payments.items()
    }
    for event_id in ledger.unknown:
        figures[f"unknown|{event_id}"] = ()
    return figures
