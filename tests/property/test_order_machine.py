"""An order under any interleaving of facts and commands: the invariants of order-lifecycle 3.9 that these facts can reach."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any, Final

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.domain.decisions import Decision, parse_decision
from hub.domain.effects import EventDraft
from hub.domain.fold import apply_decision, apply_fact
from hub.domain.guards import GUARDS
from hub.domain.judge import Accepted, NoOp, Rejected, offered
from hub.domain.labels import ASSIGNED_STATUSES, STATUS_LABELS
from hub.domain.ledger import Ledger, dump, load
from hub.domain.view import View, view
from schemas.events import event_model
from schemas.facts import FISCAL_KINDS, SHIPMENT_KINDS, Fact, parse_fact
from tests.unit.domain.orders import (
    NF,
    NUMBER,
    TOTAL,
    TXID,
    VIRTUAL,
    Story,
    at,
    boleto,
    canceled,
    card,
    erp,
    kinds,
    paper,
    parcel,
    payment,
    pix,
    pix_paid,
    placed,
    valid_form,
)

HUB: Final = "hub.commands"
GATEWAY_ORDER: Final = [{"kind": "gateway_order_id", "value": "or_1"}]

PLACEMENTS: Final[Sequence[Fact]] = (
    placed(pix()),
    placed(boleto(), event_id="evt-2"),
    placed(card(amount_cents=7000, references=GATEWAY_ORDER), card(amount_cents=4970, references=GATEWAY_ORDER), event_id="evt-3"),
    placed(pix(amount_cents=1000), boleto(amount_cents=None), card(paid_at=at(0).isoformat(), amount_cents=970), event_id="evt-4"),
    placed(pix(), items=VIRTUAL, event_id="evt-5"),
    placed(pix(), rules={"amount_tolerance_cents": 500, "close_on_full_refund": False}, event_id="evt-6"),
    placed(total_cents=0, event_id="evt-7"),
    placed(pix(), historical=True, event_id="evt-8", placed_at=at(-60).isoformat()),
    placed(event_id="evt-9"),
)

KEYS: Final[Sequence[tuple[str | None, str, str, tuple[str, ...]]]] = (
    ("e2e=E1", "pix", "pix", (f"txid={TXID}",)),
    ("e2e=E2", "pix", "pix", (f"txid={TXID}",)),
    ("e2e=E3", "pix", "pix", ()),
    ("nosso_numero=237:12345678", "cnab", "boleto", ()),
    ("charge_id=ch_1", "pagarme", "card", ("gateway_order_id=or_1",)),
    ("charge_id=ch_2", "pagarme", "card", ("gateway_order_id=or_1",)),
    ("charge_id=ch_3", "pagarme", "boleto", ("nosso_numero=237:0012345678",)),
    ("payment_id=tran_1", "pagarme", "card", ("charge_id=ch_1",)),
    (None, "pagarme", "card", ()),
    (None, "pix", "pix", (f"txid={TXID}",)),
    (None, "bank", "transfer", ()),
)

LIVE: Final = ("created", "pending", "in_review", "authorized")
ENDS: Final = ("failed", "expired", "voided")
REFUNDS: Final = ("refund_pending", "refunded", "refund_failed")
DISPUTES: Final = ("chargeback_opened", "chargeback_won", "chargeback_lost", "reversed")

LATE: Final = 60 * 24 * 90
"""When anything that waits for a time is due."""

minutes = st.integers(0, 40)
amounts = st.sampled_from([1, 500, 970, 1000, 4970, 7000, TOTAL - 500, TOTAL, TOTAL + 1, 2 * TOTAL])
event_ids = st.sampled_from([f"e{n}" for n in range(12)])


@st.composite
def payment_facts(draw: st.DrawFn, words: Sequence[str] = (*LIVE, *ENDS, "captured", *REFUNDS, *DISPUTES)) -> Fact:
    """Say anything of any payment."""
    key, provider, method, refs = draw(st.sampled_from(KEYS))
    word = draw(st.sampled_from(words))
    fields: dict[str, Any] = {}
    if word in REFUNDS:
        named, counted = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
        if named:
            fields["refund_id"] = draw(st.sampled_from(["r1", "r2"]))
            fields["amount_cents"] = draw(st.none() | amounts)
        if counted:
            fields["cumulative_cents"] = draw(amounts)
    elif word in DISPUTES:
        fields["dispute_id"] = draw(st.sampled_from([None, "d1"]))
        fields["amount_cents"] = draw(st.none() | amounts)
        fields["cumulative_cents"] = draw(st.none() | amounts)
        fields["funds_withdrawn"] = draw(st.booleans())
    else:
        fields["amount_cents"] = draw(amounts if word == "captured" else st.none() | amounts)
    if word in LIVE:
        fields["due_at"] = draw(st.sampled_from([None, at(500).isoformat(), at(900).isoformat()]))
    told = refs if draw(st.booleans()) else ()
    told_method = method if draw(st.integers(0, 3)) else None
    return payment(word, draw(minutes), key=key, refs=told, provider=provider, method=told_method, event_id=draw(event_ids), **fields)


@st.composite
def unknown_facts(draw: st.DrawFn) -> Fact:
    """Say a word that nobody knows."""
    return payment("unknown", draw(minutes), raw_word="???", event_id=draw(event_ids), amount_cents=TOTAL)


@st.composite
def mapped_facts(draw: st.DrawFn) -> Fact:
    """Say again, now known, what was unknown."""
    event_id = draw(event_ids)
    return payment(draw(st.sampled_from(LIVE)), draw(minutes), event_id=f"{event_id}#mapped", refs=[f"txid={TXID}"])


cancellations = st.builds(canceled, minutes, st.sampled_from(["customer_request", "fraud", "Maria desistiu", None]))

PARCELS: Final[Sequence[tuple[str, str | None, tuple[str, ...]]]] = (
    ("melhor_envio", "label_id=L1", ("tracking=AA1",)),
    ("melhor_envio", "label_id=L1", ()),
    ("melhor_envio", "label_id=L2", ("tracking=bb 2",)),
    ("correios", "tracking=AA1", ()),
    ("correios", "tracking=BB2", ()),
    ("bling", None, ("tracking=CC3",)),
    ("bling", None, ()),
)
FUTURE: Final = 60 * 24 * 500
PAST: Final = -60 * 24 * 45


@st.composite
def shipment_facts(draw: st.DrawFn) -> Fact:
    """Say anything of any parcel, at any time, the impossible ones too."""
    provider, key, refs = draw(st.sampled_from(PARCELS))
    word = draw(st.sampled_from([kind.removeprefix("shipment.") for kind in SHIPMENT_KINDS]))
    when = draw(minutes | st.sampled_from([FUTURE, PAST]))
    fields: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        fields["items"] = draw(st.sampled_from([("CAM-01*1",), ("CAM-01*2",), ("CAM-01*9",), ("???*1",)]))
    if draw(st.booleans()):
        fields["tracks"] = [{"number": draw(st.sampled_from(["AA1", "aa1", "DD4"])), "carrier": draw(st.sampled_from([None, "correios"]))}]
    if word == "correction":
        fields["corrects"] = draw(st.none() | event_ids)
    return parcel(word, when, key=key, refs=refs, provider=provider, event_id=draw(event_ids), **fields)


PAPER_KEYS: Final = (NF, NF[:-1] + "9", None)


@st.composite
def fiscal_facts(draw: st.DrawFn) -> Fact:
    """Say anything of any tax paper."""
    word = draw(st.sampled_from([kind.removeprefix("fiscal.") for kind in FISCAL_KINDS]))
    fields: dict[str, Any] = {"document_id": draw(st.sampled_from([None, "77"])), "number": draw(st.sampled_from([None, "1", "2"]))}
    fields["total_cents"] = draw(st.none() | amounts)
    fields["evidence"] = draw(st.sampled_from([None, "erp_notice", "nfe_proc"]))
    if word in ("returned", "corrected"):
        fields["original_access_key"] = draw(st.sampled_from([NF, None]))
    if draw(st.integers(0, 5)) == 0:
        fields["environment"] = "homologation"
    if draw(st.booleans()):
        fields["items"] = draw(st.sampled_from([[], [{"sku": "CAM-01", "quantity": 1}], [{"sku": "CAM-01", "quantity": 2}]]))
    fields["provider"] = draw(st.sampled_from(["nfe", "bling"]))
    return paper(word, draw(minutes), key=draw(st.sampled_from(PAPER_KEYS)), event_id=draw(event_ids), **fields)


erp_facts = st.builds(erp, st.sampled_from(["accepted", "rejected", "production_started", "ready_to_ship"]), minutes)
any_fact = st.one_of(
    payment_facts(),
    payment_facts(words=("captured", "refunded", "chargeback_opened", "chargeback_won", "pending")),
    st.sampled_from(PLACEMENTS),
    unknown_facts(),
    mapped_facts(),
    cancellations,
    shipment_facts(),
    shipment_facts(),
    fiscal_facts(),
    fiscal_facts(),
    erp_facts,
)


def fold(facts: Sequence[Fact]) -> Ledger:
    ledger = Ledger.empty(NUMBER)
    for fact in facts:
        apply_fact(ledger, fact, "any")
    return ledger


def open_exceptions(now: View) -> list[tuple[str, str]]:
    return [(exception.kind, exception.key) for exception in now.exceptions]


@given(facts=st.lists(any_fact, max_size=14), seed=st.integers(0, 2**32))
@settings(max_examples=400)
def test_neither_repeats_nor_the_order_of_arrival_show(facts: list[Fact], seed: int) -> None:  # I2, I3, I4
    once = fold(facts)
    shuffled = [*facts, *facts]
    Random(seed).shuffle(shuffled)
    twice = fold(shuffled)
    assert dump(twice) == dump(once)
    assert view(twice) == view(once)
    assert open_exceptions(view(twice)) == open_exceptions(view(once))


@given(facts=st.lists(any_fact, max_size=10), more=any_fact)
def test_a_ledger_written_and_read_is_the_same_byte_for_byte(facts: list[Fact], more: Fact) -> None:
    ledger = fold(facts)
    text = dump(ledger)
    again = load(text)
    assert dump(again) == text
    assert again == ledger
    apply_fact(ledger, more, "any")
    apply_fact(again, more, "any")
    assert dump(again) == dump(ledger)


@given(facts=st.lists(any_fact, max_size=10), unknown=unknown_facts())
def test_an_unknown_word_never_moves_money_or_state(facts: list[Fact], unknown: Fact) -> None:  # I32
    before, after = view(fold(facts)), view(fold([*facts, unknown]))
    assert (after.captured_cents, after.state, after.payment_state) == (before.captured_cents, before.state, before.payment_state)
    assert after.attempts == before.attempts


@given(placement=st.sampled_from(PLACEMENTS), before=st.lists(any_fact, max_size=5), facts=st.lists(any_fact, max_size=8))
def test_hold_facts_release_ends_as_the_facts_alone(placement: Fact, before: list[Fact], facts: list[Fact]) -> None:  # I13
    free, held = Story(), Story()
    for order in (free, held):
        order.tell(placement, *before)
    assume(isinstance(held.ask("order.hold", 45), Accepted))
    for order in (free, held):
        order.tell(*facts)
    held.ask("order.release", 60)
    assert replace(held.ledger, holds={}) == replace(free.ledger, holds={})
    assert held.view.base_state == free.view.base_state
    matters = [[(one.kind, one.key) for one in order.view.exceptions if one.kind != "shipped_while_held"] for order in (held, free)]
    assert matters[0] == matters[1]
    if not free.view.holds:  # else a policy holds it, and the release of everything was too much
        assert (held.view.state, held.view.status) == (free.view.state, free.view.status)


def test_the_ledger_of_a_usual_order_is_small() -> None:
    usual = fold(
        [
            placed(pix()),
            payment("pending", 1, key=None, refs=[f"txid={TXID}"], method="pix"),
            pix_paid(5, e2e="E00000000202611251305abcdefghijk"),
            payment("refunded", 90, key="e2e=E00000000202611251305abcdefghijk", refund_id="dev1", amount_cents=990, cumulative_cents=990),
            paper("issued", 95, number="1234", series="1"),
            parcel(
                "label_created", 97, key="label_id=9b3e2c1a-1111-2222-3333-444455556666", provider="melhor_envio", refs=["tracking=AA1"]
            ),
            *[
                parcel(word, 100 + minutes, event_id="a" * 64 + str(minutes))
                for minutes, word in enumerate(("posted", *["in_transit"] * 5))
            ],
            parcel("delivered", 200, event_id="b" * 64),
        ]
    )
    assert len(dump(usual)) < 2048


@st.composite
def forms(draw: st.DrawFn, command: str, now: View) -> dict[str, Any]:
    """Fill a command's form in somehow: rightly, wrongly, half."""
    form: dict[str, Any] = {}
    if command in ("order.approve", "order.cancel", "order.start_production", "shipment.create", "refund.create", "order.set_status"):
        form["notify"] = draw(st.sampled_from([None, True, False]))
        form["comment"] = draw(st.sampled_from([None, "", "a pedido"]))
    payments = st.sampled_from([None, None, "p9", *(attempt.id for attempt in now.attempts)])
    shipments = st.sampled_from([None, None, "S9", *(shipment.id for shipment in now.shipments)])
    numbers = st.sampled_from(["", "AA1", "bb2", "EE5", *(track.number for shipment in now.shipments for track in shipment.tracks)])
    carriers = st.sampled_from(["correios", "custom", "jadlog", "", "pombo"])
    match command:
        case "order.approve":
            form |= {"payment": draw(payments), "method": draw(st.sampled_from([None, None, "cash", "pix"]))}
            form["amount_cents"] = draw(st.none() | amounts)
        case "review.accept" | "review.deny" | "payment.void":
            form["payment"] = draw(payments)
        case "order.hold":
            form["hold_reason"] = draw(st.sampled_from(["operator", "fraud"]))
        case "order.release":
            form["hold_reason"] = draw(st.sampled_from([None, "operator", "dispute"]))
        case "order.set_status":
            form["status"] = draw(st.sampled_from([*STATUS_LABELS, "nope"]))
        case "order.comment":
            form["text"] = draw(st.sampled_from(["", "oi"]))
            form["notify"] = draw(st.booleans())
        case "order.edit" | "order.reorder":
            form |= valid_form(command, now)
            if command == "order.edit":
                form["notify"] = draw(st.sampled_from([None, True, False]))
        case "order.set_address":
            form |= {"type": "shipping", "address": {"city": "Campinas"}}
        case "fiscal.mark_issued":
            form |= {"access_key": draw(st.sampled_from([None, NF])), "number": draw(st.sampled_from([None, "1"]))}
        case "shipment.create":
            form |= {"carrier": draw(carriers), "force": draw(st.booleans())}
            form["tracks"] = [{"number": number} for number in draw(st.lists(numbers, max_size=2))]
            if draw(st.booleans()):
                form["items"] = [{"sku": draw(st.sampled_from(["CAM-01", "???"])), "quantity": draw(st.integers(1, 3))}]
        case "shipment.add_track" | "shipment.remove_track":
            form |= {"shipment": draw(shipments), "number": draw(numbers), "carrier": draw(carriers)}
        case "shipment.mark_in_transit" | "shipment.mark_difficulty" | "shipment.mark_delivered":
            form |= {"shipment": draw(shipments), "at": draw(st.none() | minutes.map(lambda when: at(when).isoformat()))}
        case "refund.create":
            form |= {"mode": draw(st.sampled_from(["offline", "offline", "online"]))}
            form["method"] = draw(st.sampled_from(["pix", "deposit", "card"]))
            form["payment"] = draw(payments)
            if draw(st.booleans()):
                form["lines"] = [{"sku": "CAM-01", "quantity": draw(st.integers(1, 3)), "back_to_stock": draw(st.booleans())}]
            form |= {name: draw(st.none() | st.sampled_from([0, 990, 1990])) for name in ("shipping_cents", "extra_cents", "fee_cents")}
        case "notify.resend":
            form["kind"] = draw(st.sampled_from(["order", "invoice", "shipment", "refund"]))
        case "exception.resolve":
            form |= {"exception": 1, "resolution": "visto", "note": draw(st.sampled_from([None, "ok"]))}
            known = [(exception.kind, exception.key) for exception in now.exceptions]
            form["about"] = draw(st.sampled_from([None, ("overpaid", "nope"), *known]))
    return form


PAID: Final = pix_paid(8, e2e="E9")
BEGUN: Final[Sequence[Sequence[Fact]]] = (
    (),
    (PAID,),
    (PAID,),
    (PAID, parcel("posted", 9, provider="jadlog", key="tracking=JJ1", items=("CAM-01*1",))),
    (PAID, parcel("posted", 9, provider="jadlog", key="tracking=JJ1")),
    (payment("in_review", 8, key="charge_id=ch_9", provider="pagarme", method="card"),),
)


def numbered(event: EventDraft) -> dict[str, Any]:
    """Complete an event as the engine does."""
    body = {**event.body, "order": NUMBER, "sequence": 1, "occurred_at": at(0).isoformat(), "recorded_at": at(0).isoformat()}
    return body | ({"status_sequence": 1} if event.routing_key.startswith("order.status_changed.") else {})


class OrderMachine(RuleBasedStateMachine):
    """One order; every step is checked against what was there before, and all steps against each other at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.order = Story()
        self.log: list[Fact | Decision] = []
        self.minute = 50
        self.policies = 0

    @initialize(placement=st.sampled_from(PLACEMENTS), begun=st.sampled_from(BEGUN))
    def place(self, placement: Fact, begun: Sequence[Fact]) -> None:
        for fact in (placement, *begun):
            self._tell(fact)

    @rule(fact=any_fact.filter(lambda fact: fact.kind != "order.canceled"))
    def tell(self, fact: Fact) -> None:
        self._tell(fact)

    @rule(fact=cancellations, really=st.integers(0, 9))
    def cancel_at_the_shop(self, fact: Fact, really: int) -> None:
        if really == 7:  # Few things can happen to an order that is canceled.
            self._tell(fact)

    @precondition(lambda self: any(not isinstance(entry, Decision) for entry in self.log))
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        fact = data.draw(st.sampled_from([entry for entry in self.log if not isinstance(entry, Decision)]))
        before, events = self.order.view, len(self.order.events)
        self._tell(fact)
        assert self.order.view == before  # I2
        assert len(self.order.events) == events

    @rule(data=st.data(), command=st.sampled_from([*GUARDS, "exception.resolve", "payment.void"]))
    def ask(self, command: str, data: st.DataObject) -> None:
        self._ask(command, data.draw(forms(command, self.order.view)), data.draw(st.sampled_from([None, "disse que sim"])))

    @rule(command=st.sampled_from(sorted(GUARDS)))
    def ask_what_fits(self, command: str) -> None:
        self._ask(command, valid_form(command, self.order.view, self.order.done), None)

    @rule(late=st.integers(0, 9).map(lambda number: number == 7))
    def let_the_timer_fire(self, late: bool) -> None:
        before, text, events = self.order.view, dump(self.order.ledger), len(self.order.events)
        verdict = self.order.ask("order.expire", LATE if late else self.minute, actor="policy:order.expire")
        assert not isinstance(verdict, Rejected)
        if isinstance(verdict, Accepted):
            self.log.append(verdict.decision)
            assert before.captured_cents == 0  # I24
            assert before.state in ("new", "pending_payment")
        else:
            assert dump(self.order.ledger) == text
        self._follow(before, events)

    def _ask(self, command: str, form: dict[str, Any], reason: str | None) -> None:
        before, text, events, done = self.order.view, dump(self.order.ledger), len(self.order.events), self.order.done
        self.minute += 1
        about = form.pop("about", None)
        verdict = self.order.ask(command, self.minute, reason=reason, about=about, **form)
        match verdict:
            case Rejected() | NoOp():  # I15
                assert (self.order.view, dump(self.order.ledger), len(self.order.events)) == (before, text, events)
                assert self.order.done == done
            case Accepted(decision=decision):
                if decision.entries:
                    self.log.append(decision)
                self._check_accepted(command, form, before, verdict)
        self.log.extend(policy.decision for _, policy in self.order.policies[self.policies :] if isinstance(policy, Accepted))
        self.policies = len(self.order.policies)
        self._follow(before, events)

    def _check_accepted(self, command: str, form: dict[str, Any], before: View, verdict: Accepted) -> None:
        after = self.order.view
        match command:
            case "order.approve":
                assert after.captured_cents == before.captured_cents + verdict.result["amount_cents"]
                assert after.remaining_cents == verdict.result["remaining_cents"]
            case "refund.create":  # I5
                left = before.captured_cents - before.refunded_cents - before.charged_back_cents - before.refund_pending_cents
                assert 0 < verdict.result["amount_cents"] <= left
                assert after.refunded_cents == before.refunded_cents + verdict.result["amount_cents"]
            case "shipment.create" if not form.get("force"):  # I8
                assert before.paid
                assert before.net_cents > 0 or before.total_cents == 0
            case "shipment.create":
                assert "shipped_unpaid" in kinds(after) or before.paid
            case "order.edit":  # I22
                assert (after.base_state, after.child) == ("canceled", verdict.result["child"])
                assert before.captured_cents == 0
            case "order.reorder":  # I23
                assert after == before
            case "order.start_production":  # I9
                assert before.paid
            case "order.release":
                assert after.hold_reasons in ((), ("dispute",)) or form.get("hold_reason") is not None
            case "exception.resolve":
                assert len(after.exceptions) == len(before.exceptions) - 1

    def _tell(self, fact: Fact) -> None:
        before, events = self.order.now, len(self.order.events)
        self.order.tell(fact)
        self.log.append(fact)
        self.log.extend(policy.decision for _, policy in self.order.policies[self.policies :] if isinstance(policy, Accepted))
        self.policies = len(self.order.policies)
        self._follow(before, events)

    def _follow(self, before: View | None, events: int) -> None:
        after = self.order.view
        if before is None:
            return
        if before.base_state == "canceled":
            assert after.state == "canceled"  # I7
        canceling = any(entry.entry == "cancel" for one in self.log if isinstance(one, Decision) for entry in one.entries)
        canceling = canceling or any(entry.kind == "order.canceled" for entry in self.log)
        assert (after.state == "canceled") == canceling  # neither a failure nor an expiry cancels
        if before.state == after.state == "holded":  # I14
            new = [event for event in self.order.events[events:] if event.body["cause"].get("actor") is None]
            deferred = ("invoice.created", "stock.", "notification.", "order.status_changed.")
            assert not [event.routing_key for event in new if event.routing_key.startswith(deferred)]

    @invariant()
    def what_is_shown_is_consistent(self) -> None:
        now = self.order.now
        if now is None:
            return
        assert now.status in ASSIGNED_STATUSES[now.state]  # I21
        assert now.refunded_cents >= 0
        assert now.charged_back_cents >= 0
        assert now.net_cents >= 0  # I5
        if now.base_state == "closed":
            assert now.captured_cents > 0
            assert now.net_cents == 0 or all(line.refunded == line.quantity for line in now.lines)  # I6
        identities = open_exceptions(now)
        assert len(set(identities)) == len(identities)  # I25
        assert all(exception.resolve_with for exception in now.exceptions)
        ids = [attempt.id for attempt in now.attempts]
        assert len(set(ids)) == len(ids)
        assert sum(attempt.captured_cents for attempt in now.attempts) == now.captured_cents
        assert sum(capture.amount_cents for capture in now.captures) >= now.captured_cents
        for line in now.lines:  # I11
            assert 0 <= line.shipped <= line.quantity - line.canceled
            assert line.refunded + line.canceled <= line.quantity
            assert 0 <= line.refund_pending <= line.quantity - line.refunded
        assert all(units >= 0 for units in now.to_ship.values())
        ordered = {line.sku: line.quantity for line in now.lines if not line.virtual}
        carried: dict[str, int] = {}
        for shipment in now.shipments:
            assert shipment.state not in ("delivered", "returned", "lost") or shipment.shipped_at is not None  # I10
            for sku, quantity in shipment.items:
                carried[sku] = carried.get(sku, 0) + quantity
        assert all(quantity <= ordered.get(sku, 0) for sku, quantity in carried.items())
        for ids in (
            [one.id for one in now.shipments],
            [one.id for one in now.fiscal_documents],
            [one.id for one in now.refunds if one.mode],
        ):
            assert len(set(ids)) == len(ids)
        keys = [transaction.key for transaction in now.transactions]
        assert len(set(keys)) == len(keys)
        assert {capture.key for capture in now.captures} <= set(keys)

    @invariant()
    def what_was_published_happened_once(self) -> None:
        keys = self.order.keys
        assert len(self.order.invoices) == keys.count("invoice.created") <= 1  # I16
        assert keys.count("order.placed") <= 1
        assert keys.count("stock.release_requested") <= 1
        notices = [event.body["key"] for event in self.order.events if event.routing_key.startswith("notification.")]
        assert len(set(notices)) == len(notices)  # I19
        changes = [event.body for event in self.order.events if event.routing_key.startswith("order.status_changed.")]
        for earlier, later in pairwise(changes):
            assert later["from"] == earlier["to"]
            assert later["from"] != later["to"]
        now = self.order.now
        if now is not None:
            assert changes[0]["from"] is None
            assert changes[-1]["to"] == {"state": now.state, "status": now.status}
            opened = [key for key in keys if key.startswith("exception.opened.")]
            resolved = [key for key in keys if key.startswith("exception.resolved.")]
            assert len(opened) - len(resolved) == len(now.exceptions)

    @invariant()
    def actions_are_what_would_be_accepted(self) -> None:  # I20
        now, done = self.order.now, self.order.done
        if now is None:
            return
        for minutes in (self.minute, LATE):
            allowed = offered(now, done, at(minutes))
            for command in GUARDS:
                verdict = self.order.would(command, minutes, **valid_form(command, now, done))
                assert isinstance(verdict, Accepted) == (command in allowed), (command, verdict)

    def teardown(self) -> None:
        if self.order.now is None:
            return
        for event in self.order.events:
            if event.routing_key not in ("order.placed", "order.edited"):  # their content names people, so the engine adds it
                event_model(event.routing_key).model_validate(numbered(event))
        text = dump(self.order.ledger)
        shuffled = [*self.log, *self.log]
        Random(len(text)).shuffle(shuffled)
        for entries in (self.log, shuffled, list(reversed(self.log))):  # I1, I3
            ledger = Ledger.empty(NUMBER)
            for entry in entries:
                if isinstance(entry, Decision):
                    apply_decision(ledger, parse_decision(entry.model_dump(mode="json", exclude_defaults=True)))
                else:
                    source = "shop.orders" if entry.provider == "shop" else f"payments.{entry.provider}"
                    apply_fact(ledger, parse_fact(entry.model_dump(mode="json", exclude_defaults=True)), source)
            assert dump(ledger) == text
            assert view(ledger) == self.order.view


OrderMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestOrder = OrderMachine.TestCase
