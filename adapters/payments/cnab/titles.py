"""One title of a bank file -> one canonical payment fact, or nothing where the occurrence is bookkeeping.

Identity. A title may stand in many files, so nothing of the file is in the ids. The effect is (bank, agency/account, nosso número,
occurrence, day, amount): the event id. A payment is (bank, agency/account, nosso número, day, collecting bank and agency, amount):
its payment key, of kind `payment_id`. Two payments of one title on two days are two payments, the customer paid twice; the same line
in two overlapping files is one. What is not money (registered, written off, reversed) has the nosso número for its key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from adapters.contract import PayloadMalformed
from adapters.parsing import end_of_day, start_of_day
from adapters.payments.cnab.fields import BadField, Columns, cents, code, date_or_none, word
from adapters.payments.cnab.groups import Group
from adapters.payments.cnab.layouts import BRADESCO_PIX_TXID, CNAB_400, Money, TitleLayout, U, title_layout_240
from adapters.payments.cnab.lines import BadLine, FileHeader, Line
from adapters.payments.cnab.occurrences import SETTLEMENT_MEANS, TERM_ELAPSED, WRITE_OFF_REASONS, Occurrence, Table, table_of
from schemas.base import MAX_CENTS
from schemas.facts import PaymentFact, PaymentKind
from schemas.references import Reference

PROVIDER: Final = "cnab"

_MOVES_MONEY: Final = ("payment.captured", "payment.reversed")
_LOT_CREDIT_DATE: Final = Columns("credit date of the lot", 200, 207)


class Figures(NamedTuple):
    """Money of one title, in cents. `settled` is the part of the debt that is settled (rules.md, Payments)."""

    nominal: int
    paid: int = 0
    settled: int = 0
    interest: int = 0
    discount: int = 0
    fee: int = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the titles of one file."""

    header: FileHeader
    table: Table
    layout: TitleLayout
    money: Money

    @classmethod
    def of(cls, header: FileHeader) -> "Reader":
        """Choose tables by bank and layout. Raises: PayloadMalformed, for a bank whose CNAB 400 is not known."""
        table = table_of(header.bank, header.width)
        if table is None:
            known = " and ".join(sorted(CNAB_400))
            raise PayloadMalformed(f"line {header.line.number}: CNAB 400 of bank {header.bank} is not known, only that of {known}")
        layout, money = CNAB_400[header.bank] if header.width == 400 else (title_layout_240(header.bank, header.version), U)
        return cls(header, table, layout, money)

    def occurrence(self, group: Group) -> tuple[str, Occurrence | None]:
        """Return the code of a title and what it means; None: nobody knows. Raises: BadLine."""
        first = group.lines[0]
        try:
            number = code(first.text, self.layout.occurrence)
        except BadField as error:
            raise BadLine(f"line {first.number}: {error}") from error
        return number, self.table.get(number)

    def fact(self, group: Group, received_at: datetime) -> PaymentFact | None:
        """Read a title; None: bookkeeping. Raises: BadLine."""
        if group.cause is not None:
            raise BadLine(group.cause)
        number, occurrence = self.occurrence(group)
        if occurrence is not None and occurrence.kind is None:
            return None
        kind: PaymentKind = occurrence.kind if occurrence is not None and occurrence.kind is not None else "payment.unknown"
        first, second = group.lines[0], group.lines[1 if self.header.width == 240 else 0]
        try:
            title = self._title(first)
            reasons = self._reasons(first)
            fee = cents(first.text, self.layout.fee) if kind in _MOVES_MONEY else 0
        except BadField as error:
            raise BadLine(f"line {first.number}: {error}") from error
        try:
            day = date_or_none(second.text, self.money.occurrence_date)
            figures = self._figures(second.text, kind, title.nominal, fee)
        except BadField as error:
            raise BadLine(f"line {second.number}: {error}") from error
        if kind == "payment.voided" and not TERM_ELAPSED.isdisjoint(reasons):
            kind = "payment.expired"
        return self._fact(kind, number, title, figures, day, group, second, reasons, received_at)

    def _title(self, line: Line) -> "_Title":
        text, layout = line.text, self.layout
        account = f"{self.header.bank}:{_short(layout.agency.of(text))}/{_short(layout.account.of(text))}"
        return _Title(account, layout.numbers(text), cents(text, layout.amount), _optional_date(text, layout.due), text)

    def _figures(self, text: str, kind: PaymentKind, nominal: int, fee: int) -> Figures:
        if kind not in _MOVES_MONEY:
            return Figures(nominal)
        money = self.money
        paid = cents(text, money.paid)
        if kind == "payment.reversed" and not paid:
            return Figures(nominal, nominal, nominal)
        interest, discount = cents(text, money.interest), cents(text, money.discount) + cents(text, money.rebate)
        # The fee is withheld from what is posted, unless the posted amount alone is what the title asked for [U].
        if money.fee_withheld and paid != nominal + interest - discount:
            paid += fee
        if not paid:
            raise money.paid.bad("is zero, and the title is paid")
        settled = paid - interest + discount
        if not 0 < settled <= MAX_CENTS or paid > MAX_CENTS:
            raise money.interest.bad("must be less than the amount paid")
        return Figures(nominal, paid, settled, interest, discount, fee)

    def _reasons(self, line: Line) -> tuple[str, ...]:
        text = self.layout.reasons.of(line.text)
        found = (text[start : start + 2] for start in range(0, len(text), 2))
        return tuple(one for one in found if one.isascii() and one.isalnum() and one != "00")

    def _fact(
        self,
        kind: PaymentKind,
        number: str,
        title: "_Title",
        figures: Figures,
        day: date | None,
        group: Group,
        second: Line,
        reasons: tuple[str, ...],
        received_at: datetime,
    ) -> PaymentFact:
        bank = self.header.bank
        moves_money = kind in _MOVES_MONEY
        collecting = self.layout.collecting.of(title.text).strip()
        date_word = day.isoformat() if day is not None else "undated"
        base = f"{title.account}:{title.numbers[0].lstrip('0')}"
        what = f"{figures.paid}:{_plain(collecting)}" if moves_money else (title.due.isoformat() if title.due is not None else "")
        event_id = f"{base}:{number}:{date_word}:{what}".rstrip(":")
        nosso = tuple(Reference(kind="nosso_numero", value=f"{bank}:{one}") for one in title.numbers)
        key = nosso[0]
        references = nosso + tuple(self._names(title.text)) + tuple(self._pix(group))
        if kind == "payment.captured":
            key = Reference(kind="payment_id", value=f"{base}:{date_word}:{what}".rstrip(":"))
            references = (*references, key)
        occurred_at = day or self.header.generated_on
        return PaymentFact(
            kind=kind,
            event_id=event_id,
            provider=PROVIDER,
            account=title.account,
            references=references,
            occurred_at=received_at if occurred_at is None else _first_instant(occurred_at),
            occurred_at_assumed=day is None,
            raw_word=f"{self.header.layout}:{number}",
            reason=self._reason(kind, reasons),
            payment_key=key,
            method="boleto",
            amount_cents=figures.settled if moves_money else figures.nominal,
            paid_cents=figures.paid if moves_money else None,
            interest_cents=figures.interest or None,
            discount_cents=figures.discount or None,
            fee_cents=(figures.fee or None) if kind == "payment.captured" else None,
            dispute_id=event_id if kind == "payment.reversed" else None,
            funds_withdrawn=kind == "payment.reversed",
            due_at=_last_instant(title.due) if title.due is not None and kind == "payment.pending" else None,
            credited_at=self._credited_at(second.text, group) if kind == "payment.captured" else None,
        )

    def _names(self, text: str) -> Iterator[Reference]:
        """Give our own names of the title. The document number is left out where it is the company use cut short."""
        ours, document = word(text, self.layout.company_use), word(text, self.layout.document)
        if ours is not None:
            yield Reference(kind="external_reference", value=ours)
        if document is None:
            return
        if ours is not None and len(document) < len(ours) and ours.upper().startswith(document.upper()):
            return
        yield Reference(kind="our_number", value=document)

    def _pix(self, group: Group) -> Iterator[Reference]:
        """Give the txid of a boleto with a Pix code, which Bradesco tells in a line of type 4."""
        if self.header.layout != "237/400":
            return
        for line in group.lines[1:]:
            txid = word(line.text, BRADESCO_PIX_TXID) if line.text[0] == "4" else None
            if txid is not None and txid.isascii() and txid.isalnum():
                yield Reference(kind="txid", value=txid)
                return

    def _reason(self, kind: PaymentKind, reasons: tuple[str, ...]) -> str | None:
        words: Mapping[str, str] = {}
        if self.header.width == 240:
            words = SETTLEMENT_MEANS if kind == "payment.captured" else WRITE_OFF_REASONS if kind in _WRITTEN_OFF else {}
        return ", ".join(f"{one} {words[one]}" if one in words else one for one in reasons) or None

    def _credited_at(self, text: str, group: Group) -> datetime | None:
        """Return the day on which the money is there: D+0 to D+3 in bank days by contract, so the bank's word counts, not ours."""
        day = _optional_date(text, self.money.credit_date)
        if day is None and group.lot is not None:
            day = _optional_date(group.lot.text, _LOT_CREDIT_DATE)
        return _first_instant(day) if day is not None else None


_first_instant: Final = lru_cache(maxsize=512)(start_of_day)
_last_instant: Final = lru_cache(maxsize=512)(end_of_day)
"""A file has few days."""

_WRITTEN_OFF: Final = ("payment.voided", "payment.expired")


class _Title(NamedTuple):
    account: str
    numbers: tuple[str, ...]
    nominal: int
    due: date | None
    text: str


def _optional_date(text: str, field: Columns) -> date | None:
    """Read a date that only informs: one that no calendar has is none, and costs no payment."""
    try:
        return date_or_none(text, field)
    except BadField:
        return None


@lru_cache(maxsize=4096)  # a file has few accounts and few banks where its titles were paid
def _short(text: str) -> str:
    """Return an account's digits without left zeros, the same whatever the layout's width; what is no digit is left out."""
    return _plain(text).lstrip("0") or "0"


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return "".join(one for one in text if one.isascii() and one.isalnum())
