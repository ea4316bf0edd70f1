"""The point where an order closed, its money or its units all gone, and money that came later (order-lifecycle 3.2 rule 5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.domain.attempts import SHOP, Attempt, captured_of, charged_back_of, refunded_on
from hub.domain.ledger import Stamp
from hub.domain.sums import Sums


@dataclass(frozen=True, slots=True)
class Reopening:
    """When the order closed, and the attempts on which money came later."""

    closed_micros: int
    attempts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closing:
    """Since when the order has been closed without a break; None = it is not. `reopening`: money that came after it first closed."""

    since_micros: int | None = None
    reopening: Reopening | None = None


NEVER_CLOSED = Closing()


def closing_of(attempts: Sequence[Attempt], sums: Sums, units_gone: Callable[[Stamp], bool]) -> Closing:
    """Replay the money in the order of its stamps.

    The replay uses what is known today: a dispute that was won never closed anything.
    """
    first: Stamp | None = None
    since: Stamp | None = None
    later: tuple[str, ...] = ()
    at_closing: dict[str, int] = {}
    for stamp in sorted(set(_stamps(attempts))):
        captured = {attempt.id: _captured(attempt, stamp) for attempt in attempts}
        then = sums._replace(
            captured_cents=sum(captured.values()),
            refunded_cents=sum(refunded_on(attempt, stamp) for attempt in attempts),
            charged_back_cents=sum(_charged_back(attempt, stamp) for attempt in attempts),
            units_gone=units_gone(stamp),
        )
        if not then.closed:
            since = None
        elif since is None:
            since = stamp
        if first is None:
            if since is not None:
                first, at_closing = stamp, captured
        elif not later:
            later = tuple(name for name, amount in captured.items() if amount > at_closing[name])
    reopening = Reopening(first[0], later) if first is not None and later else None
    return Closing(None if since is None else since[0], reopening)


def _stamps(attempts: Sequence[Attempt]) -> list[Stamp]:
    stamps: list[Stamp] = []
    for attempt in attempts:
        stamps.extend((money.micros, money.key) for money in attempt.manual)
        stamps.extend(part.stamp for part in attempt.parts)
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
    by_hand = [money for money in attempt.manual if (money.micros, money.key) <= until and not (money.by_review and attempt.contradicted)]
    beneath = min(by_others, sum(money.on_top_of_cents for money in by_hand))
    return max(by_others, beneath + sum(money.amount_cents for money in by_hand))


def _charged_back(attempt: Attempt, until: Stamp) -> int:
    charged_back: dict[str, int] = {}
    for key, record in attempt.records:
        source = key.partition("|")[0]
        charged_back[source] = charged_back.get(source, 0) + charged_back_of(record, until)
    return max(charged_back.values(), default=0)
