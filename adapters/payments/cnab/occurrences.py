"""What the occurrence codes mean: one table per bank and layout, never shared, because the same number means different things.

15 is "write-off rejected" in Itaú's CNAB 400, "paid at a notary" in Bradesco's, and something else again in CNAB 240. Codes that are
in no table become kind `unknown`. Sources: FEBRABAN CNAB 240 (movement codes of return files), Itaú Cobrança CNAB 400, Bradesco
Cobrança CNAB 400, as public readers of these files have them; read 2026-11-20.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from schemas.facts import PaymentKind


class Occurrence(NamedTuple):
    """One code. `kind` None: bookkeeping, it moves no payment."""

    kind: PaymentKind | None
    words: str


Table = Mapping[str, Occurrence]

TERM_ELAPSED: Final = frozenset({"12", "13"})
"""Reasons of a write-off because its time was up, by the client's or the bank's choice: the payment expired. All others voided it."""


def _febraban() -> dict[str, Occurrence]:
    """Build the movement codes of FEBRABAN's CNAB 240; each bank gets a table of its own, so that none is changed for another."""
    return {
        "02": Occurrence("payment.pending", "entry confirmed"),
        "03": Occurrence("payment.failed", "entry rejected"),
        "04": Occurrence(None, "moved to another portfolio"),
        "05": Occurrence(None, "moved from another portfolio"),
        "06": Occurrence("payment.captured", "paid"),
        "07": Occurrence(None, "discount instruction confirmed"),
        "08": Occurrence(None, "discount canceled"),
        "09": Occurrence("payment.voided", "written off"),
        "11": Occurrence(None, "in portfolio"),
        "12": Occurrence(None, "rebate given"),
        "13": Occurrence(None, "rebate canceled"),
        # The customer may pay until the new day: the order must not expire on the old one.
        "14": Occurrence("payment.pending", "due date changed"),
        "17": Occurrence("payment.captured", "paid after write-off, or unregistered"),
        "19": Occurrence(None, "protest requested"),
        "20": Occurrence(None, "protest stopped"),
        "23": Occurrence(None, "sent to the notary"),
        "24": Occurrence(None, "withdrawn from the notary"),
        "25": Occurrence("payment.voided", "protested and written off"),
        "26": Occurrence(None, "instruction rejected"),
        "27": Occurrence(None, "other data changed"),
        "28": Occurrence(None, "fee debited"),
        "30": Occurrence(None, "change rejected"),
        "44": Occurrence("payment.reversed", "paid by a cheque that came back"),
        "45": Occurrence("payment.captured", "paid by a cheque that cleared"),
        "50": Occurrence("payment.pending", "paid by a cheque that has not cleared"),
        "51": Occurrence(None, "known to the DDA"),
        "52": Occurrence(None, "unknown to the DDA"),
        "53": Occurrence(None, "refused by the DDA"),
    }


def _itau_400() -> dict[str, Occurrence]:
    fees = (*range(26, 31), *range(37, 47), *range(51, 56))
    return {
        **{str(number): Occurrence(None, "fee") for number in fees},
        "02": Occurrence("payment.pending", "entry confirmed"),
        "03": Occurrence("payment.failed", "entry rejected"),
        "04": Occurrence(None, "data changed"),
        "05": Occurrence(None, "data changed"),
        "06": Occurrence("payment.captured", "paid"),
        "07": Occurrence("payment.captured", "paid in part"),
        "08": Occurrence("payment.captured", "paid at a notary"),
        "09": Occurrence("payment.voided", "written off"),
        # Told beside the 06 that brought the money: neither a cancellation nor a second payment.
        "10": Occurrence(None, "written off because it was paid"),
        "11": Occurrence(None, "in portfolio"),
        "14": Occurrence("payment.pending", "due date changed"),
        "15": Occurrence(None, "write-off rejected"),
        "16": Occurrence(None, "instruction rejected"),
        "17": Occurrence(None, "change rejected"),
        "32": Occurrence("payment.voided", "protested and written off"),
        "60": Occurrence("payment.failed", "entry rejected"),
        "64": Occurrence("payment.pending", "entry confirmed"),
        "65": Occurrence("payment.pending", "paid by a cheque that has not cleared"),
        "69": Occurrence("payment.reversed", "paid by a cheque that came back"),
        "71": Occurrence("payment.pending", "entry confirmed"),
        "73": Occurrence("payment.pending", "entry confirmed"),
        "76": Occurrence("payment.captured", "paid by a cheque that cleared"),
    }


def _bradesco_400() -> dict[str, Occurrence]:
    return {
        "02": Occurrence("payment.pending", "entry confirmed"),
        "03": Occurrence("payment.failed", "entry rejected"),
        "06": Occurrence("payment.captured", "paid"),
        "09": Occurrence("payment.voided", "written off automatically"),
        "10": Occurrence("payment.voided", "written off by the agency"),
        "14": Occurrence("payment.pending", "due date changed"),
        "15": Occurrence("payment.captured", "paid at a notary"),
        "16": Occurrence("payment.captured", "paid by cheque"),
        "17": Occurrence("payment.captured", "paid after write-off, or unregistered"),
        "22": Occurrence("payment.reversed", "payment canceled"),
        "23": Occurrence(None, "sent to the notary"),
        "24": Occurrence("payment.failed", "entry rejected"),
        "27": Occurrence(None, "write-off rejected"),
        "28": Occurrence(None, "fee debited"),
        "30": Occurrence(None, "change rejected"),
        "32": Occurrence(None, "instruction rejected"),
        "40": Occurrence("payment.reversed", "payment reversed (estorno)"),
    }


CNAB_240: Final[Mapping[str, Table]] = {bank: _febraban() for bank in ("001", "033", "104", "237", "341", "756")}
OTHER_CNAB_240: Final[Table] = _febraban()
"""CNAB 240 is a standard: a bank without a table of its own is read by FEBRABAN's."""

CNAB_400: Final[Mapping[str, Table]] = {"237": _bradesco_400(), "341": _itau_400()}
"""CNAB 400 is each bank's own: a bank without a table is refused."""


def table_of(bank: str, width: int) -> Table | None:
    """Return the table of a bank and layout; None: this bank's CNAB 400 is not known."""
    return CNAB_240.get(bank, OTHER_CNAB_240) if width == 240 else CNAB_400.get(bank)


def words() -> tuple[str, ...]:
    """List every code that moves a payment as facts carry it: `237/400:06`."""
    tables = [(f"{bank}/240", table) for bank, table in CNAB_240.items()] + [(f"{bank}/400", table) for bank, table in CNAB_400.items()]
    return tuple(f"{layout}:{number}" for layout, table in tables for number, one in sorted(table.items()) if one.kind is not None)


SETTLEMENT_MEANS: Final[Mapping[str, str]] = {
    "01": "por saldo", "03": "dinheiro no caixa", "04": "compensação eletrônica", "05": "compensação convencional",
    "06": "meio eletrônico", "08": "em cartório", "30": "cheque no caixa", "31": "correspondente bancário",
    "32": "terminal de autoatendimento", "33": "internet", "34": "office banking", "61": "Pix",
}  # fmt: skip
"""Reasons 214-223 of CNAB 240 beside a payment. 61 is not verified [U]."""

WRITE_OFF_REASONS: Final[Mapping[str, str]] = {
    "09": "baixa pelo banco", "10": "baixa por arquivo do cliente", "11": "baixa on-line pelo cliente",
    "12": "prazo decorrido (cliente)", "13": "prazo decorrido (banco)", "14": "protestado", "15": "excluído",
}  # fmt: skip
"""Reasons 214-223 of CNAB 240 beside a write-off."""
