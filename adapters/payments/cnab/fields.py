"""Columns of a fixed-width line: digits, money with two implied decimals, dates. Positions as banks print them: from 1, inclusive."""

from datetime import date
from typing import Final, NamedTuple

from schemas.base import MAX_CENTS

_LAST_YEAR: Final = 2098


class BadField(Exception):
    """A column that does not hold what belongs there; the message names the columns, never the value."""


class Columns(NamedTuple):
    """Where a field stands, and what it is called."""

    name: str
    first: int
    last: int

    def of(self, text: str) -> str:
        """Return the characters."""
        return text[self.first - 1 : self.last]

    def bad(self, problem: str) -> BadField:
        """Return the error that names this field."""
        place = f"column {self.first}" if self.first == self.last else f"columns {self.first}-{self.last}"
        return BadField(f"{place} ({self.name}): {problem}")


def cents(text: str, field: Columns) -> int:
    """Read money; blank is zero, as banks leave out what does not apply. Raises: BadField."""
    value = text[field.first - 1 : field.last]
    if not (value.isascii() and value.isdigit()):
        if not value.strip():
            return 0
        raise field.bad(f"must be {field.last - field.first + 1} digits")
    amount = int(value)
    if amount > MAX_CENTS:
        raise field.bad(f"must be at most {MAX_CENTS} cents")
    return amount


def code(text: str, field: Columns) -> str:
    """Read a numeric code; every column is a digit. Raises: BadField."""
    value = text[field.first - 1 : field.last]
    if not (value.isascii() and value.isdigit()):
        raise field.bad(f"must be {field.last - field.first + 1} digits")
    return value


def date_or_none(text: str, field: Columns) -> date | None:
    """Read DDMMAA or DDMMAAAA; zeros and blanks are none. Raises: BadField."""
    value = text[field.first - 1 : field.last]
    if not value.strip(" 0"):
        return None
    if not (value.isascii() and value.isdigit()):
        raise field.bad("must be a date in digits, day first")
    year = int(value[4:]) + (2000 if len(value) == 6 else 0)
    if not 2000 <= year <= _LAST_YEAR:
        raise field.bad(f"must be a date between the years 2000 and {_LAST_YEAR}")
    try:
        return date(year, int(value[2:4]), int(value[:2]))
    except ValueError:
        raise field.bad("is a day that no calendar has") from None


def word(text: str, field: Columns) -> str | None:
    """Read an identifier of ours; blank, zeros, and what no database holds are none.

    So is a text without a digit, or with an @: it names no order but perhaps the customer, and references end up in the log.
    """
    value = text[field.first - 1 : field.last].strip()
    named = value.strip("0") and value.isprintable() and "@" not in value and any("0" <= one <= "9" for one in value)
    return value if named else None
