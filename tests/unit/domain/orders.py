"""Facts in few words, and an order that lives through them as it would in the engine: fold, view, effects, one at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from hub.domain.decisions import Decision
from hub.domain.effects import Cause, Claim, EventDraft, InvoiceDraft, PolicyCommand, effects
from hub.domain.fold import apply_decision, apply_fact
from hub.domain.judge import Accepted, Judgement, Known, Shop, Texts, judge
from hub.domain.labels import ASSIGNED_STATUSES
from hub.domain.ledger import Ledger, dump, load
from hub.domain.view import View, view
from schemas.commands import parse_command
from schemas.facts import Fact, FiscalFact, PaymentFact, ShipmentFact, parse_fact

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


NEW_ORDER = {
    "items": [{"sku": "CAM-02", "name": "Camiseta azul", "quantity": 1, "unit_price_cents": 5990}],
    "shipping": {"amount_cents": 1990},
    "total_cents": 7980,
    "payments": [pix()],
}
"""What an edit or a reorder places."""

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


def _source(fact: Fact) -> str:
    family = "erp" if isinstance(fact, FiscalFact) else "carriers" if isinstance(fact, ShipmentFact) else "payments"
    return "shop.orders" if fact.provider == "shop" else f"{family}.{fact.provider}"


def fold(*facts: Fact) -> Ledger:
    """Fold facts into one ledger."""
    ledger = Ledger.empty(NUMBER)
    for fact in facts:
        apply_fact(ledger, fact, _source(fact))
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
    shop: Shop = field(default_factory=Shop)
    policies: list[tuple[PolicyCommand, Judgement]] = field(default_factory=list)
    texts: list[Texts] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    erased: bool = False
    decisions: list[Decision] = field(default_factory=list)

    def tell(self, *facts: Fact) -> list[str]:
        """Apply facts one by one; return the routing keys of what they published."""
        published = len(self.events)
        for fact in facts:
            text = dump(self.ledger)
            source = _source(fact)
            apply_fact(self.ledger, fact, source)
            if dump(self.ledger) != text:
                self._follow(Cause(fact.kind, source, fact.event_id, fact.occurred_at, None, fact))
        return [event.routing_key for event in self.events[published:]]

    def ask(
        self,
        command: str,
        minutes: float = 60,
        *,
        reason: str | None = None,
        actor: str = "ana",
        about: tuple[str, str] | None = None,
        **data: Any,
    ) -> Judgement:
        """Judge a command, and apply it when it is accepted. `about` names an exception by kind and key."""
        return self._ask(command, at(minutes), data, reason=reason, actor=actor, about=about)

    def would(self, command: str, minutes: float = 60, **data: Any) -> Judgement:
        """Judge a command and leave it at that."""
        return self._judge(command, at(minutes), data)[0]

    def _judge(
        self,
        command: str,
        now: datetime,
        data: Mapping[str, Any],
        *,
        reason: str | None = None,
        actor: str = "ana",
        about: tuple[str, str] | None = None,
    ) -> tuple[Judgement, str]:
        command_id = str(UUID(int=self.commands))
        document = {"id": command_id, "command": command, "order": NUMBER, "reason": reason, "data": dict(data)}
        known = Known(self.done, about, customer_erased=self.erased)
        parsed = parse_command(document)
        return (
            judge(self.ledger, self.view, parsed, now=now, command_id=command_id, actor=actor, shop=self.shop, known=known),
            command_id,
        )

    def _ask(
        self,
        command: str,
        now: datetime,
        data: Mapping[str, Any],
        *,
        reason: str | None = None,
        actor: str = "ana",
        about: tuple[str, str] | None = None,
    ) -> Judgement:
        self.commands += 1
        verdict, command_id = self._judge(command, now, data, reason=reason, actor=actor, about=about)
        if isinstance(verdict, Accepted) and verdict.decision.entries:
            self.decisions.append(verdict.decision)
            apply_decision(self.ledger, verdict.decision)
            self._follow(Cause(command, "hub.commands", command_id, now, actor, verdict.decision, verdict.texts))
        return verdict

    def _follow(self, cause: Cause) -> None:
        self.ledger = load(dump(self.ledger))
        after = view(self.ledger)
        result = effects(self.now, after, cause, self.done)
        self.now, self.done = after, result.done
        self.events.extend(result.events)
        if result.invoice is not None:
            self.invoices.append(result.invoice)
        if (result.comment, result.tracks, result.address) != (None, (), None):
            self.texts.append(Texts(result.comment, result.tracks, result.address))
        self.claims = [claim for claim in (*self.claims, *result.claims) if claim not in result.disclaims]
        for policy in result.commands:
            # As in the engine: at once, before anything else happens to the order.
            self.policies.append((policy, self._ask(policy.command, cause.occurred_at, policy.data, actor=policy.actor)))

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


def valid_form(command: str, now: View, done: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Fill a command's form in so that only where the order stands can refuse it."""
    shipped = [shipment for shipment in now.shipments if shipment.shipped_at is not None]
    underway = [shipment for shipment in shipped if shipment.open]
    taken = {track.number for shipment in now.shipments for track in shipment.tracks}
    free = next(number for number in map("YY{:09}BR".format, range(1000)) if number not in taken)
    match command:
        case "order.hold":
            return {"hold_reason": next(reason for number in count() if (reason := f"reason_{number}") not in now.holds.values())}
        case "order.set_status":
            linked = ("in_production", "nf_issued", "in_transit", "delivery_difficulty", "delivered", "shipped", "partially_shipped")
            return {"status": next(status for status in ASSIGNED_STATUSES[now.state] if status not in linked)}
        case "order.set_address":
            return {"type": "billing", "address": {"city": "Campinas"}}
        case "order.edit":
            return {"order": NEW_ORDER}
        case "order.reorder":
            return {"order": {**NEW_ORDER, "number": "200000001", "placed_at": START.isoformat()}}
        case "order.comment":
            return {"text": "Ligou perguntando"}
        case "fiscal.mark_issued":
            papers = {paper.access_key for paper in now.fiscal_documents}
            return {"access_key": next(key for key in map("{:044}".format, range(1000)) if key not in papers)}
        case "shipment.create":
            return {"carrier": "correios", "tracks": [{"number": free}]}
        case "shipment.add_track":
            return {"number": free, "carrier": "correios", "shipment": shipped[-1].id if shipped else None}
        case "shipment.remove_track":
            tracked = [(shipment.id, shipment.tracks[0].number) for shipment in shipped if shipment.tracks]
            shipment_id, number = tracked[0] if tracked else (shipped[0].id if shipped else None, "YY999999999BR")
            return {"number": number, "shipment": shipment_id}
        case "shipment.mark_in_transit" | "shipment.mark_difficulty" | "shipment.mark_delivered":
            return {"shipment": underway[0].id} if underway else {}
        case "refund.create":
            return {"mode": "offline", "method": "deposit"}
        case "notify.resend" if now.base_state == "canceled":
            kind = "shipment" if shipped else "refund" if now.refunds else "invoice" if "invoice" in done else "shipment"
            return {"kind": kind}
        case "notify.resend":
            return {"kind": "order"}
        case _:
            return {}


def story(*facts: Fact) -> Story:
    """Begin an order with these facts."""
    began = Story()
    began.tell(*facts)
    return began
