"""A notice -> the sale to read; a sale -> canonical payment facts."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from adapters.contract import (
    Facts,
    FailedPart,
    Fetch,
    HttpRequest,
    HttpResponse,
    Ignored,
    PayloadMalformed,
    RawDelivery,
    Translation,
)  # fmt: skip
from adapters.parsing import Moment, dump_json, end_of_day, load_json, read, read_object, start_of_day
from adapters.payments.cielo.wire import Chargeback, Notice, Refund, Sale
from schemas.base import PaymentMethod
from schemas.facts import PaymentFact, PaymentKind
from schemas.references import Reference

PROVIDER: Final = "cielo"

METHODS: Final[Mapping[str, PaymentMethod]] = {
    "CreditCard": "card",
    "DebitCard": "card",
    "Boleto": "boleto",
    "Pix": "pix",
    "EletronicTransfer": "transfer",
}

STATUS_KINDS: Final[Mapping[str, PaymentKind]] = {
    "0": "payment.failed",
    "1": "payment.authorized",
    "2": "payment.captured",
    "3": "payment.failed",
    "10": "payment.voided",
    "11": "payment.refunded",
    "12": "payment.pending",
    "13": "payment.failed",
    "20": "payment.pending",
}
"""NotFinished, Authorized, PaymentConfirmed, Denied, Voided, Refunded, Pending, Aborted, Scheduled."""

REFUND_KINDS: Final[Mapping[str, PaymentKind]] = {
    "1": "payment.refund_pending",
    "2": "payment.refunded",
    "3": "payment.refund_failed",
    "4": "payment.refund_failed",
}

CHARGEBACK_KINDS: Final[Mapping[str, PaymentKind]] = {
    "Received": "payment.chargeback_opened",
    "ContestedByMerchant": "payment.chargeback_opened",
    "AcceptedByMerchant": "payment.chargeback_lost",
}

RECURRENCE: Final = frozenset({"2", "4"})
"""ChangeType: a recurrence was made, or its status changed. Each of its payments has a notice of its own."""

STATUSES: Final = (*METHODS, *CHARGEBACK_KINDS)
"""Documented words that are texts. Statuses and change types are numbers; the adapter's tests hold their list."""

_PAYMENT_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_ISSUED_ONLY: Final = frozenset({"Boleto", "Pix", "EletronicTransfer"})
_WITH_MONEY: Final = frozenset({"payment.captured", "payment.refunded"})
_MAX_REFERENCE: Final = 200


def translate(delivery: RawDelivery) -> Translation:
    """Translate a notice, or a sale as it was read.

    A sale that came over HTTP is only a hint as well: static headers do not cover a body.
    Units: integer cents; times become UTC.
    Raises: PayloadMalformed.
    Source: https://docs.cielo.com.br/ecommerce-cielo/reference/notificacao, read 2026-11-20.
    """
    document = read_object(load_json(delivery.body, delivery.content_type), "body")
    if "Payment" in document:
        if delivery.http_headers is None:
            return _translate_sale(document, delivery.received_at)
        return _hint(read(Sale, document).Payment.PaymentId, "Payment.PaymentId")
    notice = read(Notice, document)
    if notice.ChangeType in RECURRENCE:
        return Ignored(f"ChangeType {notice.ChangeType} is about a recurrence and moves no money")
    if notice.PaymentId is None:
        raise PayloadMalformed("PaymentId: missing")
    # Whatever changed, known or not, the sale tells.
    return _hint(notice.PaymentId, "PaymentId")


def _hint(payment_id: str, place: str) -> Fetch:
    if not _PAYMENT_ID.fullmatch(payment_id):
        raise PayloadMalformed(f"{place}: must be the id of a payment")
    return Fetch("sale", payment_id)


# --- Sales --------------------------------------------------------------------------------------------------------------------


def _translate_sale(document: dict[str, Any], received_at: datetime) -> Facts:
    sale = read(Sale, document)
    payment = sale.Payment
    if payment.Currency is not None and payment.Currency.upper() != "BRL":
        raise PayloadMalformed("Payment.Currency: must be BRL")
    facts = dict.fromkeys(_state(sale, Moment(received_at, assumed=True)))
    failed: list[FailedPart] = []
    for name, raws, tell in (("Refunds", payment.Refunds, _refund), ("Chargebacks", payment.Chargebacks, _chargeback)):
        for index, raw in enumerate(raws):
            try:
                facts[tell(sale, raw, f"Payment.{name}[{index}]", received_at)] = None
            except PayloadMalformed as error:
                alone = {**document["Payment"], "Refunds": [], "Chargebacks": [], name: [raw]}
                failed.append(FailedPart(str(error), dump_json({**document, "Payment": alone})))
    if payment.FraudAlert:
        facts[_fact(sale, "payment.unknown", "fraud_alert", Moment(received_at, assumed=True), raw_word="FraudAlert")] = None
    return Facts(tuple(facts), tuple(failed))


def _state(sale: Sale, now: Moment) -> Iterator[PaymentFact]:
    payment = sale.Payment
    kind = STATUS_KINDS.get(payment.Status, "payment.unknown")
    if kind == "payment.authorized" and payment.Type in _ISSUED_ONLY:
        kind = "payment.pending"
    # A sale voided on the day of its capture is Voided as well: the money came, and went back.
    captured = kind in _WITH_MONEY or (kind == "payment.voided" and bool(payment.CapturedAmount or payment.CapturedDate))
    if not captured:
        yield _open(sale, kind, now)
        return
    amount = payment.CapturedAmount or payment.Amount
    if amount is None:
        raise PayloadMalformed("Payment.CapturedAmount: missing, and Amount too")
    came = payment.CapturedDate or (Moment(payment.ReceivedDate.at, assumed=True) if payment.ReceivedDate else now)
    yield _fact(
        sale,
        "payment.captured",
        "captured",
        came,
        amount_cents=amount,
        paid_cents=payment.CapturedAmount,
        installments=payment.Installments if METHODS.get(payment.Type or "") == "card" else None,
    )
    # Cumulative. No more can go back than came, whatever a void of an authorization captured in part is counted as.
    back = min(payment.VoidedAmount or 0, amount)
    if kind != "payment.captured":
        back = back or amount
    if back:
        yield _fact(sale, "payment.refunded", f"refunded:{back}", payment.VoidedDate or now, cumulative_cents=back)


def _open(sale: Sale, kind: PaymentKind, now: Moment) -> PaymentFact:
    payment = sale.Payment
    reason = ": ".join(part for part in (payment.ReturnCode, payment.ReturnMessage) if part) or None
    waits = kind in ("payment.pending", "payment.authorized", "payment.unknown")
    at = payment.VoidedDate if kind == "payment.voided" else payment.ReceivedDate
    return _fact(
        sale,
        kind,
        f"{payment.Status}",
        at or now,
        reason=reason if kind == "payment.failed" else None,
        amount_cents=payment.Amount,
        due_at=end_of_day(payment.ExpirationDate) if payment.ExpirationDate and waits else None,
        installments=payment.Installments if kind == "payment.authorized" else None,
    )


def _refund(sale: Sale, raw: object, place: str, received_at: datetime) -> PaymentFact:
    refund = read(Refund, raw, place)
    # A refund has no id; when it was asked for names it.
    name = f"{sale.Payment.PaymentId}:{refund.ReceivedDate or ''}:{refund.Amount}"[:200]
    return _fact(
        sale,
        REFUND_KINDS.get(refund.Status, "payment.unknown"),
        f"refund:{refund.ReceivedDate or ''}:{refund.Amount}:{refund.Status}"[:130],
        Moment(received_at, assumed=True),
        raw_word=f"Refunds/{refund.Status}",
        amount_cents=refund.Amount,
        refund_id=name,
    )


def _chargeback(sale: Sale, raw: object, place: str, received_at: datetime) -> PaymentFact:
    chargeback = read(Chargeback, raw, place)
    kind = CHARGEBACK_KINDS.get(chargeback.Status or "", "payment.unknown")
    opened = Moment(start_of_day(chargeback.Date), assumed=True) if chargeback.Date else None
    return _fact(
        sale,
        kind,
        f"chargeback:{chargeback.CaseNumber or ''}:{chargeback.Status or ''}",
        opened or Moment(received_at, assumed=True),
        raw_word=f"Chargebacks/{chargeback.Status or ''}",
        reason=chargeback.ReasonCode,
        amount_cents=chargeback.Amount,
        dispute_id=chargeback.CaseNumber,
        funds_withdrawn=kind == "payment.chargeback_lost",
    )


def _fact(sale: Sale, kind: PaymentKind, told: str, moment: Moment, *, raw_word: str | None = None, **more: Any) -> PaymentFact:
    payment = sale.Payment
    key = Reference(kind="payment_id", value=payment.PaymentId)
    number = sale.MerchantOrderId
    references = (key, Reference(kind="external_reference", value=number)) if number and len(number) <= _MAX_REFERENCE else (key,)
    return PaymentFact(
        kind=kind,
        event_id=f"{payment.PaymentId}:{told}",
        provider=PROVIDER,
        references=references,
        occurred_at=moment.at,
        occurred_at_assumed=moment.assumed,
        # The capture always under one word: what happens to it later makes no other capture of it.
        raw_word=raw_word or ("2" if kind == "payment.captured" else payment.Status),
        payment_key=key,
        method=METHODS.get(payment.Type or ""),
        **more,
    )


# --- Asking Cielo -------------------------------------------------------------------------------------------------------------


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe GET /1/sales/{PaymentId} of the query API. The gateway adds MerchantId and MerchantKey."""
    return HttpRequest("GET", f"/1/sales/{quote(fetch.resource_id, safe='')}", {"Accept": "application/json"})


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate the sale. Raises: PayloadMalformed."""
    return _translate_sale(read_object(load_json(response.body), "body"), received_at)
