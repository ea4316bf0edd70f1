"""Customer notices that are due (order-lifecycle 3.8): conditions on the view, so that one deferred by a hold follows by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hub.domain.decisions import Decision
from hub.domain.view import AttemptView, View

LOCALE: Final = "pt-BR"

_INSTRUCTED_METHODS: Final = ("pix", "boleto")
_UNPAID: Final = ("new", "pending_payment", "payment_review")


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice. `occasion` tells two of one template apart (an attempt, a document).

    `wanted` false: the form that caused it asked for none, so it is over without being sent.
    """

    template: str
    occasion: str
    wanted: bool
    body: dict[str, Any]

    @property
    def done_key(self) -> str:
        """Key in `done`: at most one automatic notice each (invariant I19)."""
        return f"notice:{self.template}:{self.occasion}" if self.occasion else f"notice:{self.template}"


def notices_due(after: View, decision: Decision | None) -> Iterator[Notice]:
    """Yield the notices whose condition holds now, done or not."""
    notify = None if decision is None else decision.notify
    yield _notice(after, "order_placed", "", wanted=True)
    if after.base_state in _UNPAID:
        for attempt in after.attempts:
            if attempt.state == "pending" and attempt.method in _INSTRUCTED_METHODS:
                yield _notice(after, "payment_instructions", attempt.id, wanted=True, attempt=attempt)
            elif attempt.state == "failed":
                yield _notice(after, "payment_refused", attempt.id, wanted=True, attempt=attempt)
    elif after.base_state == "canceled":
        yield _notice(after, "canceled", "", wanted=notify is not False)
    elif after.invoice_due:
        # Approval by hand tells the customer only when asked to (`c`); by a provider, or at release, always (`C`).
        by_hand = decision is not None and decision.kind == "order.approve"
        yield _notice(after, "order_approved", "", wanted=notify is True if by_hand else True)


def _notice(after: View, template: str, occasion: str, *, wanted: bool, attempt: AttemptView | None = None) -> Notice:
    key = f"{after.number}:{template}:{occasion}" if occasion else f"{after.number}:{template}"
    context: dict[str, Any] = {"label": after.label, "total_cents": after.total_cents}
    body: dict[str, Any] = {"key": key, "channel": "email", "template": template, "locale": LOCALE, "context": context}
    if attempt is not None:
        context["payment"] = attempt.id
        context["method"] = attempt.method
        context["amount_cents"] = attempt.amount_cents
        if attempt.due_at is not None:
            context["due_at"] = attempt.due_at.isoformat()
    elif template == "order_approved":
        context["captured_cents"] = after.captured_cents
    elif template == "canceled" and after.cancel is not None:
        context["reason"] = after.cancel.reason
    return Notice(template, occasion, wanted, body)
