"""What is known of one order: facts merged by key into records, and their canonical JSON.

Every merge is commutative, associative and idempotent (a maximum, a minimum, a union), so that neither repeats nor the
order of arrival show. Nothing computed is stored: state, sums and exceptions come from `hub.domain.view`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from hub.domain import papers, parcels, refunds
from hub.domain.instants import Stamp, from_micros, to_micros
from hub.domain.papers import PaperRecord
from hub.domain.parcels import ParcelRecord
from hub.domain.refunds import HubRefund
from hub.errors import VersionUnsupported
from schemas.base import PaymentMethod

__all__ = [
    "ALL", "FOLD_VERSION", "Cancellation", "Declared", "Dispute", "Hold", "Ledger", "Line", "ManualAttempt", "ManualMoney",
    "PaymentRecord", "Placement", "Refund", "Rival", "Rules", "Stamp", "StatusLabel", "Step", "UnknownWord", "dump", "from_micros", "load",
    "reach", "to_micros",
]  # fmt: skip

FOLD_VERSION: Final = 1
"""Version of the fold; a log row of an older one is folded anew by `hub db refold`."""

ALL: Final = -1
"""In place of an amount: the source named none, so all that was captured under the key is meant."""

Step = tuple[int, str, int]
"""A stamp and the figure that was reached then."""


def reach(steps: list[Step], step: Step) -> None:
    """Add a reported figure to a rising series: only figures above all earlier ones (by stamp) are kept, whatever came in first."""
    micros, event_id, amount = step
    for known in steps:
        if known[2] >= amount and (known[0], known[1]) <= (micros, event_id):
            return
    steps[:] = [known for known in steps if known[2] > amount or (known[0], known[1]) < (micros, event_id)]
    steps.append(step)
    steps.sort()


class Rules(NamedTuple):
    """schemas.orders.OrderRules as the ledger keeps it; new rules are added at the end, with a default."""

    amount_tolerance_cents: int = 0
    close_on_full_refund: bool = True
    expire_boleto_grace_days: int = 3
    expire_pix_grace_s: int = 3_600
    expire_other_s: int = 864_000
    expire_settle_s: int = 900
    cancel_refused_after_s: int | None = 86_400
    void_on_cancel: bool = True
    hold_on_value_mismatch: str = "above"
    require_nf_before_shipping: bool = False
    fiscal_tolerance_cents: int = 5
    homologation: bool = False


class Line(NamedTuple):
    """One line of the order; its name is in order_items."""

    sku: str
    quantity: int
    unit_price_cents: int
    virtual: bool


class Declared(NamedTuple):
    """A payment the shop has begun. References are coded words, see hub.domain.references."""

    method: PaymentMethod
    provider: str
    references: tuple[str, ...]
    amount_cents: int | None
    due_micros: int | None
    paid_micros: int | None


@dataclass(slots=True)
class Placement:
    """The order as placed: the one that stands."""

    placed_micros: int
    event_id: str
    content_hash: str
    total_cents: int
    shipping_cents: int
    discount_cents: int
    lines: tuple[Line, ...]
    payments: tuple[Declared, ...]
    rules: Rules
    historical: bool

    @property
    def rank(self) -> tuple[int, str, str, str]:
        """The lowest stands, whatever came in first. The rules only part a repeat that came after the shop changed them."""
        return self.placed_micros, self.event_id, self.content_hash, str(self.rules)


class Rival(NamedTuple):
    """A placement of the same number with other content, which does not stand."""

    placed_micros: int
    event_id: str
    total_cents: int


class Cancellation(NamedTuple):
    """Why the order is canceled; the earliest one counts. `by` is the inbound key, or the command's name."""

    micros: int
    event_id: str
    reason: str
    by: str


@dataclass(slots=True)
class Refund:
    """One refund with an id of its own. Rank 0 pending, 1 failed, 2 done; the stamp is the earliest of the highest rank."""

    rank: int
    amount_cents: int
    stamp: Stamp


@dataclass(slots=True)
class Dispute:
    """One chargeback or reversal. Open until it has an outcome; `withdrawn` says that the money left, and how much."""

    disputed_cents: int = ALL
    withdrawn_cents: int = ALL
    opened: Stamp | None = None
    withdrawn: Stamp | None = None
    outcome: tuple[int, str, str] | None = None


@dataclass(slots=True)
class PaymentRecord:
    """All that one source says under one payment key.

    What a later rank makes irrelevant is dropped (a failure once captured, a pending once failed), so that such a stale fact
    leaves the ledger as it is.
    """

    first: Stamp
    method: PaymentMethod | None = None
    references: tuple[str, ...] = ()
    rank: int = 0
    ended: tuple[int, str, str] | None = None
    captured: list[Step] = field(default_factory=list)
    nominal_cents: int | None = None
    due_micros: int | None = None
    authorized: Step | None = None
    refunds: dict[str, Refund] = field(default_factory=dict)
    refunded: list[Step] = field(default_factory=list)
    refund_pending_cents: int = 0
    disputes: dict[str, Dispute] = field(default_factory=dict)
    charged_back: list[Step] = field(default_factory=list)


class ManualAttempt(NamedTuple):
    """An attempt begun by a command; `known` are the records there were then."""

    micros: int
    method: PaymentMethod
    known: tuple[str, ...]


class ManualMoney(NamedTuple):
    """A capture by command; `on_top_of_cents` is what other sources had told of the attempt by then.

    One by review is only as good as the provider's word: it goes when the payment fails after all.
    """

    micros: int
    attempt: str
    method: PaymentMethod
    amount_cents: int
    on_top_of_cents: int
    by_review: bool = False


class UnknownWord(NamedTuple):
    """A payment or fiscal fact whose word nobody knows; it moves nothing."""

    micros: int
    provider: str
    word: str


class Hold(NamedTuple):
    """One order.hold. Released once a release has named it: two of one reason are two."""

    micros: int
    reason: str
    released_micros: int = 0


class StatusLabel(NamedTuple):
    """A status that a person chose, and where the order stood then: it is shown for as long as that is so."""

    ordinal: int
    micros: int
    status: str
    base_state: str
    fulfilment_state: str
    fiscal_state: str


@dataclass(slots=True)
class Ledger:
    """Everything known of one order. Mutable while one transaction owns it."""

    number: str
    placement: Placement | None = None
    rivals: dict[str, Rival] = field(default_factory=dict)
    cancellation: Cancellation | None = None
    child: str | None = None
    payments: dict[str, PaymentRecord] = field(default_factory=dict)
    manual_attempts: dict[str, ManualAttempt] = field(default_factory=dict)
    manual_captures: dict[str, ManualMoney] = field(default_factory=dict)
    unknown: dict[str, UnknownWord] = field(default_factory=dict)
    mapped: set[str] = field(default_factory=set)
    seen: dict[str, Stamp] = field(default_factory=dict)
    parcels: dict[str, ParcelRecord] = field(default_factory=dict)
    papers: dict[str, PaperRecord] = field(default_factory=dict)
    refunds: dict[str, HubRefund] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    labels: dict[str, StatusLabel] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)

    @classmethod
    def empty(cls, number: str) -> "Ledger":
        """Begin the ledger of an order of which nothing is known."""
        return cls(number)


def dump(ledger: Ledger) -> str:
    """Write a ledger as canonical JSON: sorted keys, no blanks, nothing that is empty. Its size is the throughput (architecture D2)."""
    document: dict[str, Any] = {"n": ledger.number, "v": FOLD_VERSION}
    placement = ledger.placement
    if placement is not None:
        document["o"] = _placement_out(placement)
    if ledger.payments:
        document["p"] = {key: _record_out(record) for key, record in ledger.payments.items()}
    if ledger.rivals:
        document["d"] = _tuples(ledger.rivals)
    if ledger.cancellation is not None:
        document["c"] = tuple(ledger.cancellation)
    if ledger.child is not None:
        document["e"] = ledger.child
    if ledger.manual_attempts:
        document["a"] = _tuples(ledger.manual_attempts)
    if ledger.manual_captures:
        document["m"] = _tuples(ledger.manual_captures)
    if ledger.unknown:
        document["u"] = _tuples(ledger.unknown)
    if ledger.mapped:
        document["x"] = sorted(ledger.mapped)
    if ledger.seen:
        document["s"] = ledger.seen
    if ledger.parcels:
        document["b"] = {key: parcels.record_out(parcel) for key, parcel in ledger.parcels.items()}
    if ledger.papers:
        document["f"] = {key: papers.record_out(paper) for key, paper in ledger.papers.items()}
    if ledger.refunds:
        document["r"] = {key: refunds.refund_out(refund) for key, refund in ledger.refunds.items()}
    if ledger.holds:
        document["h"] = _tuples(ledger.holds)
    if ledger.labels:
        document["l"] = _tuples(ledger.labels)
    if ledger.acknowledged:
        document["k"] = sorted(ledger.acknowledged)
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


def load(text: str) -> Ledger:
    """Read a ledger that `dump` wrote. Raises: hub.errors.VersionUnsupported when a newer program wrote it."""
    document: dict[str, Any] = orjson.loads(text)
    if document["v"] > FOLD_VERSION:
        raise VersionUnsupported(f"order {document['n']} was folded by version {document['v']}, this program knows {FOLD_VERSION}")
    ledger = Ledger(document["n"])
    for name, value in document.items():
        match name:
            case "o":
                ledger.placement = _placement_in(value)
            case "p":
                ledger.payments = {key: _record_in(record) for key, record in value.items()}
            case "d":
                ledger.rivals = {key: Rival(*rival) for key, rival in value.items()}
            case "c":
                ledger.cancellation = Cancellation(*value)
            case "e":
                ledger.child = value
            case "a":
                ledger.manual_attempts = {
                    key: ManualAttempt(micros, method, tuple(known)) for key, (micros, method, known) in value.items()
                }
            case "m":
                ledger.manual_captures = {key: ManualMoney(*money) for key, money in value.items()}
            case "u":
                ledger.unknown = {key: UnknownWord(*word) for key, word in value.items()}
            case "x":
                ledger.mapped = set(value)
            case "s":
                ledger.seen = {key: (stamp[0], stamp[1]) for key, stamp in value.items()}
            case "b":
                ledger.parcels = {key: parcels.record_in(parcel) for key, parcel in value.items()}
            case "f":
                ledger.papers = {key: papers.record_in(paper) for key, paper in value.items()}
            case "r":
                ledger.refunds = {key: refunds.refund_in(refund) for key, refund in value.items()}
            case "h":
                ledger.holds = {key: Hold(*hold) for key, hold in value.items()}
            case "l":
                ledger.labels = {key: StatusLabel(*label) for key, label in value.items()}
            case "k":
                ledger.acknowledged = set(value)
    return ledger


def _tuples(records: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    # orjson refuses named tuples, lest they be mistaken for lists; here a list is what is wanted.
    return {key: tuple(record) for key, record in records.items()}


def _placement_out(placement: Placement) -> dict[str, Any]:
    document: dict[str, Any] = {
        "at": placement.placed_micros,
        "e": placement.event_id,
        "h": placement.content_hash,
        "i": [tuple(line) if line[3] else line[:3] for line in placement.lines],
        "r": tuple(placement.rules),
        "t": placement.total_cents,
    }
    if placement.shipping_cents:
        document["s"] = placement.shipping_cents
    if placement.discount_cents:
        document["d"] = placement.discount_cents
    if placement.payments:
        document["p"] = [tuple(payment) for payment in placement.payments]
    if placement.historical:
        document["x"] = 1
    return document


def _placement_in(document: dict[str, Any]) -> Placement:
    return Placement(
        document["at"],
        document["e"],
        document["h"],
        document["t"],
        document.get("s", 0),
        document.get("d", 0),
        tuple([Line(line[0], line[1], line[2], len(line) > 3) for line in document["i"]]),
        tuple([Declared(method, provider, tuple(refs), *rest) for method, provider, refs, *rest in document.get("p", ())]),
        Rules(*document["r"]),
        "x" in document,
    )


def _record_out(record: PaymentRecord) -> dict[str, Any]:
    document: dict[str, Any] = {"f": record.first}
    if record.method is not None:
        document["m"] = record.method
    if record.references:
        document["r"] = record.references
    if record.captured:
        document["c"] = record.captured
    if record.rank:
        document["k"] = record.rank
    if record.ended is not None:
        document["t"] = record.ended
    if record.nominal_cents is not None:
        document["a"] = record.nominal_cents
    if record.due_micros is not None:
        document["d"] = record.due_micros
    if record.authorized is not None:
        document["z"] = record.authorized
    if record.refunds:
        document["R"] = {key: (refund.rank, refund.amount_cents, *refund.stamp) for key, refund in record.refunds.items()}
    if record.refunded:
        document["C"] = record.refunded
    if record.refund_pending_cents:
        document["P"] = record.refund_pending_cents
    if record.disputes:
        document["D"] = {
            key: (dispute.disputed_cents, dispute.withdrawn_cents, dispute.opened, dispute.withdrawn, dispute.outcome)
            for key, dispute in record.disputes.items()
        }
    if record.charged_back:
        document["B"] = record.charged_back
    return document


def _record_in(document: dict[str, Any]) -> PaymentRecord:
    record = PaymentRecord((document["f"][0], document["f"][1]))
    for name, value in document.items():
        match name:
            case "m":
                record.method = value
            case "r":
                record.references = tuple(value)
            case "c":
                record.captured = _steps(value)
            case "k":
                record.rank = value
            case "t":
                record.ended = (value[0], value[1], value[2])
            case "a":
                record.nominal_cents = value
            case "d":
                record.due_micros = value
            case "z":
                record.authorized = (value[0], value[1], value[2])
            case "R":
                record.refunds = {key: Refund(rank, amount, (micros, event)) for key, (rank, amount, micros, event) in value.items()}
            case "C":
                record.refunded = _steps(value)
            case "P":
                record.refund_pending_cents = value
            case "D":
                record.disputes = {key: _dispute(*parts) for key, parts in value.items()}
            case "B":
                record.charged_back = _steps(value)
    return record


def _steps(value: list[list[Any]]) -> list[Step]:
    return [(step[0], step[1], step[2]) for step in value]


def _dispute(
    disputed: int, withdrawn_cents: int, opened: list[Any] | None, withdrawn: list[Any] | None, outcome: list[Any] | None
) -> Dispute:
    return Dispute(
        disputed,
        withdrawn_cents,
        None if opened is None else (opened[0], opened[1]),
        None if withdrawn is None else (withdrawn[0], withdrawn[1]),
        None if outcome is None else (outcome[0], outcome[1], outcome[2]),
    )
