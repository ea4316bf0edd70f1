"""When an unpaid order is given up: the instant at which order.expire is due (rules.md, Orders)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, Protocol

from hub.domain.attempts import Attempt
from hub.domain.instants import from_micros
from hub.domain.ledger import Placement, Rules

RETRY: Final = timedelta(hours=1)
"""How long an order in review is left alone before it is looked at again."""


class BankCalendar(Protocol):
    """The days on which banks work, in the shop's time zone. Settings and holidays are the engine's business."""

    @property
    def timezone(self) -> tzinfo:
        """The zone in which a due day ends."""

    def is_bank_day(self, day: date) -> bool:
        """Say whether banks settle on this day."""


@dataclass(frozen=True, slots=True)
class Grace:
    """A moment and the time that is given after it. Bank days count in the shop's time zone."""

    since: datetime
    seconds: int = 0
    bank_days: int = 0

    def ends(self, calendar: BankCalendar) -> datetime:
        """Return when it is over. A due day on which banks rest moves to the next on which they work, as the payer's does."""
        instant = self.since + timedelta(seconds=self.seconds)
        if not self.bank_days:
            return instant
        local = instant.astimezone(calendar.timezone)
        day = _bank_day(local.date(), calendar)
        for _ in range(self.bank_days):
            day = _bank_day(day + timedelta(days=1), calendar)
        return datetime.combine(day, local.time(), calendar.timezone).astimezone(instant.tzinfo)


def _bank_day(day: date, calendar: BankCalendar) -> date:
    while not calendar.is_bank_day(day):
        day += timedelta(days=1)
    return day


@dataclass(frozen=True, slots=True)
class Expiry:
    """What an order that waits for its first money is given: it is due when all of these are over. `review`: somebody looks at it."""

    graces: tuple[Grace, ...]
    review: bool = False

    def due(self, calendar: BankCalendar, now: datetime | None = None) -> datetime:
        """Return when order.expire is due; while the payment is under review, once that is past, an hour from now."""
        due = max(grace.ends(calendar) for grace in self.graces)
        return max(due, now + RETRY) if self.review and now is not None else due


def expiry_of(placement: Placement, attempts: Sequence[Attempt], rules: Rules, *, review: bool) -> Expiry | None:
    """Say what an unpaid order is given; None when it never expires."""
    live = [attempt for attempt in attempts if attempt.live]
    due = [(attempt, micros) for attempt in live if (micros := due_micros_of(attempt)) is not None]
    if due:
        return Expiry(tuple([_grace(attempt, micros, rules) for attempt, micros in due]), review)
    ended = [record.ended for attempt in attempts for _, record in attempt.records if record.ended is not None]
    if live or not ended:
        return Expiry((Grace(from_micros(placement.placed_micros), rules.expire_other_s),), review)
    failures = [from_micros(micros) for micros, _, word in ended if word != "expired"]
    graces = [Grace(from_micros(micros)) for micros, _, word in ended if word == "expired"]
    if failures:
        if rules.cancel_refused_after_s is None:
            return None
        graces.append(Grace(max(failures), rules.cancel_refused_after_s))
    return Expiry(tuple(graces), review)


def due_micros_of(attempt: Attempt) -> int | None:
    """Return until when the attempt may be paid: as declared, or as a source says later."""
    due = attempt.due_micros
    for _, record in attempt.records:
        if record.due_micros is not None and record.ended is None and (due is None or record.due_micros > due):
            due = record.due_micros
    return due


def _grace(attempt: Attempt, micros: int, rules: Rules) -> Grace:
    since = from_micros(micros)
    if attempt.method == "boleto":
        return Grace(since, bank_days=rules.expire_boleto_grace_days)
    return Grace(since, rules.expire_pix_grace_s if attempt.method == "pix" else 0)


class Weekdays:
    """Monday to Friday in UTC: the calendar of a shop that has told of none."""

    timezone: Final[tzinfo] = UTC

    def is_bank_day(self, day: date) -> bool:
        """Say whether it is a weekday."""
        return day.weekday() < 5


WEEKDAYS: Final = Weekdays()
