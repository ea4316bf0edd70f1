"""Refunds begun at the hub, in the ledger: what was asked for, and what became of each part."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

PENDING, FAILED, DONE = 0, 1, 2
"""Ranks of a refund: what is done is done, whatever was said to have failed."""

ALL_PARTS: Final = ""
"""In place of a payment: the word holds for every part."""


class Part(NamedTuple):
    """So much goes back on one payment; on top of `told_cents`, and none of the `known` refunds of its sources."""

    payment: str
    amount_cents: int
    told_cents: int = 0
    known: tuple[str, ...] = ()


class RefundedLine(NamedTuple):
    """So many units of one item are given back."""

    sku: str
    quantity: int
    back_to_stock: bool


class Asked(NamedTuple):
    """What was asked for. The parts add up to the lines + shipping + extra - fee."""

    micros: int
    mode: str
    method: str | None
    parts: tuple[Part, ...]
    lines: tuple[RefundedLine, ...] = ()
    shipping_cents: int = 0
    extra_cents: int = 0
    fee_cents: int = 0


@dataclass(slots=True)
class HubRefund:
    """One refund document. Outcomes by payment: (rank, micros), the earliest of the highest rank."""

    asked: Asked | None = None
    outcomes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def outcome(self, payment: str) -> tuple[int, int] | None:
        """Return what became of one part; None = not known yet."""
        known = [self.outcomes[name] for name in (payment, ALL_PARTS) if name in self.outcomes]
        return max(known, key=lambda outcome: (outcome[0], -outcome[1]), default=None)

    @property
    def state(self) -> str:
        """Done when all parts are; failed when none can become so any more."""
        ranks = [PENDING if (outcome := self.outcome(part.payment)) is None else outcome[0] for part in self.parts]
        if PENDING in ranks or not ranks:
            return "pending"
        return "failed" if FAILED in ranks else "done"

    @property
    def parts(self) -> Sequence[Part]:
        """Return the parts; none before the request itself is known."""
        return () if self.asked is None else self.asked.parts

    @property
    def done_micros(self) -> int | None:
        """Return when the last part was done; None unless all are."""
        if self.state != "done":
            return None
        return max(outcome[1] for part in self.parts if (outcome := self.outcome(part.payment)) is not None)


def end(refund: HubRefund, payment: str, rank: int, micros: int) -> None:
    """Merge an outcome."""
    known = refund.outcomes.get(payment)
    if known is None or (rank, -micros) > (known[0], -known[1]):
        refund.outcomes[payment] = (rank, micros)


def _part_out(part: Part) -> tuple[Any, ...]:
    return tuple(part) if part.known else part[: 3 if part.told_cents else 2]


def refund_out(refund: HubRefund) -> dict[str, Any]:
    """Write a refund for the ledger's JSON."""
    document: dict[str, Any] = {}
    if refund.asked is not None:
        asked = refund.asked
        document["a"] = [*asked[:3], [_part_out(part) for part in asked.parts], [tuple(line) for line in asked.lines], *asked[5:]]
    if refund.outcomes:
        document["o"] = refund.outcomes
    return document


def refund_in(document: dict[str, Any]) -> HubRefund:
    """Read a refund that `refund_out` wrote."""
    asked: Asked | None = None
    if "a" in document:
        micros, mode, method, parts, lines, *amounts = document["a"]
        asked = Asked(
            micros,
            mode,
            method,
            tuple([Part(part[0], part[1], *part[2:3], *map(tuple, part[3:])) for part in parts]),
            tuple([RefundedLine(sku, quantity, bool(back)) for sku, quantity, back in lines]),
            *amounts,
        )
    return HubRefund(asked, {payment: (rank, micros) for payment, (rank, micros) in document.get("o", {}).items()})
