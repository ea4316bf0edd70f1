"""Whether a command may be done now, and what it puts into the ledger. Guards return codes; they never raise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from hub.domain.decisions import CancelRecord, Decision, Entry, ManualCapture, NewAttempt
from hub.domain.guards import GUARDS, column_of, guard
from hub.domain.ledger import Ledger
from hub.domain.view import AttemptView, View
from schemas.base import PaymentMethod
from schemas.commands import ApproveOrder, CancelOrder, Command
from schemas.vocabulary import RejectionCode


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command is done by folding this decision. That of a query has no entries and needs no log row."""

    decision: Decision
    result: dict[str, Any] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, slots=True)
class NoOp:
    """Accepted, and nothing changes."""

    message: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refused; nothing changes and no log row is written."""

    code: RejectionCode
    message: str


Judgement = Accepted | NoOp | Rejected

_REFUSALS: Final[Mapping[str, str]] = {
    "already_paid": "the order is paid already",
    "in_payment_review": "a payment is under review: accept or deny the review first",
    "order_closed": "the order is closed",
    "order_canceled": "the order is canceled",
    "order_held": "the order is held: release it first",
    "cancel_requires_refund": "a paid order is not canceled: refund it",
}


@dataclass(frozen=True, slots=True)
class _By:
    """Who asked for what, and when."""

    command: str
    command_id: str
    at: datetime
    actor: str | None
    reason: str | None

    def decision(self, entries: tuple[Entry, ...], *, notify: bool | None, visible: bool | None) -> Decision:
        """Write the decision down."""
        return Decision(
            kind=self.command,
            command_id=self.command_id,
            at=self.at,
            actor=self.actor,
            reason=self.reason,
            notify=notify,
            visible=visible,
            entries=entries,
        )


def judge(ledger: Ledger, view: View, command: Command, *, now: datetime, command_id: str, actor: str | None) -> Judgement:
    """Judge one command on one order. Who may, idempotency and expected_version are the engine's business."""
    name = command.name
    if name not in GUARDS:
        return Rejected("invalid_payload", f"{name} is not a command for one order of this hub version")
    cell = guard(name, column_of(view.state, view.fulfilment_state), view.captured_cents)
    if cell == "=":
        return NoOp(f"the order is {view.state} already")
    if cell != "":
        return Rejected(cell, _refusal(cell, view))
    envelope = command.envelope
    by = _By(name, command_id, now, actor, envelope.reason)
    match command.data:
        case ApproveOrder() as form:
            return _approve(ledger, view, form, by)
        case CancelOrder() as form:
            entries = (CancelRecord(entry="cancel", reason="operator"),)
            return Accepted(by.decision(entries, notify=form.notify, visible=form.visible), message="canceled")
        case _:
            return Accepted(by.decision((), notify=None, visible=None))


def _refusal(code: str, view: View) -> str:
    if code == "order_held" and "dispute" in view.hold_reasons:
        return "the order is held by an open dispute"
    return _REFUSALS[code]


def _approve(ledger: Ledger, view: View, form: ApproveOrder, by: _By) -> Judgement:
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
        manual = [money for money in ledger.manual_captures.values() if money.attempt == attempt.id]
        by_hand = sum(money.amount_cents + money.on_top_of_cents for money in manual)
        attempt_id, method = attempt.id, attempt.method
        entries = (
            ManualCapture(
                entry="manual_capture",
                attempt=attempt_id,
                method=method,
                amount_cents=amount,
                on_top_of_cents=max(0, attempt.captured_cents - by_hand),
            ),
        )
    left = missing - amount
    result = {"payment": attempt_id, "method": method, "amount_cents": amount, "remaining_cents": left}
    decision = by.decision(entries, notify=form.notify, visible=form.visible)
    return Accepted(decision, result, f"{amount} cents captured on payment {attempt_id}" + (f", {left} are missing" if left else ""))


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
