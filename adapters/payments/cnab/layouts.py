"""Where the fields stand: data per bank and layout, so that a bank's deviation is a line here and no branch anywhere.

Sources: FEBRABAN CNAB 240 (segments T and U) and the banks' pages of deviations, as two public readers of Bradesco, Banco do Brasil
and Itaú files agree on; Itaú and Bradesco Cobrança CNAB 400; read 2026-11-20. [U] marks what no document at hand confirms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from adapters.payments.cnab.fields import Columns

Readings = Callable[[str, str], tuple[str, ...]]
"""(nosso número as it stands, portfolio digits before it) -> digits without check digit, the best reading first."""


def _whole(number: str, _carteira: str) -> tuple[str, ...]:
    return (number,)


def _maybe_with_digit(number: str, _carteira: str) -> tuple[str, ...]:
    """Offer both readings: the layout does not say whether the last character is a check digit."""
    return (number, number[:-1]) if len(number) > 1 else (number,)


def _banco_do_brasil(number: str, carteira: str) -> tuple[str, ...]:
    """Read 17 digits as they are: numbers of that length have no check digit; of shorter ones it is not certain [U]."""
    return (number,) if len(number) == 17 else _maybe_with_digit(number, carteira)


def bradesco_digit(carteira: str, number: str) -> str:
    """Compute Bradesco's check digit: modulus 11, weights 2 to 7 from the right, over portfolio (2) and number (11); 10 is written P."""
    total = sum(int(digit) * (2 + index % 6) for index, digit in enumerate(reversed(carteira + number)))
    rest = total % 11
    return {0: "0", 1: "P"}.get(rest, str(11 - rest))


def _bradesco(number: str, carteira: str) -> tuple[str, ...]:
    """Read 46-57: probably eleven digits and their check digit in 57 [U]; else eleven digits right-aligned in 47-57.

    The digit decides where the portfolio stands in 38-40; where it does not, both readings are offered (rules.md, References).
    """
    tail = number[-12:].rjust(12, "0")
    with_digit, without = tail[:11], tail[1:]
    if tail[-1] == "P":
        return (with_digit,)
    if carteira.strip("0"):
        return (with_digit,) if bradesco_digit(carteira[-2:], with_digit) == tail[-1] else (with_digit, without)
    return (without, with_digit)


def _santander(number: str, _carteira: str) -> tuple[str, ...]:
    """Read 13 digits: twelve and a check digit (modulus 11, weights 2 to 9) when it fits, which may be chance [U]."""
    total = sum(int(digit) * (2 + index % 8) for index, digit in enumerate(reversed(number[:-1])))
    rest = total % 11
    digit = "1" if rest == 10 else ("0" if rest < 2 else str(11 - rest))
    return (number[:-1], number) if len(number) > 1 and digit == number[-1] else (number,)


@dataclass(frozen=True, slots=True)
class TitleLayout:
    """Columns of segment T, or of the single line of CNAB 400, that both layouts have."""

    occurrence: Columns
    agency: Columns
    account: Columns
    nosso_numero: Columns
    document: Columns
    company_use: Columns
    due: Columns
    amount: Columns
    collecting: Columns
    fee: Columns
    reasons: Columns
    carteira: Columns | None = None
    readings: Readings = _whole

    def numbers(self, text: str) -> tuple[str, ...]:
        """Read the nosso número in every way it may be meant. Raises: BadField."""
        number = self.nosso_numero.of(text).strip()
        carteira = self.carteira.of(text) if self.carteira is not None else ""
        digits = number[:-1] if number.endswith("P") else number
        if not (digits.isascii() and digits.isdigit()):
            raise self.nosso_numero.bad("must be digits")
        if not digits.strip("0"):
            raise self.nosso_numero.bad("is missing")
        if not (carteira.isascii() and carteira.isdigit()):
            carteira = ""
        found = tuple(dict.fromkeys(one for one in self.readings(number, carteira) if one.strip("0") and one.isdigit()))
        return found or (digits,)


@dataclass(frozen=True, slots=True)
class Money:
    """Columns of segment U, or of the money part of CNAB 400.

    `fee_withheld`: the amount is what was posted to the account, which is less than what the payer paid by the fee.
    """

    occurrence_date: Columns
    credit_date: Columns
    paid: Columns
    interest: Columns
    discount: Columns
    rebate: Columns
    fee_withheld: bool = False


_T: Final = TitleLayout(
    occurrence=Columns("movement code", 16, 17),
    agency=Columns("agency", 18, 22),
    account=Columns("account", 24, 35),
    nosso_numero=Columns("nosso número", 38, 57),
    document=Columns("document number", 59, 73),
    company_use=Columns("company use", 106, 130),
    due=Columns("due date", 74, 81),
    amount=Columns("title amount", 82, 96),
    collecting=Columns("collecting bank and agency", 97, 104),
    fee=Columns("fee", 199, 213),
    reasons=Columns("reasons", 214, 223),
    readings=_maybe_with_digit,
)

U: Final = Money(
    occurrence_date=Columns("occurrence date", 138, 145),
    credit_date=Columns("credit date", 146, 153),
    paid=Columns("amount paid", 78, 92),
    interest=Columns("interest and fine", 18, 32),
    discount=Columns("discount", 33, 47),
    rebate=Columns("rebate", 48, 62),
)
"""No bank at hand deviates in segment U."""

CNAB_240: Final[Mapping[tuple[str, str | None], TitleLayout]] = {
    ("001", None): replace(_T, readings=_banco_do_brasil),
    ("033", None): replace(
        _T,
        agency=Columns("agency", 18, 21),
        account=Columns("account", 23, 31),  # [U]
        nosso_numero=Columns("nosso número", 41, 53),
        document=Columns("document number", 55, 69),  # [U]
        company_use=Columns("company use", 101, 125),  # [U]
        due=Columns("due date", 70, 77),
        amount=Columns("title amount", 78, 92),
        collecting=Columns("collecting bank and agency", 93, 99),  # [U]
        fee=Columns("fee", 194, 208),
        reasons=Columns("reasons", 209, 218),
        readings=_santander,
    ),
    ("104", None): replace(_T, nosso_numero=Columns("nosso número", 40, 56), readings=_whole),
    ("237", None): replace(_T, nosso_numero=Columns("nosso número", 46, 57), carteira=Columns("carteira", 38, 40), readings=_bradesco),
    ("341", None): replace(
        _T,
        nosso_numero=Columns("nosso número", 41, 48),
        document=Columns("document number", 59, 68),
        reasons=Columns("reasons", 214, 221),
        readings=_whole,
    ),
    ("756", None): replace(_T, nosso_numero=Columns("nosso número", 38, 47)),
}
"""By bank and version of the file's layout (header 164-166); None serves every version without an entry of its own."""


def title_layout_240(bank: str, version: str) -> TitleLayout:
    """Return the columns of segment T; FEBRABAN's for a bank that is not listed."""
    return CNAB_240.get((bank, version)) or CNAB_240.get((bank, None)) or _T


_MONEY_400: Final = Money(
    occurrence_date=Columns("occurrence date", 111, 116),
    credit_date=Columns("credit date", 296, 301),
    paid=Columns("amount paid", 254, 266),
    interest=Columns("interest and fine", 267, 279),
    discount=Columns("discount", 241, 253),
    rebate=Columns("rebate", 228, 240),
)

_ITAU_400: Final = TitleLayout(
    occurrence=Columns("occurrence", 109, 110),
    agency=Columns("agency", 18, 21),
    account=Columns("account", 24, 28),
    nosso_numero=Columns("nosso número", 86, 93),
    document=Columns("document number", 117, 126),
    company_use=Columns("company use", 38, 62),
    due=Columns("due date", 147, 152),
    amount=Columns("title amount", 153, 165),
    collecting=Columns("collecting bank and agency", 166, 173),
    fee=Columns("fee", 176, 188),
    reasons=Columns("errors", 378, 385),
)

CNAB_400: Final[Mapping[str, tuple[TitleLayout, Money]]] = {
    "237": (
        replace(
            _ITAU_400,
            agency=Columns("agency", 25, 29),
            account=Columns("account", 30, 36),
            nosso_numero=Columns("nosso número", 71, 81),
            reasons=Columns("reasons", 319, 328),
        ),
        _MONEY_400,
    ),
    "341": (
        _ITAU_400,
        replace(_MONEY_400, paid=Columns("amount posted", 254, 266), fee_withheld=True),
    ),
}

BRADESCO_PIX_TXID: Final = Columns("txid", 106, 140)
"""In Bradesco's line of type 4, which follows the title of a boleto with a Pix code."""
