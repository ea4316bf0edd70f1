"""The days on which Brazilian banks settle: the exchange's calendar, in the shop's time zone (rules.md, Orders)."""

from datetime import date, datetime, time, timedelta, tzinfo

import holidays


class BankDays:
    """Monday to Friday but for the holidays of BVMF, which has Carnival and Corpus Christi; the plain calendar of Brazil lacks them."""

    def __init__(self, timezone: tzinfo) -> None:
        self._timezone = timezone
        self._closed = holidays.financial_holidays("BVMF")

    @property
    def timezone(self) -> tzinfo:
        """The zone in which a due day ends."""
        return self._timezone

    def is_bank_day(self, day: date) -> bool:
        """Say whether banks settle on this day. The holidays of a year are worked out when it is first asked for."""
        return day.weekday() < 5 and day not in self._closed

    def ago(self, now: datetime, days: int) -> datetime:
        """Go back so many whole bank days from an instant. On a day that is none the last one's end counts as now."""
        local = now.astimezone(self._timezone)
        if not self.is_bank_day(local.date()):
            while not self.is_bank_day(local.date()):
                local -= timedelta(days=1)
            local = datetime.combine(local.date() + timedelta(days=1), time(), self._timezone)
        day, left = local.date(), days
        while left:
            day -= timedelta(days=1)
            left -= self.is_bank_day(day)
        return datetime.combine(day, local.time(), self._timezone)
