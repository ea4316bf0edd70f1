"""The point where an order closed because all its money had gone, and money that came after it (order-lifecycle 3.2 rule 5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub.domain.attempts import SHOP, Attempt, captured_of, charged_back_of, refunded_of
from hub.domain.ledger import Stamp
from hub.domain.sums import Sums


@dataclass(frozen=True, slots=True)
class Reopening:
    """When the order closed, and the attempts on which money came later."""

    closed_micros: int
    attempts: tuple[str, ...]


def reopening_of(attempts: Sequence[Attempt], sums: Sums) -> Reopening | None:
    """Replay the money in the order of its stamps; None when nothing came after the order had closed.

    The replay uses what is known today: a dispute that was won never closed anything.
    """
    stamps = sorted(set(_stamps(attempts)))
    closed: Stamp | None = None
    at_closing: dict[str, int] = {}
    for stamp in stamps:
        captured = {attempt.id: _captured(attempt, stamp) for attempt in attempts}
        if closed is None:
            gone = [_gone(attempt, stamp) for attempt in attempts]
            then = replace(
                sums,
                captured_cents=sum(captured.values()),
                refunded_cents=sum(refunded for refunded, _ in gone),
                charged_back_cents=sum(charged_back for _, charged_back in gone),
            )
            if then.closed:
                closed, at_closing = stamp, captured
        elif later := tuple(name for name, amount in captured.items() if amount > at_closing[name]):
            return Reopening(closed[0], later)
    return None


def _stamps(attempts: Sequence[Attempt]) -> list[Stamp]:
    stamps: list[Stamp] = []
    for attempt in attempts:
        stamps.extend((money.micros, money.key) for money in attempt.manual)
        if attempt.shop is not None:
            stamps.append((attempt.shop.micros, attempt.shop.key))
        for _, record in attempt.records:
            for steps in (record.captured, record.refunded, record.charged_back):
                stamps.extend((micros, event_id) for micros, event_id, _ in steps)
            stamps.extend(refund.stamp for refund in record.refunds.values())
            stamps.extend(dispute.withdrawn for dispute in record.disputes.values() if dispute.withdrawn is not None)
    return stamps


def _captured(attempt: Attempt, until: Stamp) -> int:
    told: dict[str, int] = {}
    if attempt.shop is not None and (attempt.shop.micros, attempt.shop.key) <= until:
        told[SHOP] = attempt.shop.amount_cents
    for key, record in attempt.records:
        source = key.partition("|")[0]
        told[source] = told.get(source, 0) + captured_of(record, until)
    by_others = max(told.values(), default=0)
    by_hand = [money for money in attempt.manual if (money.micros, money.key) <= until]
    beneath = min(by_others, sum(money.on_top_of_cents for money in by_hand))
    return max(by_others, beneath + sum(money.amount_cents for money in by_hand))


def _gone(attempt: Attempt, until: Stamp) -> tuple[int, int]:
    refunded: dict[str, int] = {}
    charged_back: dict[str, int] = {}
    for key, record in attempt.records:
        source = key.partition("|")[0]
        refunded[source] = refunded.get(source, 0) + refunded_of(record, until)
        charged_back[source] = charged_back.get(source, 0) + charged_back_of(record, until)
    return max(refunded.values(), default=0), max(charged_back.values(), default=0)
