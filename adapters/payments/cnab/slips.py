"""The numbers printed on a boleto: barcode (44 digits) and linha digitável (47), with the due factor that began anew in 2025.

Source: FEBRABAN's layout of the bank boleto; the due factor counts days since 1997-10-07, reached 9999 on 2025-02-21 and went on with
1000 on 2025-02-22. Slips of utilities (48 digits, beginning with 8) are another scheme and no payment of an order.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from adapters.contract import PayloadMalformed

_EPOCH: Final = date(1997, 10, 7)
_CYCLE: Final = 9000
_FIRST_FACTOR: Final = 1000


@dataclass(frozen=True, slots=True)
class Slip:
    """What a boleto's numbers say. `due_on` None: no due date; `amount_cents` None: the payer chooses."""

    barcode: str
    bank: str
    due_on: date | None
    amount_cents: int | None
    free_field: str

    @property
    def line(self) -> str:
        """The linha digitável, 47 digits."""
        code = self.barcode
        fields = (code[:4] + code[19:24], code[24:34], code[34:44])
        return "".join(one + _mod10(one) for one in fields) + code[4] + code[5:19]


def read_slip(number: str, near: date) -> Slip:
    """Read a barcode or a linha digitável; blanks, dots and hyphens do not count.

    `near` settles which cycle of the due factor is meant: the day nearest to it, best the day of issue. Raises: PayloadMalformed.
    """
    digits = "".join(one for one in number if one not in " .-\t")
    if not (digits.isascii() and digits.isdigit()):
        raise PayloadMalformed("boleto: must be digits")
    if digits[0] == "8":
        raise PayloadMalformed("boleto: is a slip of a utility or a tax, not of a bank")
    if len(digits) == 47:
        digits = _barcode_of(digits)
    if len(digits) != 44:
        raise PayloadMalformed("boleto: must be 44 digits (barcode) or 47 (linha digitável)")
    if digits[3] != "9":
        raise PayloadMalformed("boleto: position 4 (currency): is not 9, the real")
    if digits[4] != _mod11(digits[:4] + digits[5:]):
        raise PayloadMalformed("boleto: position 5 of the barcode: the check digit is wrong")
    amount = int(digits[9:19])
    return Slip(digits, digits[:3], due_date(int(digits[5:9]), near), amount or None, digits[19:])


def due_date(factor: int, near: date) -> date | None:
    """Turn a due factor into a day, the candidate nearest to `near`; below 1000 no boleto was ever dated. 0 is none.

    Raises: PayloadMalformed.
    """
    if factor == 0:
        return None
    if not _FIRST_FACTOR <= factor <= 9999:
        raise PayloadMalformed("boleto: due factor: must be 0000 or from 1000 to 9999")
    turns = max(0, round(((near - _EPOCH).days - factor) / _CYCLE))
    candidates = [_EPOCH + timedelta(days=factor + _CYCLE * turn) for turn in range(max(0, turns - 1), turns + 2) if turn < 300]
    return min(candidates, key=lambda day: abs((day - near).days))


def due_factor(day: date) -> int:
    """Return the factor that a boleto due on this day bears. Raises: ValueError, before 2000-07-03."""
    days = (day - _EPOCH).days
    if days < _FIRST_FACTOR:
        raise ValueError("no boleto was due before 2000-07-03")
    return (days - _FIRST_FACTOR) % _CYCLE + _FIRST_FACTOR


def _barcode_of(line: str) -> str:
    fields = (line[:10], line[10:21], line[21:32])
    for number, one in enumerate(fields, start=1):
        if _mod10(one[:-1]) != one[-1]:
            raise PayloadMalformed(f"boleto: field {number} of the linha digitável: the check digit is wrong")
    return line[:4] + line[32:47] + line[4:9] + line[10:20] + line[21:31]


def _mod10(digits: str) -> str:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        product = int(digit) * (2 - index % 2)
        total += product // 10 + product % 10
    return str(-total % 10)


def _mod11(digits: str) -> str:
    total = sum(int(digit) * (2 + index % 8) for index, digit in enumerate(reversed(digits)))
    value = 11 - total % 11
    return "1" if value in (10, 11) else str(value)
