"""Exceptions: what a person must look at, computed from the facts, open while their condition holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.domain.attempts import Attempt
from hub.domain.closing import Reopening
from hub.domain.ledger import Dispute, Ledger, Placement, from_micros
from hub.domain.sums import Sums

ORDER: Final = "order"
"""Key of an exception that an order has at most once."""

_KEY_LIMIT: Final = 400

RESOLVE_WITH: Final[Mapping[str, tuple[str, ...]]] = {
    "underpaid": ("order.approve", "refund.create"),
    "overpaid": ("refund.create", "exception.resolve"),
    "paid_after_cancel": ("refund.create", "order.reorder", "exception.resolve"),
    "paid_after_close": ("refund.create", "exception.resolve"),
    "refund_before_paid": ("exception.resolve",),
    "over_refunded": ("exception.resolve",),
    "live_attempt_on_canceled": ("payment.void", "exception.resolve"),
    "chargeback": ("refund.create", "exception.resolve"),
    "conflicting_duplicate": ("exception.resolve",),
    "unknown_status": ("exception.resolve",),
}
"""The commands by which a person settles each kind."""


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """One open exception; `key` tells two of one kind apart. The detail holds cents, ids and instants, no personal data."""

    kind: str
    key: str
    detail: dict[str, Any]
    resolve_with: tuple[str, ...]


def exceptions_of(
    ledger: Ledger, attempts: Sequence[Attempt], sums: Sums, base_state: str, reopening: Reopening | None
) -> tuple[ExceptionView, ...]:
    """Compute the open exceptions, sorted by kind and key."""
    found = [*_of_money(sums, base_state, reopening), *_of_attempts(attempts, base_state)]
    if ledger.rivals and ledger.placement is not None:
        found.append(_conflict(ledger.placement, ledger))
    for event_id, word in ledger.unknown.items():
        if event_id not in ledger.mapped:
            found.append(_opened("unknown_status", event_id, {"provider": word.provider, "word": word.word}))
    if len(found) > 1:
        found.sort(key=lambda item: (item.kind, item.key))
    return tuple(found)


def _opened(kind: str, key: str, detail: dict[str, Any]) -> ExceptionView:
    return ExceptionView(kind, key, detail, RESOLVE_WITH[kind])


def _of_money(sums: Sums, base_state: str, reopening: Reopening | None) -> Iterator[ExceptionView]:
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
            yield _opened("paid_after_cancel", ORDER, known)
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
        for key, record in attempt.records:
            for dispute_id, dispute in record.disputes.items():
                outcome = dispute.outcome[2] if dispute.outcome is not None else "opened"
                if outcome != "won":
                    name = f"{key}|{dispute_id}" if dispute_id else key
                    yield _opened("chargeback", name[:_KEY_LIMIT], _dispute(attempt, dispute_id, dispute, outcome))


def _dispute(attempt: Attempt, dispute_id: str, dispute: Dispute, outcome: str) -> dict[str, Any]:
    known = max(dispute.disputed_cents, dispute.withdrawn_cents)
    return {
        "payment": attempt.id,
        "dispute": dispute_id or None,
        "state": outcome,
        "amount_cents": known if known >= 0 else attempt.captured_cents,
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
