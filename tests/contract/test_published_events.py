"""What the domain tells the world is what the published schemas say: each body it builds fits the model of its routing key."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.effects import Cause, EventDraft, effects
from hub.domain.fold import apply_decision, apply_fact
from hub.domain.judge import Accepted, judge
from hub.domain.ledger import Ledger
from hub.domain.view import View, view
from schemas.commands import parse_command
from schemas.events import event_model
from schemas.facts import PAYMENT_KINDS, Fact, parse_fact

NUMBER: Final = "100000417"
T0: Final = datetime(2026, 11, 25, 13, tzinfo=UTC)

PLACED: Final[dict[str, Any]] = {
    "kind": "order.placed",
    "event_id": "evt-1",
    "provider": "shop",
    "occurred_at": T0.isoformat(),
    "number": NUMBER,
    "order": {
        "number": NUMBER,
        "placed_at": T0.isoformat(),
        "customer": {"id": "77"},
        "items": [{"sku": "CAM-01", "quantity": 2, "unit_price_cents": 4990}],
        "shipping": {"amount_cents": 1990},
        "total_cents": 11970,
        "payments": [
            {"method": "pix", "provider": "pix", "reference": "tx1", "amount_cents": 11970, "due_at": "2026-11-26T10:00:00-03:00"}
        ],
    },
    "content_hash": "ab",
    "rules": {},
}


class World:
    """One order, fed step by step; every event is checked as it is told."""

    def __init__(self) -> None:
        self.ledger = Ledger.empty(NUMBER)
        self.before: View | None = None
        self.done: frozenset[str] = frozenset()
        self.told: list[str] = []

    def fact(self, document: dict[str, Any], source: str) -> None:
        """Apply a fact."""
        fact: Fact = parse_fact(document)
        apply_fact(self.ledger, fact, source)
        self._tell(Cause(fact.kind, source, fact.event_id, fact.occurred_at, content=fact))

    def command(self, name: str, data: dict[str, Any]) -> None:
        """Carry out a command if it is accepted."""
        identity = "0b6b2a0e-6f2f-4e0c-9f5c-0a4f3f3d2c1b"
        command = parse_command({"id": identity, "command": name, "order": NUMBER, "data": data})
        verdict = judge(self.ledger, view(self.ledger), command, now=T0, command_id=identity, actor="ana")
        if isinstance(verdict, Accepted) and verdict.decision is not None:
            apply_decision(self.ledger, verdict.decision)
            self._tell(Cause(name, "hub.commands", identity, T0, "ana", verdict.decision))

    def _tell(self, cause: Cause) -> None:
        after = view(self.ledger)
        result = effects(self.before, after, cause, self.done)
        self.before, self.done = after, result.done
        for draft in result.events:
            self._check(draft)

    def _check(self, draft: EventDraft) -> None:
        # What the engine adds to a draft.
        body: dict[str, Any] = {"order": NUMBER, "sequence": len(self.told) + 1, "customer_id": "77", **draft.body}
        if draft.routing_key.startswith("order.status_changed."):
            body["status_sequence"] = 1
        if draft.routing_key == "order.placed":
            body["content"] = PLACED["order"]
        if draft.routing_key.startswith("notification."):
            body["recipient"] = "cliente@exemplo.invalid"
        body["occurred_at"] = body["recorded_at"] = draft.occurred_at.isoformat()
        event_model(draft.routing_key).model_validate(body)
        self.told.append(draft.routing_key)


def payment(kind: str, **more: Any) -> dict[str, Any]:
    """A payment fact of the declared Pix."""
    return {
        "kind": kind,
        "event_id": f"e-{kind}",
        "provider": "pix",
        "occurred_at": (T0 + timedelta(minutes=5)).isoformat(),
        "references": [{"kind": "txid", "value": "tx1"}],
        "payment_key": {"kind": "e2e", "value": "E1"},
        "method": "pix",
        "amount_cents": 11970,
    } | more


def test_a_pix_from_placement_to_approval() -> None:
    world = World()
    world.fact(PLACED, "shop.orders")
    world.fact(payment("payment.captured", paid_cents=12000, interest_cents=30, credited_at="2026-11-26T10:00:00-03:00"), "payments.pix")
    assert world.told == [
        "order.placed",
        "order.status_changed.pending",
        "notification.requested.email.order_placed",
        "payment.captured",
        "invoice.created",
        "order.status_changed.processing",
        "notification.requested.email.order_approved",
    ]


def test_an_approval_by_hand() -> None:
    world = World()
    world.fact(PLACED, "shop.orders")
    world.command("order.approve", {"method": "transfer", "notify": True})
    assert {"payment.captured", "invoice.created", "order.status_changed.processing"} <= set(world.told)


def test_money_after_a_cancel() -> None:
    world = World()
    world.fact(PLACED, "shop.orders")
    world.command("order.cancel", {})
    world.fact(payment("payment.captured"), "payments.pix")
    world.fact(payment("payment.refunded", refund_id="r1", cumulative_cents=11970), "payments.pix")
    assert {"order.status_changed.canceled", "stock.release_requested", "exception.opened.paid_after_cancel"} <= set(world.told)


@pytest.mark.parametrize("kind", PAYMENT_KINDS)
def test_every_payment_kind(kind: str) -> None:
    world = World()
    world.fact(PLACED, "shop.orders")
    world.fact(
        payment(
            kind,
            raw_word="PALAVRA",
            reason="51 sem saldo",
            cumulative_cents=1,
            dispute_id="d1",
            refund_id="r1",
            funds_withdrawn=True,
            installments=3,
            due_at="2026-11-26T10:00:00-03:00",
            fee_cents=1,
            discount_cents=1,
        ),
        "payments.pix",
    )
    assert kind in world.told


STEPS: Final = st.one_of(
    st.tuples(st.sampled_from(PAYMENT_KINDS), st.sampled_from(["E1", "E2"]), st.sampled_from([1, 5000, 11970, 20000]), st.integers(0, 9)),
    st.sampled_from(["order.approve", "order.cancel"]),
)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=8))
def test_whatever_happens_is_told_in_the_published_words(steps: list[Any]) -> None:
    world = World()
    world.fact(PLACED, "shop.orders")
    for step in steps:
        if isinstance(step, str):
            world.command(step, {"notify": True})
        else:
            kind, key, cents, minute = step
            at = (T0 + timedelta(minutes=minute)).isoformat()
            document = payment(kind, event_id=f"{kind}:{key}:{cents}:{minute}", payment_key={"kind": "e2e", "value": key}, occurred_at=at)
            world.fact(document | {"amount_cents": cents}, "payments.pix")
