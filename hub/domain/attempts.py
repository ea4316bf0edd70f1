"""Payment attempts: which payment key belongs to which attempt, and what came and went on each.

Computed anew from the whole ledger each time, keys in the order of their first facts, so that nothing depends on arrival.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from hub.domain.ledger import ALL, Dispute, Ledger, PaymentRecord, Placement, Stamp
from hub.domain.references import KEY_CODES, declared_forms, identity, own_id, reported_forms
from hub.domain.refunds import DONE, FAILED, PENDING
from schemas.base import PaymentMethod

MANUAL: Final = "manual"
"""The source of captures by command, and the provider of attempts begun by command."""

SHOP: Final = "shop"
"""The source of what the shop captured itself (payments[].paid_at)."""

DEFERRED_METHODS: Final = frozenset({"pix", "boleto", "transfer", "wallet"})
"""Methods by which the customer pays later, or elsewhere: an order that waits for one is pending_payment."""

_RANKS: Final = ("created", "pending", "in_review", "authorized")

_TOTAL: Final = ""
"""In place of a refund's id: it is told of by a total only."""

_OTHER_MEANS: Final = frozenset({"deposit", "transfer", "cash", "other"})
"""Means of a refund by hand that no provider will ever tell of."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One figure that counts towards captured."""

    key: str
    source: str
    amount_cents: int
    micros: int
    on_top_of_cents: int = 0
    by_review: bool = False


@dataclass(slots=True)
class HubPart:
    """What a refund of the hub gives back on one attempt. `told`: the provider has told of it, as `told_as`, an id of its own.

    `under_way_as`: the provider's id while it is on its way, or after it failed.
    """

    refund: str
    amount_cents: int
    rank: int
    micros: int
    other_means: bool
    told_cents: int = 0
    known: tuple[str, ...] = ()
    told_as: str | None = None
    under_way_as: str | None = None

    @property
    def told(self) -> bool:
        """Whether the provider has told of it."""
        return self.told_as is not None

    @property
    def stamp(self) -> Stamp:
        """When it was done, or asked for."""
        return self.micros, self.refund


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt while the view is computed."""

    id: str
    method: PaymentMethod
    provider: str
    amount_cents: int | None = None
    due_micros: int | None = None
    references: list[str] = field(default_factory=list)
    records: list[tuple[str, PaymentRecord]] = field(default_factory=list)
    keyed: bool = False
    by_command: bool = False
    known: tuple[str, ...] = ()
    manual: list[Capture] = field(default_factory=list)
    shop: Capture | None = None
    parts: list[HubPart] = field(default_factory=list)
    contradicted: bool = False
    captured_cents: int = 0
    refunded_cents: int = 0
    charged_back_cents: int = 0
    refund_pending_cents: int = 0
    told_back_cents: int = 0
    known_refunds: tuple[str, ...] = ()
    captures: Sequence[Capture] = ()
    rank: int = 0
    state: str = "created"

    @property
    def live(self) -> bool:
        """Money may still come without anything new being begun."""
        return self.captured_cents == 0 and self.state in _RANKS

    @property
    def net_cents(self) -> int:
        """What is left of the captured money; below zero when a source says more went than came."""
        return self.captured_cents - self.refunded_cents - self.charged_back_cents


def attempts_of(ledger: Ledger) -> list[Attempt]:
    """Compute the attempts: declared ones first (p1, p2 ...), then those begun by command, then those providers brought."""
    attempts: list[Attempt] = []
    placement = ledger.placement
    if placement is not None:
        attempts.extend(_declared(placement))
    declared = len(attempts)
    for attempt_id, begun in sorted(ledger.manual_attempts.items(), key=lambda item: (item[1].micros, item[0])):
        attempts.append(Attempt(attempt_id, begun.method, MANUAL, by_command=True, known=begun.known))
    if ledger.payments:
        _assign(ledger, attempts, declared)
    if ledger.manual_captures:
        _add_manual(ledger, attempts)
    if ledger.refunds:
        _add_refunds(ledger, attempts)
    for attempt in attempts:
        if attempt.records or attempt.manual or attempt.parts or attempt.shop is not None:
            _sum(attempt)
    return attempts


def _declared(placement: Placement) -> Iterator[Attempt]:
    payments = placement.payments
    unnamed = [payment for payment in payments if payment.amount_cents is None]
    # A single payment without an amount pays what the others leave.
    rest = max(0, placement.total_cents - sum(payment.amount_cents or 0 for payment in payments)) if len(unnamed) == 1 else None
    for number, payment in enumerate(payments, 1):
        amount = rest if payment.amount_cents is None else payment.amount_cents
        attempt = Attempt(f"p{number}", payment.method, payment.provider, amount, payment.due_micros, list(payment.references))
        if payment.paid_micros is not None and amount:
            attempt.shop = Capture(f"{SHOP}:p{number}", SHOP, amount, payment.paid_micros)
        yield attempt


def _assign(ledger: Ledger, attempts: list[Attempt], declared: int) -> None:
    index: dict[str, list[Attempt]] = {}
    for begun in attempts[:declared]:
        for word in begun.references:
            for form in declared_forms(word):
                index.setdefault(form, []).append(begun)
    records = list(ledger.payments.items())
    if len(records) > 1:
        # Keys before their stand-ins: a pending without a key must not take the attempt from the payment it speaks of.
        records.sort(key=lambda item: (item[0].partition("|")[2].startswith("~"), item[1].first, item[0]))
    holders: dict[str, Attempt] = {}
    for key, record in records:
        provider, _, word = key.partition("|")
        stand_in = word.startswith("~")
        word = word.removeprefix("~")
        words = (word, *record.references)
        attempt = (
            _holder(holders, provider, words) or _by_reference(index, provider, record, words) or _only_one(attempts, key, record, declared)
        )
        if attempt is None:
            attempt = Attempt(own_id(provider, word), record.method or "other", provider, figure(record))
            attempts.append(attempt)
        elif attempt.by_command and attempt.provider == MANUAL:
            attempt.provider = provider
        if attempt.method == "other" and record.method is not None:
            attempt.method = record.method
        attempt.records.append((key, record))
        attempt.keyed = attempt.keyed or not stand_in
        holders[f"{provider}|{word}"] = attempt


def figure(record: PaymentRecord) -> int | None:
    """Return the amount by which a payment is told from its neighbours."""
    return record.captured[-1][2] if record.captured else record.nominal_cents


def _holder(holders: dict[str, Attempt], provider: str, words: Sequence[str]) -> Attempt | None:
    """Find rule 1: the attempt that holds a payment key which this record names too."""
    if holders:
        for word in words:
            if word[:2] in KEY_CODES and (attempt := holders.get(f"{provider}|{identity(word)}")) is not None:
                return attempt
    return None


def _by_reference(index: dict[str, list[Attempt]], provider: str, record: PaymentRecord, words: Sequence[str]) -> Attempt | None:
    """Find rule 2: the attempt that declared one of the references. Declared for several, as two cards of one gateway order are:
    one of this provider and method that has no key yet, of equal amount, else the first."""
    found: list[Attempt] = []
    for word in words:
        for form in reported_forms(word):
            for attempt in index.get(form, ()):
                if attempt not in found:
                    found.append(attempt)
    if len(found) < 2:
        return found[0] if found else None
    amount = figure(record)
    return min(
        found,
        key=lambda attempt: (
            attempt.provider != provider,
            not _fits(attempt.method, record.method),
            attempt.keyed,
            amount is None or attempt.amount_cents != amount,
            len(attempt.id),
            attempt.id,
        ),
    )


def _only_one(attempts: Sequence[Attempt], key: str, record: PaymentRecord, declared: int) -> Attempt | None:
    """Find rule 3: the only attempt of that provider and method without a key yet, else the one of equal amount, else the first.

    An attempt begun by command has no provider; it takes the first payment of its method that was not known when a person
    said that the money had come: that payment confirms it. Times cannot tell, money is told of after it has come.
    A stand-in does not claim an attempt for itself, so it may join one that has a key.
    """
    provider, _, word = key.partition("|")
    stand_in = word.startswith("~")
    among = attempts if stand_in else attempts[:declared]
    free = [
        attempt
        for attempt in among
        if attempt.provider == provider and _fits(attempt.method, record.method) and (stand_in or not attempt.keyed)
    ] or [
        attempt
        for attempt in attempts
        if attempt.by_command and attempt.method == record.method and not attempt.keyed and key not in attempt.known
    ]
    if len(free) < 2:
        return free[0] if free else None
    amount = figure(record)
    return next((attempt for attempt in free if amount is not None and attempt.amount_cents == amount), free[0])


def _fits(declared: str, reported: str | None) -> bool:
    return reported is None or declared in (reported, "other")


def _add_manual(ledger: Ledger, attempts: list[Attempt]) -> None:
    by_id = {attempt.id: attempt for attempt in attempts}
    for command_id, money in sorted(ledger.manual_captures.items(), key=lambda item: (item[1].micros, item[0])):
        attempt = by_id.get(money.attempt) or _holding(attempts, money.attempt)
        if attempt is None:
            # The attempt was one of a placement that no longer stands; the money stays.
            attempt = by_id[money.attempt] = Attempt(money.attempt, money.method, MANUAL, by_command=True)
            attempts.append(attempt)
        attempt.manual.append(
            Capture(f"{MANUAL}:{command_id}", MANUAL, money.amount_cents, money.micros, money.on_top_of_cents, money.by_review)
        )
        if attempt.by_command:
            attempt.amount_cents = (attempt.amount_cents or 0) + money.amount_cents


def _add_refunds(ledger: Ledger, attempts: list[Attempt]) -> None:
    """Give the parts of the hub's refunds to their attempts."""
    by_id = {attempt.id: attempt for attempt in attempts}
    for refund_id, refund in sorted(ledger.refunds.items()):
        asked = refund.asked
        if asked is None:
            continue
        for part in asked.parts:
            attempt = by_id.get(part.payment) or _holding(attempts, part.payment)
            if attempt is None:
                attempt = by_id[part.payment] = Attempt(part.payment, "other", MANUAL, by_command=True)
                attempts.append(attempt)
            rank, micros = refund.outcome(part.payment) or (PENDING, asked.micros)
            other = asked.method in _OTHER_MEANS or (asked.method == "pix" and attempt.method != "pix")
            attempt.parts.append(HubPart(refund_id, part.amount_cents, rank, micros, other, part.told_cents, part.known))


def _holding(attempts: Sequence[Attempt], attempt_id: str) -> Attempt | None:
    """Find the attempt that now holds the payment under which an attempt of its own once stood."""
    for attempt in attempts:
        for key, _ in attempt.records:
            provider, _, word = key.partition("|")
            if attempt_id == own_id(provider, word.removeprefix("~")):
                return attempt
    return None


def _sum(attempt: Attempt) -> None:
    """Add up per source and take the largest: two sources that tell of one payment count once (rules.md, Payments)."""
    captures: dict[str, list[Capture]] = {}
    pending: dict[str, int] = {}
    charged_back: dict[str, int] = {}
    given_back = bool(attempt.parts)
    for key, record in attempt.records:
        source = key.partition("|")[0]
        if record.captured:
            step = record.captured[-1]
            captures.setdefault(source, []).append(Capture(key, source, step[2], step[0]))
        if record.refunds or record.refunded or record.disputes or record.refund_pending_cents:
            given_back = True
            pending[source] = pending.get(source, 0) + refund_pending_of(record)
            charged_back[source] = charged_back.get(source, 0) + charged_back_of(record)
    by_hand = attempt.manual
    if by_hand and any(money.by_review for money in by_hand) and not captures and _ended(attempt):
        # The provider has the last word on a payment that was only let pass.
        attempt.contradicted = True
        by_hand = [money for money in by_hand if not money.by_review]
    if by_hand:
        captures.setdefault(MANUAL, []).extend(by_hand)
    if attempt.shop is not None:
        captures.setdefault(SHOP, []).append(attempt.shop)
    for source in sorted(captures, key=lambda name: (name == MANUAL, name)):
        total = sum(capture.amount_cents for capture in captures[source])
        if source == MANUAL and (beneath := sum(capture.on_top_of_cents for capture in captures[source])):
            # By now captured is what the other sources tell.
            total += min(beneath, attempt.captured_cents)
            captures[source] = [*attempt.captures, *captures[source]]
        if total > attempt.captured_cents:
            attempt.captured_cents = total
            attempt.captures = captures[source]
    if given_back:
        _note_ways(attempt)
        attempt.refunded_cents = refunded_on(attempt)
        attempt.told_back_cents = attempt.refunded_cents - _elsewhere(attempt, None) + _on_its_way_unnamed(attempt)
        attempt.known_refunds = _known_refunds(attempt)
        attempt.charged_back_cents = max(charged_back.values(), default=0)
        waiting = sum(part.amount_cents for part in attempt.parts if part.rank == PENDING and not part.told)
        attempt.refund_pending_cents = max(waiting, *pending.values()) if pending else waiting
    attempt.state = _state(attempt)


def _note_ways(attempt: Attempt) -> None:
    """Pair parts that wait with refunds that the provider tells of as failed or under way, of equal amount and not known before."""
    waiting = sorted([part for part in attempt.parts if part.rank == PENDING], key=lambda part: part.stamp)
    for rank in (FAILED, PENDING) if waiting else ():
        told = {name: one.amount_cents for _, record in attempt.records for name, one in record.refunds.items() if one.rank == rank}
        for part in waiting:
            known = (name for name, amount in sorted(told.items()) if amount == part.amount_cents and name not in part.known)
            name = None if part.under_way_as is not None else next(known, None)
            if name is not None:
                del told[name]
                part.rank, part.under_way_as = rank, name


def _ended(attempt: Attempt) -> bool:
    return bool(attempt.records) and all(record.ended is not None for _, record in attempt.records)


def refunded_on(attempt: Attempt, until: Stamp | None = None) -> int:
    """Return what went back on an attempt: by hand in another means, and the most that is known of all other refunds.

    A refund that the hub asked for and one of the same amount that the provider tells of are one, unless the provider had told
    of it before: who gives back on top of what is known means other money.
    """
    asked = sorted(
        [part for part in attempt.parts if part.rank != FAILED and not part.other_means and (until is None or part.stamp <= until)],
        key=lambda part: part.stamp,
    )
    sources: dict[str, list[PaymentRecord]] = {}
    for key, record in attempt.records:
        if record.refunds or record.refunded:
            sources.setdefault(key.partition("|")[0], []).append(record)
    most = 0
    for part in asked:
        if part.rank == DONE:
            most = max(most, part.told_cents) + part.amount_cents
    for records in sources.values():
        done = {name: amount for record in records for name, amount in _done(record, until)}
        by_id = sum(done.values())
        for part in asked:
            name = next((name for name, amount in sorted(done.items()) if amount == part.amount_cents and name not in part.known), None)
            if name is not None:
                del done[name]
                if until is None and part.told_as is None:
                    part.told_as = name
            elif part.rank == DONE:
                by_id += part.amount_cents
        total = sum(refunded_of(record, until) for record in records)
        if until is None:
            _note_totals(asked, sum(_reached(record.refunded, None) for record in records))
        most = max(most, by_id, total)
    return _elsewhere(attempt, until) + most


def _note_totals(asked: Sequence[HubPart], total_cents: int) -> None:
    """Take parts that wait as told once a source's total holds them on top of what was known when they were asked for."""
    level = 0
    for part in asked:
        if part.rank == DONE or part.told:
            level = max(level, part.told_cents) + part.amount_cents
    for part in asked:
        if part.rank == PENDING and not part.told:
            level = max(level, part.told_cents) + part.amount_cents
            if total_cents >= level:
                part.told_as = _TOTAL


def _elsewhere(attempt: Attempt, until: Stamp | None) -> int:
    """Return what was given back by hand in another means: no source will ever tell of it."""
    done = [part for part in attempt.parts if part.other_means and part.rank == DONE]
    return sum(part.amount_cents for part in done if until is None or part.stamp <= until)


def _known_refunds(attempt: Attempt) -> tuple[str, ...]:
    """Name the refunds that sources have told of so far, whatever became of them."""
    return tuple(sorted([name for _, record in attempt.records for name in record.refunds]))


def _on_its_way_unnamed(attempt: Attempt) -> int:
    """Return what is on its way back and has no id by which it could be told from a refund by hand."""
    return sum(
        max(0, record.refund_pending_cents - refunded_of(record))
        for _, record in attempt.records
        if record.refund_pending_cents and not any(refund.rank == PENDING for refund in record.refunds.values())
    )


def _done(record: PaymentRecord, until: Stamp | None) -> list[tuple[str, int]]:
    """List the refunds that are done, by id. What a source calls a reversal too has left as that (rules.md, charged back)."""
    captured = record.captured[-1][2] if record.captured else 0
    return [
        (name, captured if refund.amount_cents == ALL else refund.amount_cents)
        for name, refund in record.refunds.items()
        if refund.rank == DONE and (until is None or refund.stamp <= until) and not is_reversal(record, name, until)
    ]


def is_reversal(record: PaymentRecord, refund_id: str, until: Stamp | None = None) -> bool:
    """Say whether the movement that was told as this refund was told as a withdrawal as well: it is one, and counts as that."""
    dispute = record.disputes.get(refund_id)
    if dispute is None or dispute.withdrawn is None or (until is not None and dispute.withdrawn > until):
        return False
    return dispute.outcome is None or dispute.outcome[2] != "won"


def _state(attempt: Attempt) -> str:
    if attempt.captured_cents:
        if attempt.net_cents <= 0:
            return "charged_back" if attempt.charged_back_cents >= attempt.refunded_cents else "refunded"
        return "partially_refunded" if attempt.refunded_cents else "captured"
    live = [record.rank for _, record in attempt.records if record.ended is None]
    if live:
        attempt.rank = max(live)
        return _RANKS[attempt.rank]
    ended = [record.ended for _, record in attempt.records if record.ended is not None]
    return max(ended)[2] if ended else "created"


def refunded_of(record: PaymentRecord, until: tuple[int, str] | None = None) -> int:
    """Return what went back of one payment: the refunds known by id, or the largest cumulative figure if that is more."""
    by_id = sum(amount for _, amount in _done(record, until)) if record.refunds else 0
    return max(by_id, _reached(record.refunded, until))


def refund_pending_of(record: PaymentRecord) -> int:
    """Return what is on its way back of one payment."""
    by_id = sum(refund.amount_cents for refund in record.refunds.values() if refund.rank == 0 and refund.amount_cents > 0)
    return max(by_id, record.refund_pending_cents - refunded_of(record))


def charged_back_of(record: PaymentRecord, until: tuple[int, str] | None = None) -> int:
    """Return what was withdrawn of one payment. A dispute that was won has given it back, as if it had never left."""
    by_id = won = 0
    kept = False
    for dispute in record.disputes.values():
        if dispute.withdrawn is None or (until is not None and dispute.withdrawn > until):
            continue
        amount = withdrawn_of(record, dispute)
        if dispute.outcome is not None and dispute.outcome[2] == "won":
            won += amount
        else:
            by_id += amount
            kept = True
    return max(by_id, _reached(record.charged_back, until) - won) if kept else 0


def withdrawn_of(record: PaymentRecord, dispute: Dispute) -> int:
    """Return how much a dispute took. No amount named = all that was left of the payment then."""
    amount = dispute.withdrawn_cents if dispute.withdrawn_cents != ALL else dispute.disputed_cents
    if amount != ALL:
        return amount
    captured = record.captured[-1][2] if record.captured else 0
    return max(0, captured - refunded_of(record, dispute.withdrawn or dispute.opened))


def captured_of(record: PaymentRecord, until: tuple[int, str]) -> int:
    """Return what had come under one payment key by then."""
    return _reached(record.captured, until)


def _reached(steps: Sequence[tuple[int, str, int]], until: tuple[int, str] | None) -> int:
    if until is None:
        return steps[-1][2] if steps else 0
    return max((amount for micros, event_id, amount in steps if (micros, event_id) <= until), default=0)
