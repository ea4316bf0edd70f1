"""Exceptions: what a person must look at, computed from the facts, open while their condition holds and nobody has settled it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from hub.domain.attempts import Attempt, withdrawn_of
from hub.domain.closing import Closing
from hub.domain.fiscal import Fiscal, Paper
from hub.domain.fold import acknowledgement
from hub.domain.ledger import Dispute, Ledger, PaymentRecord, Placement, from_micros
from hub.domain.papers import CANCELED, ISSUED
from hub.domain.shipments import Fulfilment, Parcel
from hub.domain.sums import Sums

ORDER: Final = "order"
"""Key of an exception that an order has at most once."""

RESOLVE: Final = "exception.resolve"

_KEY_LIMIT: Final = 400

RESOLVE_WITH: Final[Mapping[str, tuple[str, ...]]] = {
    "underpaid": ("order.approve", "refund.create"),
    "overpaid": ("refund.create", RESOLVE),
    "paid_after_cancel": ("refund.create", "order.reorder", RESOLVE),
    "paid_after_close": ("refund.create", RESOLVE),
    "refund_before_paid": (RESOLVE,),
    "over_refunded": (RESOLVE,),
    "live_attempt_on_canceled": ("payment.void", RESOLVE),
    "chargeback": ("refund.create", RESOLVE),
    "review_contradicted": ("order.approve", "order.cancel", RESOLVE),
    "conflicting_duplicate": (RESOLVE,),
    "shipped_unpaid": ("order.approve", RESOLVE),
    "shipped_after_cancel": (RESOLVE,),
    "shipped_after_refund": (RESOLVE,),
    "shipped_while_held": ("order.release", RESOLVE),
    "decide_refund_or_resend": ("refund.create", "order.reorder", RESOLVE),
    "parcel_lost": ("refund.create", "order.reorder", RESOLVE),
    "nf_before_payment": ("order.approve", "order.cancel", RESOLVE),
    "nf_on_canceled": (RESOLVE,),
    "nf_after_refund": (RESOLVE,),
    "nf_canceled_after_ship": (RESOLVE,),
    "nf_rejected": ("fiscal.mark_issued", RESOLVE),
    "value_mismatch": ("order.release", RESOLVE),
    "duplicate_fiscal_document": (RESOLVE,),
    "erp_rejected": ("order.cancel", RESOLVE),
    "unknown_status": (RESOLVE,),
}
"""The commands by which a person settles each kind."""

_MARKED_BY: Final[Mapping[str, str]] = {
    "overpaid": "captured_cents",
    "paid_after_cancel": "captured_cents",
    "paid_after_close": "captured_cents",
    "refund_before_paid": "refunded_cents",
    "over_refunded": "refunded_cents",
    "chargeback": "state",
    "conflicting_duplicate": "others",
    "value_mismatch": "notes_cents",
    "erp_rejected": "rejected_at",
}
"""What an exception is about, by the field of its detail that says so: what a person has settled is open again when that changes."""


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """One open exception; `key` tells two of one kind apart. The detail holds cents, ids and instants, no personal data."""

    kind: str
    key: str
    detail: dict[str, Any]
    resolve_with: tuple[str, ...]

    @property
    def mark(self) -> str:
        """What it is about now."""
        name = _MARKED_BY.get(self.kind)
        return "" if name is None else str(self.detail[name])


class Situation(NamedTuple):
    """Where the order stands, as far as exceptions are concerned."""

    attempts: Sequence[Attempt]
    sums: Sums
    base_state: str
    closing: Closing
    fulfilment: Fulfilment
    fiscal: Fiscal
    held_micros: int | None


def exceptions_of(ledger: Ledger, now: Situation) -> tuple[tuple[ExceptionView, ...], frozenset[str]]:
    """Compute the open exceptions, sorted by kind and key, and the kinds among the rest that a person has settled."""
    found = [*_of_money(now, ledger.child), *_of_attempts(now.attempts, now.base_state)]
    if now.fulfilment.parcels:
        found.extend(_of_parcels(now))
    if now.fiscal.papers:
        found.extend(_of_papers(now))
    if "order.rejected" in ledger.seen:
        found.extend(_of_erp(ledger, now.base_state))
    if ledger.rivals and ledger.placement is not None:
        found.append(_conflict(ledger.placement, ledger))
    for event_id, word in ledger.unknown.items():
        if event_id not in ledger.mapped:
            found.append(_opened("unknown_status", event_id, {"provider": word.provider, "word": word.word}))
    settled: frozenset[str] = frozenset()
    if ledger.acknowledged and found:
        still = [one for one in found if acknowledgement(one.kind, one.key, one.mark) not in ledger.acknowledged]
        settled = frozenset(one.kind for one in found) - frozenset(one.kind for one in still)
        found = still
    if len(found) > 1:
        found.sort(key=lambda item: (item.kind, item.key))
    return tuple(found), settled


def _opened(kind: str, key: str, detail: dict[str, Any]) -> ExceptionView:
    return ExceptionView(kind, key[:_KEY_LIMIT], detail, RESOLVE_WITH[kind])


# -- money -------------------------------------------------------------------------------------------------------------------------


def _of_money(now: Situation, child: str | None) -> Iterator[ExceptionView]:
    sums, base_state, reopening = now.sums, now.base_state, now.closing.reopening
    due, captured, refunded = sums.due_cents, sums.captured_cents, sums.refunded_cents
    if refunded > captured:
        kind = "over_refunded" if captured else "refund_before_paid"
        yield _opened(kind, ORDER, {"captured_cents": captured, "refunded_cents": refunded, "surplus_cents": refunded - captured})
    if not captured:
        return
    net = sums.net_cents
    known = {"due_cents": due, "captured_cents": captured, "net_cents": net}
    if base_state == "canceled":
        if net > 0:
            # What stands in its stead is probably what the customer meant to pay.
            yield _opened("paid_after_cancel", ORDER, known if child is None else {**known, "child": child})
        return
    if reopening is not None and net > 0:
        closed_at = from_micros(reopening.closed_micros).isoformat()
        yield _opened("paid_after_close", ORDER, {**known, "closed_at": closed_at, "payments": list(reopening.attempts)})
    if base_state == "pending_payment":
        yield _opened("underpaid", ORDER, {**known, "missing_cents": due - captured})
    elif net > due + sums.tolerance_cents:
        yield _opened("overpaid", ORDER, {**known, "surplus_cents": net - due})


def _of_attempts(attempts: Sequence[Attempt], base_state: str) -> Iterator[ExceptionView]:
    for attempt in attempts:
        if base_state == "canceled" and attempt.live and attempt.rank:
            detail = {"payment": attempt.id, "state": attempt.state, "amount_cents": attempt.amount_cents}
            yield _opened("live_attempt_on_canceled", attempt.id, detail)
        if attempt.contradicted:
            yield _opened("review_contradicted", attempt.id, {"payment": attempt.id, "state": attempt.state})
        for key, record in attempt.records:
            for dispute_id, dispute in record.disputes.items():
                outcome = dispute.outcome[2] if dispute.outcome is not None else "opened"
                if outcome != "won":
                    name = f"{key}|{dispute_id}" if dispute_id else key
                    yield _opened("chargeback", name, _dispute(attempt, record, dispute_id, dispute, outcome))


def _dispute(attempt: Attempt, record: PaymentRecord, dispute_id: str, dispute: Dispute, outcome: str) -> dict[str, Any]:
    known = max(dispute.disputed_cents, dispute.withdrawn_cents)
    return {
        "payment": attempt.id,
        "dispute": dispute_id or None,
        "state": outcome,
        "amount_cents": known if known >= 0 else withdrawn_of(record, dispute),
        "funds_withdrawn": dispute.withdrawn is not None,
    }


def _conflict(standing: Placement, ledger: Ledger) -> ExceptionView:
    others = sorted((rival.placed_micros, rival.event_id, rival.total_cents) for rival in ledger.rivals.values())
    return _opened(
        "conflicting_duplicate",
        ORDER,
        {
            "event_id": standing.event_id,
            "total_cents": standing.total_cents,
            "others": [{"event_id": event_id, "total_cents": total} for _, event_id, total in others],
        },
    )


# -- boxes -------------------------------------------------------------------------------------------------------------------------

_UNPAID: Final = ("new", "pending_payment", "payment_review")
_OVER: Final = ("closed", "canceled")


def _of_parcels(now: Situation) -> Iterator[ExceptionView]:
    for parcel in now.fulfilment.parcels:
        shipped = parcel.shipped_micros
        if shipped is None:
            continue
        detail = {
            "shipment": parcel.id,
            "state": parcel.state,
            "shipped_at": from_micros(shipped).isoformat(),
            "tracks": [number for number, _ in parcel.tracks],
        }
        back = parcel.state == "returned"
        if now.base_state in _UNPAID and now.sums.due_cents:
            yield _opened("shipped_unpaid", parcel.id, detail)
        elif now.base_state == "canceled" and not back:
            # The same whichever came first: goods are out, and nobody will pay for them.
            yield _opened("shipped_after_cancel", parcel.id, detail)
        elif now.base_state == "closed" and not back and _after(shipped, now.closing.since_micros):
            yield _opened("shipped_after_refund", parcel.id, detail)
        if now.base_state not in _OVER:
            if _after(shipped, now.held_micros):
                yield _opened("shipped_while_held", parcel.id, detail)
            if back:
                yield _opened("decide_refund_or_resend", parcel.id, detail)
            elif parcel.state == "lost":
                yield _opened("parcel_lost", parcel.id, detail)


def _after(micros: int, point: int | None) -> bool:
    return point is not None and micros > point


# -- papers ------------------------------------------------------------------------------------------------------------------------


def _of_papers(now: Situation) -> Iterator[ExceptionView]:
    fiscal = now.fiscal
    shipped = _first_shipped(now.fulfilment.parcels)
    for paper in fiscal.papers:
        if not paper.sale or paper.state == "ignored":
            continue
        detail = {"document": paper.id, "access_key": paper.access_key, "number": paper.number, "total_cents": paper.total_cents}
        if paper.counts:
            yield from _of_note(now, paper, detail)
        elif now.base_state in _OVER:
            continue
        elif paper.state == "canceled" and shipped is not None and paper.marks[CANCELED] > shipped:
            yield _opened("nf_canceled_after_ship", paper.id, detail)
        elif paper.state in ("rejected", "denied") and fiscal.state in ("rejected", "denied"):
            yield _opened("nf_rejected", paper.id, {**detail, "state": paper.state})
    if fiscal.value in ("far_above", "below") and now.base_state != "canceled":
        due = now.sums.due_cents
        known = {"notes_cents": fiscal.notes_cents, "due_cents": due, "difference_cents": fiscal.notes_cents - due}
        yield _opened("value_mismatch", ORDER, known)


def _of_note(now: Situation, paper: Paper, detail: dict[str, Any]) -> Iterator[ExceptionView]:
    """Look at a sale note that stands."""
    if now.base_state == "canceled":
        yield _opened("nf_on_canceled", paper.id, detail)
    elif now.base_state == "closed":
        if _after(paper.marks[ISSUED], now.closing.since_micros):
            yield _opened("nf_after_refund", paper.id, detail)
    elif now.base_state in _UNPAID and now.sums.due_cents:
        yield _opened("nf_before_payment", paper.id, detail)
    if paper.id in now.fiscal.duplicates:
        yield _opened("duplicate_fiscal_document", paper.id, detail)


def _first_shipped(parcels: Sequence[Parcel]) -> int | None:
    return min([parcel.shipped_micros for parcel in parcels if parcel.shipped_micros is not None], default=None)


def _of_erp(ledger: Ledger, base_state: str) -> Iterator[ExceptionView]:
    """The ERP refused the order, and has not taken it since."""
    rejected, accepted = ledger.seen["order.rejected"], ledger.seen.get("order.accepted")
    if base_state not in _OVER and (accepted is None or rejected > accepted):
        yield _opened("erp_rejected", ORDER, {"rejected_at": from_micros(rejected[0]).isoformat()})
