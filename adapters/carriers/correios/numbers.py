"""Tracking numbers of postal services: UPU standard S10, two letters, eight digits, a check digit, the country."""

import re
from typing import Final

_S10: Final = re.compile(r"[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}", re.ASCII)
_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)


def normalized(number: str) -> str:
    """Return the number in capitals and without white space."""
    return "".join(number.split()).upper()


def is_valid(number: str) -> bool:
    """Say whether a normalized number is one of S10.

    One that is not may be another carrier's: it means that Correios is not asked, and never that an event is refused.
    """
    found = _S10.fullmatch(number)
    return found is not None and int(found[2]) == _check_digit(found[1])


def _check_digit(serial: str) -> int:
    rest = sum(int(digit) * weight for digit, weight in zip(serial, _WEIGHTS, strict=True)) % 11
    return {0: 5, 1: 0}.get(rest, 11 - rest)
