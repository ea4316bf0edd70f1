"""The days on which Brazilian banks settle: the exchange's calendar, in the shop's time zone (rules.md, Orders)."""

from datetime import date, tzinfo

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
