"""What the ledger of an order amounts to: state, status, sums, exceptions and allowed actions (order-lifecycle 3.1-3.3)."""

from collections.abc import Iterator, Mapping, Sequence
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
    refunded_of,
)
from hub.domain.closing import reopening_of
from hub.domain.exceptions import ExceptionView, exceptions_of
from hub.domain.fold import DONE
from hub.domain.guards import allowed_actions, column_of
from hub.domain.labels import DEFAULT_STATUS, STATUS_LABELS
from hub.domain.ledger import ALL, Ledger, Line, PaymentRecord, Placement, Rules, from_micros
from hub.domain.money import spread
from hub.domain.references import BARE, KINDS, decoded
from hub.domain.sums import Sums
from schemas.base import PaymentMethod

__all__ = [
    "AttemptView", "CancelView", "CaptureView", "ExceptionView", "LineView", "ReferenceView", "RefundView", "TransactionView", "View",
    "view",
]  # fmt: skip

_REFUND_STATES: Final = ("pending", "failed", "done")


class ReferenceView(NamedTuple):
    """A name of a payment. Kind `reference` is one that the shop gave without a kind."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class AttemptView:
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


@dataclass(frozen=True, slots=True)
class CaptureView:
    """One figure that counts towards captured; what the sale invoice lists. `key` is the transaction's."""

    key: str
    payment: str
    method: str
    source: str
    amount_cents: int
    at: datetime


@dataclass(frozen=True, slots=True)
class TransactionView:
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


@dataclass(frozen=True, slots=True)
class RefundView:
    """One refund; `mode` is online or offline when it was begun here.

    What a source reported as a total only has the id `<payment key>:total`.
    """

    id: str
    payment: str
    state: str
    amount_cents: int
    mode: str | None
    method: str
    provider: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LineView:
    """One line with its share of discount and adjustment. `total_cents` of all lines and the freight are the order's total."""

    sku: str
    quantity: int
    unit_price_cents: int
    virtual: bool
    discount_cents: int
    adjustment_cents: int
    total_cents: int


@dataclass(frozen=True, slots=True)
class CancelView:
    """Why the order is canceled."""

    at: datetime
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class View:
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
    cancel: CancelView | None
    dispute_open: bool
    paid: bool
    invoice_due: bool
    allowed_actions: tuple[str, ...]
    payment_of: Mapping[str, str]
    figures: Mapping[str, tuple[Any, ...]]

    def attempt(self, attempt_id: str) -> AttemptView | None:
        """Find an attempt by its id."""
        return next((attempt for attempt in self.attempts if attempt.id == attempt_id), None)


def view(ledger: Ledger) -> View:
    """Compute the view of a ledger. Pure: equal ledgers, equal views."""
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
    sums = Sums(total, captured, refunded, charged_back, rules.amount_tolerance_cents, rules.close_on_full_refund)
    net = sums.net_cents
    reopening = reopening_of(attempts, sums) if captured and refunded + charged_back else None

    base = _base_state(ledger, placement, attempts, sums)
    dispute_open = _dispute_open(ledger)
    # An unpaid order has nothing to hold back, a canceled one never leaves canceled: there a dispute is a flag only.
    held = dispute_open and base in ("processing", "complete", "closed") and _unshipped_units(placement) > 0
    state = "holded" if held else base
    status = DEFAULT_STATUS[state]
    exceptions = exceptions_of(ledger, attempts, sums, base, reopening)
    lines, adjustment = _lines(placement)
    cancellation = ledger.cancellation
    return View(
        number=ledger.number,
        placed=placement is not None,
        placed_at=None if placement is None else from_micros(placement.placed_micros),
        content_hash="" if placement is None else placement.content_hash,
        historical=placement is not None and placement.historical,
        rules=rules,
        state=state,
        status=status,
        label=STATUS_LABELS[status],
        base_state=base,
        payment_state=_payment_state(attempts, sums, placed=placement is not None),
        fulfilment_state="none",
        fiscal_state="none",
        hold_reasons=("dispute",) if held else (),
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
        refunds=tuple([refund for attempt in attempts for key, record in attempt.records for refund in _refunds(attempt, key, record)]),
        exceptions=exceptions,
        attention=(),
        cancel=None if cancellation is None else CancelView(from_micros(cancellation.micros), cancellation.reason, cancellation.by),
        dispute_open=dispute_open,
        paid=placement is not None and sums.paid,
        # Money that came after the order had closed waits for a person before anything is made of it.
        invoice_due=base in ("processing", "complete") and (net > 0 or total == 0) and reopening is None,
        allowed_actions=allowed_actions(column_of(state, "none"), captured),
        payment_of={key: attempt.id for attempt in attempts for key, _ in attempt.records},
        figures=_figures(ledger),
    )


def _base_state(ledger: Ledger, placement: Placement | None, attempts: Sequence[Attempt], sums: Sums) -> str:
    """Apply order-lifecycle 3.2, first rule that matches; rule 2, the hold, lies over the rest."""
    if ledger.cancellation is not None:
        return "canceled"
    if placement is None:
        return "new"
    if sums.captured_cents == 0:
        return "complete" if sums.due_cents == 0 and _all_virtual(placement) else _unpaid_state(attempts, sums)
    if sums.closed:
        return "closed"
    if not sums.paid:
        return "pending_payment"
    return "complete" if _all_virtual(placement) else "processing"


def _unpaid_state(attempts: Sequence[Attempt], sums: Sums) -> str:
    if sums.due_cents == 0:
        return "processing"
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


def _all_virtual(placement: Placement) -> bool:
    return all(line.virtual for line in placement.lines)


def _unshipped_units(placement: Placement | None) -> int:
    return 0 if placement is None else sum(line.quantity for line in placement.lines if not line.virtual)


def _dispute_open(ledger: Ledger) -> bool:
    return any(
        dispute.opened is not None and dispute.outcome is None
        for record in ledger.payments.values()
        if record.disputes
        for dispute in record.disputes.values()
    )


def _lines(placement: Placement | None) -> tuple[tuple[LineView, ...], int]:
    """Spread discount and adjustment over the lines; freight stays apart. Returns the lines and the adjustment."""
    if placement is None:
        return (), 0
    gross = [line.quantity * line.unit_price_cents for line in placement.lines]
    discount = placement.discount_cents
    adjustment = placement.total_cents - (sum(gross) + placement.shipping_cents - discount)
    discounts, adjustments = spread(discount, gross), spread(adjustment, gross)
    return tuple([_line_view(*parts) for parts in zip(placement.lines, gross, discounts, adjustments, strict=True)]), adjustment


def _line_view(line: Line, gross: int, discount: int, adjustment: int) -> LineView:
    return LineView(line.sku, line.quantity, line.unit_price_cents, line.virtual, discount, adjustment, gross - discount + adjustment)


def _attempt_view(attempt: Attempt) -> AttemptView:
    words = dict.fromkeys(attempt.references)
    due = attempt.due_micros
    last = max((money.micros for money in attempt.manual), default=0)
    if attempt.shop is not None:
        last = max(last, attempt.shop.micros)
    for key, record in attempt.records:
        last = max(last, _last_heard(record))
        word = key.partition("|")[2].removeprefix("~")
        if word[:2] in KINDS and not word.startswith("nn:"):
            words[word] = None
        words.update(dict.fromkeys(record.references))
        if record.due_micros is not None and record.ended is None and (due is None or record.due_micros > due):
            due = record.due_micros
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
            amount = dispute.withdrawn_cents if dispute.withdrawn_cents != ALL else dispute.disputed_cents
            yield movement("chargeback", f"chargeback:{dispute_id}", parent, amount, stamp[0], closed=dispute.outcome is not None)


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
        if amount:
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
