"""Facts and decisions into the ledger. No guards and no settings: whatever the order of arrival, the same ledger comes out."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from hub.domain import papers, parcels, refunds
from hub.domain.decisions import (
    Acknowledged,
    CancelRecord,
    Decision,
    HoldReleased,
    HoldSet,
    LabelChosen,
    ManualCapture,
    NewAttempt,
    PaperIssued,
    ParcelMarked,
    ParcelShipped,
    ProductionStarted,
    RefundDone,
    RefundFailed,
    RefundRequested,
    Superseded,
    TrackAdded,
    TrackRemoved,
)
from hub.domain.instants import MAPPED
from hub.domain.ledger import (
    ALL,
    Cancellation,
    Declared,
    Dispute,
    Hold,
    Ledger,
    Line,
    ManualAttempt,
    ManualMoney,
    PaymentRecord,
    Placement,
    Refund,
    Rival,
    Rules,
    Stamp,
    StatusLabel,
    UnknownWord,
    reach,
    to_micros,
)
from hub.domain.papers import PaperRecord
from hub.domain.parcels import ParcelRecord
from hub.domain.references import BARE, STAND_IN_CODES, coded, identity
from hub.domain.refunds import ALL_PARTS, DONE, FAILED, PENDING, Asked, HubRefund, Part, RefundedLine
from schemas.facts import Fact, FiscalFact, OrderFact, PaymentFact, ShipmentFact
from schemas.orders import DeclaredPayment, OrderRules, PlacedOrder

PRODUCTION: Final = "order.production_started"
"""Under this word the ledger keeps the start of production, whoever told of it."""

_LATEST: Final = frozenset({"order.accepted", "order.rejected"})
"""Words of the ERP that answer one another: of each the last time counts, of all other words the first."""

_LIVE_RANKS: Final[Mapping[str, int]] = {"payment.created": 0, "payment.pending": 1, "payment.in_review": 2, "payment.authorized": 3}
_ENDS: Final[Mapping[str, str]] = {"payment.failed": "failed", "payment.expired": "expired", "payment.voided": "voided"}
_REFUND_RANKS: Final[Mapping[str, int]] = {"payment.refund_pending": PENDING, "payment.refund_failed": FAILED, "payment.refunded": DONE}
_OUTCOMES: Final[Mapping[str, str]] = {"payment.chargeback_won": "won", "payment.chargeback_lost": "lost", "payment.reversed": "reversed"}

_REASON_CODE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_WORD_LIMIT: Final = 60


def apply_fact(ledger: Ledger, fact: Fact, source: str) -> None:
    """Merge one fact into the ledger. `source` is the inbound key it came by. Facts are never refused."""
    if fact.event_id.endswith(MAPPED):
        # An ERP's word of unknown meaning may turn out to be about the order or a parcel.
        ledger.mapped.add(fact.event_id.removesuffix(MAPPED))
    match fact:
        case PaymentFact():
            _apply_payment(ledger, fact)
        case ShipmentFact():
            parcels.merge_fact(ledger.parcels, fact)
        case FiscalFact():
            _apply_fiscal(ledger, fact)
        case OrderFact():
            _apply_order(ledger, fact, source)


def _apply_order(ledger: Ledger, fact: OrderFact, source: str) -> None:
    if fact.order is not None:
        _apply_placed(ledger, fact, fact.order)
    elif fact.kind == "order.canceled":
        reason = fact.reason or "shop"
        # Free text may name a person; the ledger holds codes only, the timeline has the rest.
        code = reason if _REASON_CODE.fullmatch(reason) else "other"
        _cancel(ledger, Cancellation(to_micros(fact.occurred_at), fact.event_id, code, source))
    else:
        _see(ledger, fact.kind, (to_micros(fact.occurred_at), fact.event_id))


def apply_decision(ledger: Ledger, decision: Decision) -> None:
    """Merge what an accepted command decided. Keyed by the command's id, so a repeat changes nothing."""
    micros = to_micros(decision.at)
    for index, entry in enumerate(decision.entries):
        key = decision.command_id if index == 0 else f"{decision.command_id}:{index}"
        match entry:
            case NewAttempt():
                ledger.manual_attempts[entry.id] = ManualAttempt(micros, entry.method, entry.known)
            case ManualCapture():
                ledger.manual_captures[key] = ManualMoney(
                    micros, entry.attempt, entry.method, entry.amount_cents, entry.on_top_of_cents, entry.by_review
                )
            case CancelRecord():
                _cancel(ledger, Cancellation(micros, decision.command_id, entry.reason, decision.kind))
            case Superseded():
                ledger.child = entry.child if ledger.child is None else min(ledger.child, entry.child)
            case HoldSet():
                known = ledger.holds.get(key)
                ledger.holds[key] = Hold(micros, entry.reason, 0 if known is None else known.released_micros)
            case HoldReleased():
                for hold in entry.holds:
                    held = ledger.holds.get(hold, Hold(0, ""))
                    ledger.holds[hold] = held._replace(released_micros=max(held.released_micros, micros))
            case LabelChosen():
                label = StatusLabel(entry.ordinal, micros, entry.status, entry.base_state, entry.fulfilment_state, entry.fiscal_state)
                ledger.labels[entry.slot] = max(label, ledger.labels.get(entry.slot, label))
            case ProductionStarted():
                _see(ledger, PRODUCTION, (micros, decision.command_id))
            case ParcelShipped() | TrackAdded() | TrackRemoved() | ParcelMarked():
                _apply_parcel(ledger, entry, micros, key)
            case PaperIssued():
                _apply_paper(ledger, entry, micros, key)
            case RefundRequested() | RefundDone() | RefundFailed():
                _apply_refund(ledger.refunds.setdefault(entry.refund, HubRefund()), entry, micros)
            case Acknowledged():
                ledger.acknowledged.add(acknowledgement(entry.kind, entry.key, entry.mark))
            case _:
                pass  # A comment, a notice sent again, an address, where an order came from: of these the log row is all that is kept.


def acknowledgement(kind: str, key: str, mark: str) -> str:
    """Name the exception that a person has settled, and the point up to which; short, since its key may be long."""
    return hashlib.sha256(f"{kind}|{key}|{mark}".encode()).hexdigest()[:16]


def _apply_parcel(ledger: Ledger, entry: ParcelShipped | TrackAdded | TrackRemoved | ParcelMarked, micros: int, key: str) -> None:
    record = ledger.parcels.setdefault(f"{parcels.MANUAL}|{entry.shipment}", ParcelRecord())
    match entry:
        case ParcelShipped():
            parcels.add_step(record, key, parcels.Step(micros, parcels.CODES["posted"]))
            parcels.learn(record, entry.carrier, ())
            for track in entry.tracks:
                parcels.add_track(record, track.number, parcels.Track(track.carrier))
            if entry.items:
                parcels.add_items(record, micros, parcels.units_of(entry.items))
        case TrackAdded():
            parcels.add_track(record, entry.number, parcels.Track(entry.carrier, entry.ordinal))
        case TrackRemoved():
            parcels.add_track(record, entry.number, parcels.Track(None, entry.ordinal, entry.ordinal))
        case ParcelMarked():
            parcels.add_step(record, key, parcels.Step(to_micros(entry.at), parcels.CODES[entry.mark]))


def paper_name(entry: PaperIssued, key: str) -> str:
    """Name the record of a paper that a person told of."""
    return f"ak:{entry.access_key}" if entry.access_key is not None else f"{papers.MANUAL}|id:{key}"


def _apply_paper(ledger: Ledger, entry: PaperIssued, micros: int, key: str) -> None:
    record = ledger.papers.setdefault(paper_name(entry, key), PaperRecord())
    evidence = papers.EVIDENCE.index("manual")
    papers.add_mark(record, papers.ISSUED, micros)
    record.evidence = max(record.evidence, evidence)
    papers.add_told(record, evidence, papers.Told(None, entry.number, entry.series))


def _apply_refund(refund: HubRefund, entry: RefundRequested | RefundDone | RefundFailed, micros: int) -> None:
    match entry:
        case RefundRequested():
            refund.asked = Asked(
                micros,
                entry.mode,
                entry.method,
                tuple([Part(part.payment, part.amount_cents, part.told_cents, part.known) for part in entry.parts]),
                tuple([RefundedLine(line.sku, line.quantity, line.back_to_stock) for line in entry.lines]),
                entry.shipping_cents,
                entry.extra_cents,
                entry.fee_cents,
            )
        case RefundDone():
            refunds.end(refund, entry.payment or ALL_PARTS, DONE, micros)
        case RefundFailed():
            refunds.end(refund, entry.payment or ALL_PARTS, FAILED, micros)


def record_key(fact: PaymentFact) -> str:
    """Name the record a payment fact belongs to: provider and payment key.

    Without a key, the best of its references stands in. Without any, money counts as a movement of its own, and all else
    that is said of the method is one record, so that its pending and its failure meet.
    """
    provider = fact.provider.replace("|", "/")
    if fact.payment_key is not None:
        return f"{provider}|{identity(coded(fact.payment_key))}"
    words = {word[:2]: word for word in sorted((coded(reference) for reference in fact.references), reverse=True)}
    for code in STAND_IN_CODES:
        if code in words:
            return f"{provider}|~{identity(words[code])}"
    if fact.kind == "payment.captured":
        return f"{provider}|~ev:{fact.event_id}"
    return f"{provider}|~me:{fact.method or ''}"


def _see(ledger: Ledger, kind: str, stamp: Stamp) -> None:
    known = ledger.seen.get(kind)
    if known is None or (stamp > known if kind in _LATEST else stamp < known):
        ledger.seen[kind] = stamp


def _apply_fiscal(ledger: Ledger, fact: FiscalFact) -> None:
    if fact.kind == "fiscal.unknown":
        _unknown(ledger, fact, (to_micros(fact.occurred_at), fact.event_id))
    else:
        papers.merge_fact(ledger.papers, fact)


def _cancel(ledger: Ledger, cancellation: Cancellation) -> None:
    if ledger.cancellation is None or cancellation < ledger.cancellation:
        ledger.cancellation = cancellation


def _apply_placed(ledger: Ledger, fact: OrderFact, order: PlacedOrder) -> None:
    placement = _placement(fact, order)
    standing = ledger.placement
    if standing is None:
        ledger.placement = placement
    elif placement.content_hash == standing.content_hash:
        if placement.rank < standing.rank:
            ledger.placement = placement
    elif placement.rank < standing.rank:
        _rival(ledger, standing)
        ledger.placement = placement
    else:
        _rival(ledger, placement)
    if ledger.rivals and ledger.placement is not None:
        ledger.rivals.pop(ledger.placement.content_hash, None)


def _rival(ledger: Ledger, placement: Placement) -> None:
    rival = Rival(placement.placed_micros, placement.event_id, placement.total_cents)
    known = ledger.rivals.get(placement.content_hash)
    if known is None or rival < known:
        ledger.rivals[placement.content_hash] = rival


def _placement(fact: OrderFact, order: PlacedOrder) -> Placement:
    rules = fact.rules
    return Placement(
        to_micros(order.placed_at),
        fact.event_id,
        fact.content_hash or _content_hash(order),
        order.total_cents,
        order.shipping.amount_cents,
        order.discount_cents,
        tuple([Line(item.sku, item.quantity, item.unit_price_cents, item.virtual) for item in order.items]),
        tuple([_declared(payment) for payment in order.payments]),
        Rules() if rules is None else _rules(rules),
        order.historical,
    )


def _rules(rules: OrderRules) -> Rules:
    return Rules(*[getattr(rules, name) for name in Rules._fields])


def _content_hash(order: PlacedOrder) -> str:
    return hashlib.sha256(orjson.dumps(order.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _declared(payment: DeclaredPayment) -> Declared:
    words = [coded(reference) for reference in payment.references]
    if payment.reference is not None:
        words.insert(0, f"{BARE}:{payment.reference}")
    return Declared(
        payment.method,
        payment.provider,
        tuple(words),
        payment.amount_cents,
        None if payment.due_at is None else to_micros(payment.due_at),
        None if payment.paid_at is None else to_micros(payment.paid_at),
    )


def _apply_payment(ledger: Ledger, fact: PaymentFact) -> None:
    stamp = (to_micros(fact.occurred_at), fact.event_id)
    if fact.kind == "payment.unknown" or (fact.kind == "payment.captured" and _figure(fact) is None):
        # A capture that names no amount is no money we could count: a person must look, as at an unknown word.
        _unknown(ledger, fact, stamp)
        return
    key = record_key(fact)
    record = ledger.payments.get(key)
    if record is None:
        record = ledger.payments[key] = PaymentRecord(stamp)
    elif stamp < record.first:
        record.first = stamp
    _learn(record, fact, key)
    _MERGES[fact.kind](record, fact, stamp)


def _unknown(ledger: Ledger, fact: PaymentFact | FiscalFact, stamp: Stamp) -> None:
    word = UnknownWord(stamp[0], fact.provider, (fact.raw_word or fact.kind)[:_WORD_LIMIT])
    known = ledger.unknown.get(fact.event_id)
    if known is None or word < known:
        ledger.unknown[fact.event_id] = word


def _figure(fact: PaymentFact) -> int | None:
    for figure in (fact.amount_cents, fact.cumulative_cents, fact.paid_cents):
        if figure is not None:
            return figure
    return None


def _learn(record: PaymentRecord, fact: PaymentFact, key: str) -> None:
    method = fact.method
    if method is not None and method != record.method:
        # Two words for the method of one payment are a source's slip; any rule will do that forgets the order of arrival.
        known = record.method
        if known is None or (method == "other", method) < (known == "other", known):
            record.method = method
    references = fact.references
    if fact.payment_key is not None and fact.payment_key.kind == "nosso_numero":
        references = (*references, fact.payment_key)
    if references:
        words = {coded(reference) for reference in references if reference.kind != "order_number"}
        own = key.partition("|")[2].removeprefix("~")
        if not own.startswith("nn:"):  # The key has lost its left zeros; as a reference it is shown with them.
            words.discard(own)
        if not words.issubset(record.references):
            record.references = tuple(sorted(words.union(record.references)))


def _merge_live(record: PaymentRecord, fact: PaymentFact, stamp: Stamp) -> None:
    if fact.kind == "payment.authorized":
        step = (*stamp, ALL if fact.amount_cents is None else fact.amount_cents)
        if record.authorized is None or step < record.authorized:
            record.authorized = step
    if record.captured:
        return
    _merge_terms(record, fact)
    if record.ended is None:
        record.rank = max(record.rank, _LIVE_RANKS[fact.kind])


def _merge_terms(record: PaymentRecord, fact: PaymentFact) -> None:
    if fact.amount_cents is not None and (record.nominal_cents is None or fact.amount_cents > record.nominal_cents):
        record.nominal_cents = fact.amount_cents
    if fact.due_at is not None:
        due = to_micros(fact.due_at)
        if record.due_micros is None or due > record.due_micros:
            record.due_micros = due


def _merge_end(record: PaymentRecord, fact: PaymentFact, stamp: Stamp) -> None:
    if record.captured:
        return
    _merge_terms(record, fact)
    record.rank = 0
    ended = (*stamp, _ENDS[fact.kind])
    if record.ended is None or ended > record.ended:
        record.ended = ended


def _merge_captured(record: PaymentRecord, fact: PaymentFact, stamp: Stamp) -> None:
    figure = _figure(fact)
    if not figure:
        return
    reach(record.captured, (*stamp, figure))
    record.rank = 0
    record.ended = record.nominal_cents = record.due_micros = None


def _merge_refund(record: PaymentRecord, fact: PaymentFact, stamp: Stamp) -> None:
    rank = _REFUND_RANKS[fact.kind]
    cumulative = fact.cumulative_cents
    if cumulative is not None and rank == DONE and cumulative:
        reach(record.refunded, (*stamp, cumulative))
    if cumulative is not None and rank == PENDING:
        record.refund_pending_cents = max(record.refund_pending_cents, cumulative)
    if fact.refund_id is None and cumulative is not None and rank != FAILED:
        return
    # An id without an amount means the whole payment, unless a cumulative figure beside it says how much in all.
    unnamed = ALL if cumulative is None else 0
    amount = unnamed if fact.amount_cents is None else fact.amount_cents
    key = fact.refund_id or fact.event_id
    refund = record.refunds.get(key)
    if refund is None:
        record.refunds[key] = Refund(rank, amount, stamp)
        return
    refund.amount_cents = max(refund.amount_cents, amount)
    if (rank, refund.stamp) > (refund.rank, stamp):
        refund.rank, refund.stamp = rank, stamp


def _merge_dispute(record: PaymentRecord, fact: PaymentFact, stamp: Stamp) -> None:
    dispute = record.disputes.get(fact.dispute_id or "")
    if dispute is None:
        dispute = record.disputes[fact.dispute_id or ""] = Dispute()
    outcome = _OUTCOMES.get(fact.kind)
    unnamed = ALL if fact.cumulative_cents is None else 0
    amount = unnamed if fact.amount_cents is None else fact.amount_cents
    if outcome is None:
        dispute.opened = stamp if dispute.opened is None else min(dispute.opened, stamp)
    else:
        ended = (*stamp, outcome)
        dispute.outcome = ended if dispute.outcome is None else max(dispute.outcome, ended)
    if outcome in ("lost", "reversed") or (outcome is None and fact.funds_withdrawn):
        dispute.withdrawn = stamp if dispute.withdrawn is None else min(dispute.withdrawn, stamp)
        dispute.withdrawn_cents = max(dispute.withdrawn_cents, amount)
        if fact.cumulative_cents:
            reach(record.charged_back, (*stamp, fact.cumulative_cents))
    else:
        dispute.disputed_cents = max(dispute.disputed_cents, amount)


_MERGES: Final[Mapping[str, Callable[[PaymentRecord, PaymentFact, Stamp], None]]] = {
    **dict.fromkeys(_LIVE_RANKS, _merge_live),
    **dict.fromkeys(_ENDS, _merge_end),
    **dict.fromkeys(_REFUND_RANKS, _merge_refund),
    **dict.fromkeys((*_OUTCOMES, "payment.chargeback_opened"), _merge_dispute),
    "payment.captured": _merge_captured,
}
