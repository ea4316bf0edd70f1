"""Facts in few words, and an order that lives through them as it would in the engine: fold, view, effects, one at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hub.domain.effects import Cause, EventDraft, InvoiceDraft, effects
from hub.domain.fold import apply_decision, apply_fact
from hub.domain.judge import Accepted, Judgement, judge
from hub.domain.ledger import Ledger, dump, load
from hub.domain.view import View, view
from schemas.commands import parse_command
from schemas.facts import Fact, PaymentFact, parse_fact

NUMBER = "100000417"
TOTAL = 11_970
START = datetime(2026, 11, 25, 13, tzinfo=UTC)
TXID = "ped100000417a0000000000000000"


def at(minutes: float) -> datetime:
    """Return an instant so many minutes after the order was placed."""
    return START + timedelta(minutes=minutes)


def pix(reference: str | None = TXID, **changes: Any) -> dict[str, Any]:
    """Declare a Pix."""
    return {"method": "pix", "provider": "pix", "reference": reference, "amount_cents": TOTAL, **changes}


def boleto(**changes: Any) -> dict[str, Any]:
    """Declare a boleto."""
    return {"method": "boleto", "provider": "cnab", "reference": "237:00012345678", "amount_cents": TOTAL, **changes}


def card(**changes: Any) -> dict[str, Any]:
    """Declare a card at a gateway, without any reference."""
    return {"method": "card", "provider": "pagarme", "amount_cents": TOTAL, **changes}


def placed(*payments: dict[str, Any], event_id: str = "evt-1", rules: dict[str, Any] | None = None, **changes: Any) -> Fact:
    """Place the order of contract.md: two shirts and freight."""
    order: dict[str, Any] = {
        "number": NUMBER,
        "placed_at": START.isoformat(),
        "items": [{"sku": "CAM-01", "name": "Camiseta", "quantity": 2, "unit_price_cents": 4990}],
        "shipping": {"amount_cents": 1990},
        "total_cents": TOTAL,
        "payments": payments,
        **changes,
    }
    return parse_fact(
        {
            "kind": "order.placed",
            "event_id": event_id,
            "provider": "shop",
            "occurred_at": order["placed_at"],
            "number": NUMBER,
            "order": order,
            "rules": rules or {},
        }
    )


VIRTUAL = [{"sku": "VALE-100", "name": "Vale-presente", "quantity": 1, "unit_price_cents": TOTAL, "virtual": True}]
"""Items of an order that nobody ships."""


def canceled(minutes: float = 120, reason: str | None = "customer_request") -> Fact:
    """The shop canceled the order at its side."""
    return parse_fact(
        {
            "kind": "order.canceled",
            "event_id": f"cancel-{minutes}",
            "provider": "shop",
            "occurred_at": at(minutes).isoformat(),
            "number": NUMBER,
            "reason": reason,
        }
    )


def payment(kind: str, minutes: float = 10, *, key: str | None = "e2e=E1", refs: Iterable[str] = (), **fields: Any) -> PaymentFact:
    """Say something of a payment. Keys and references are written `kind=value`."""
    provider = fields.pop("provider", "pix")
    event_id = fields.pop("event_id", f"{provider}:{key}:{kind}:{minutes}")
    document = {
        "kind": f"payment.{kind}",
        "event_id": event_id,
        "provider": provider,
        "occurred_at": at(minutes).isoformat(),
        "payment_key": None if key is None else _reference(key),
        "references": [_reference(word) for word in refs],
        **fields,
    }
    fact = parse_fact(document)
    assert isinstance(fact, PaymentFact)
    return fact


def _reference(word: str) -> dict[str, str]:
    kind, _, value = word.partition("=")
    return {"kind": kind, "value": value}


def pix_paid(minutes: float = 10, *, e2e: str = "E1", amount: int = TOTAL, txid: str = TXID) -> PaymentFact:
    """Pay the declared Pix."""
    return payment("captured", minutes, key=f"e2e={e2e}", refs=[f"txid={txid}"], method="pix", amount_cents=amount)


def parcel(kind: str, minutes: float = 100, *, key: str | None = "tracking=AA1", refs: Iterable[str] = (), **fields: Any) -> Fact:
    """Say something of a parcel. Keys and references are written `kind=value`; items `SKU*2`."""
    provider = fields.pop("provider", "correios")
    items = [{"sku": word.partition("*")[0], "quantity": int(word.partition("*")[2])} for word in fields.pop("items", ())]
    return parse_fact(
        {
            "kind": f"shipment.{kind}",
            "event_id": fields.pop("event_id", f"{provider}:{key}:{kind}:{minutes}"),
            "provider": provider,
            "occurred_at": at(minutes).isoformat(),
            "shipment_key": None if key is None else _reference(key),
            "references": [_reference(word) for word in refs],
            "items": items,
            **fields,
        }
    )


NF = "35261011222333000181550010000012341876543210"
"""A chave de acesso."""


def paper(kind: str, minutes: float = 50, *, key: str | None = NF, **fields: Any) -> Fact:
    """Say something of a tax paper."""
    provider = fields.pop("provider", "nfe")
    if kind == "issued":
        fields = {"total_cents": TOTAL, "evidence": "nfe_proc", **fields}
    return parse_fact(
        {
            "kind": f"fiscal.{kind}",
            "event_id": fields.pop("event_id", f"{provider}:{key}:{kind}:{minutes}"),
            "provider": provider,
            "occurred_at": at(minutes).isoformat(),
            "access_key": key,
            **fields,
        }
    )


def erp(kind: str, minutes: float = 20, **fields: Any) -> Fact:
    """Let the ERP say something of the order: accepted, rejected, production_started, ready_to_ship."""
    document = {"kind": f"order.{kind}", "event_id": f"erp:{kind}:{minutes}", "provider": "bling", "number": NUMBER}
    return parse_fact({**document, "occurred_at": at(minutes).isoformat(), **fields})


def fold(*facts: Fact) -> Ledger:
    """Fold facts into one ledger."""
    ledger = Ledger.empty(NUMBER)
    for fact in facts:
        apply_fact(ledger, fact, f"payments.{fact.provider}")
    return ledger


def seen(*facts: Fact) -> View:
    """Fold facts and look at the order."""
    return view(fold(*facts))


def kinds(now: View) -> list[str]:
    """List the kinds of the open exceptions."""
    return [exception.kind for exception in now.exceptions]


def exception_set(now: View) -> set[tuple[str, str]]:
    """Return what must not depend on the order of arrival: kinds and keys of the open exceptions."""
    return {(exception.kind, exception.key) for exception in now.exceptions}


@dataclass
class Story:
    """One order as the engine carries it: ledger, what is done, and all that was published."""

    ledger: Ledger = field(default_factory=lambda: Ledger.empty(NUMBER))
    done: frozenset[str] = frozenset()
    now: View | None = None
    events: list[EventDraft] = field(default_factory=list)
    invoices: list[InvoiceDraft] = field(default_factory=list)
    commands: int = 0

    def tell(self, *facts: Fact) -> list[str]:
        """Apply facts one by one; return the routing keys of what they published."""
        published: list[str] = []
        for fact in facts:
            text = dump(self.ledger)
            source = "shop.orders" if fact.provider == "shop" else f"payments.{fact.provider}"
            apply_fact(self.ledger, fact, source)
            if dump(self.ledger) != text:
                published += self._follow(Cause(fact.kind, source, fact.event_id, fact.occurred_at, None, fact))
        return published

    def ask(self, command: str, minutes: float = 60, *, reason: str | None = None, **data: Any) -> Judgement:
        """Judge a command, and apply it when it is accepted."""
        self.commands += 1
        command_id = str(UUID(int=self.commands))
        parsed = parse_command({"id": command_id, "command": command, "order": NUMBER, "reason": reason, "data": data})
        verdict = judge(self.ledger, self.view, parsed, now=at(minutes), command_id=command_id, actor="ana")
        if isinstance(verdict, Accepted) and verdict.decision.entries:
            apply_decision(self.ledger, verdict.decision)
            self._follow(Cause(command, "hub.commands", command_id, at(minutes), "ana", verdict.decision))
        return verdict

    def _follow(self, cause: Cause) -> list[str]:
        self.ledger = load(dump(self.ledger))
        after = view(self.ledger)
        result = effects(self.now, after, cause, self.done)
        self.now, self.done = after, result.done
        self.events.extend(result.events)
        if result.invoice is not None:
            self.invoices.append(result.invoice)
        return [event.routing_key for event in result.events]

    @property
    def view(self) -> View:
        """The order as it stands."""
        assert self.now is not None
        return self.now

    @property
    def keys(self) -> list[str]:
        """Routing keys of everything published so far."""
        return [event.routing_key for event in self.events]

    def body(self, routing_key: str) -> dict[str, Any]:
        """Return the body of the last event with this routing key."""
        return next(event.body for event in reversed(self.events) if event.routing_key == routing_key)


def story(*facts: Fact) -> Story:
    """Begin an order with these facts."""
    began = Story()
    began.tell(*facts)
    return began
