"""What an order of the Orders API, or a merchant order, says of its payments -> payment facts."""

from datetime import datetime
from typing import Any, Final

from adapters.contract import Facts, FailedPart, Fetch, Ignored, PayloadMalformed, none_legible
from adapters.parsing import Moment, dump_json, read, read_object
from adapters.payments.mercadopago.payments import Part, Subject, dispute_id, payment_facts, references_of
from adapters.payments.mercadopago.wire import MerchantOrder, Order, OrderPayment, OrderRefund, Payment
from adapters.payments.mercadopago.words import (
    CHARGEBACK_KINDS,
    CHARGED_BACK,
    METHODS,
    ORDER_OPEN,
    ORDER_PAID,
    ORDER_REFINED,
    ORDER_REFUND_KINDS,
    PROCESSED,
    REFUNDED,
)
from schemas.facts import PaymentFact, PaymentKind

ORDERS_API: Final = "ORD"
"""How the id of an order of the Orders API begins; a merchant order's is a number."""


def is_of_orders_api(order_id: str | None) -> bool:
    """Say whether an id names an order of the Orders API."""
    return order_id is not None and order_id.upper().startswith(ORDERS_API)


# --- Merchant orders ----------------------------------------------------------------------------------------------------------


def merchant_order(document: dict[str, Any], received_at: datetime) -> Facts | Ignored | Fetch:
    """Translate a merchant order: each payment in it under its own id, as if it had been read by itself."""
    order = read(MerchantOrder, document)
    if not order.payments:
        return Ignored("the merchant order has no payments")
    facts: dict[PaymentFact, None] = {}
    failed: list[FailedPart] = []
    for index, raw in enumerate(order.payments):
        place = f"payments[{index}]"
        try:
            payment = _payment_of(order, raw, place)
            told, bad = payment_facts(payment, f"{place}.", _part_of(document, raw), received_at)
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json({**document, "payments": [raw]})))
            continue
        facts.update(dict.fromkeys(told))
        failed.extend(bad)
    if failed and not facts:
        raise none_legible(failed)
    return Facts(tuple(facts), tuple(failed))


def _part_of(document: dict[str, Any], raw: dict[str, Any]) -> Part:
    return lambda refund: dump_json({**document, "payments": [{**raw, "refunds": [refund]}]})


def _payment_of(order: MerchantOrder, raw: object, place: str) -> Payment:
    fields = dict(read_object(raw, place))
    # The same things under other names.
    fields.setdefault("transaction_amount_refunded", fields.get("amount_refunded"))
    fields.setdefault("date_last_updated", fields.get("last_modified"))
    fields.setdefault("external_reference", order.external_reference)
    fields["order"] = {"id": order.id}
    fields["transaction_details"] = {"total_paid_amount": fields.get("total_paid_amount")}
    return read(Payment, fields, place)


# --- Orders API ---------------------------------------------------------------------------------------------------------------


def order(document: dict[str, Any], received_at: datetime) -> Facts | Ignored:
    """Translate an order of the Orders API. Raises: PayloadMalformed."""
    found = read(Order, document)
    if found.currency is not None and found.currency.upper() != "BRL":
        raise PayloadMalformed("currency: must be BRL")
    changed = found.last_updated_date or found.created_date or Moment(received_at, assumed=True)
    if not found.transactions.payments:
        return _without_payments(found, changed)
    payments: list[tuple[OrderPayment, str, object]] = []
    failed: list[FailedPart] = []
    for index, raw in enumerate(found.transactions.payments):
        place = f"transactions.payments[{index}]"
        try:
            payments.append((read(OrderPayment, raw, place), place, raw))
        except PayloadMalformed as error:
            failed.append(_failed(error, document, [raw]))
    refunds = _read_refunds(found, document, [raw for _, _, raw in payments], failed)
    facts: dict[PaymentFact, None] = {}
    for payment, place, raw in payments:
        own = [refund for refund in refunds if refund.transaction_id in ((payment.id, None) if len(payments) == 1 else (payment.id,))]
        try:
            facts.update(dict.fromkeys(_payment_facts(found, payment, own, place, changed)))
        except PayloadMalformed as error:
            failed.append(_failed(error, document, [raw]))
    if failed and not facts:
        raise none_legible(failed)
    return Facts(tuple(facts), tuple(failed))


def _failed(error: PayloadMalformed, document: dict[str, Any], payments: list[object], refunds: list[object] | None = None) -> FailedPart:
    return FailedPart(str(error), dump_json({**document, "transactions": {"payments": payments, "refunds": refunds or []}}))


def _without_payments(order: Order, changed: Moment) -> Facts | Ignored:
    kind = _open_kind(order.status, order.status_detail)
    if kind == "payment.created" or order.status in ORDER_PAID:
        return Ignored("the order has no payments yet")
    fact = PaymentFact(
        kind=kind,
        event_id=f"{order.id}:{order.status}",
        provider="mercadopago",
        account=order.user_id,
        references=references_of(None, order.id, order.external_reference),
        occurred_at=changed.at,
        occurred_at_assumed=changed.assumed,
        raw_word=order.status,
        amount_cents=order.total_amount,
    )
    return Facts((fact,))


def _open_kind(status: str, detail: str | None) -> PaymentKind:
    return ORDER_REFINED.get((status, detail or "")) or ORDER_OPEN.get(status, "payment.unknown")


def _read_refunds(order: Order, document: dict[str, Any], payments: list[object], failed: list[FailedPart]) -> list[OrderRefund]:
    refunds: list[OrderRefund] = []
    for index, raw in enumerate(order.transactions.refunds):
        try:
            refunds.append(read(OrderRefund, raw, f"transactions.refunds[{index}]"))
        except PayloadMalformed as error:
            failed.append(_failed(error, document, payments, [raw]))
    return refunds


def _payment_facts(order: Order, payment: OrderPayment, refunds: list[OrderRefund], place: str, changed: Moment) -> list[PaymentFact]:
    means = payment.payment_method
    method = None if means is None else "pix" if means.id == "pix" else METHODS.get(means.type or "")
    subject = Subject(payment.id, references_of(payment.id, order.id, order.external_reference), method, order.user_id)
    word = f"{payment.status}/{payment.status_detail}" if payment.status_detail else payment.status
    told = f"{payment.status}:{payment.status_detail or ''}"
    installments = means.installments if means is not None and method == "card" else None
    if payment.status not in ORDER_PAID:
        kind = _open_kind(payment.status, payment.status_detail)
        expires = payment.date_of_expiration
        waits = kind in ("payment.created", "payment.pending", "payment.in_review", "payment.authorized", "payment.unknown")
        return [
            subject.fact(
                kind,
                told,
                changed,
                raw_word=payment.status if kind == "payment.unknown" else word,
                reason=payment.status_detail if kind == "payment.failed" else None,
                amount_cents=payment.amount,
                due_at=expires.at if expires and waits else None,
                installments=installments if kind == "payment.authorized" else None,
            )
        ]
    amounts = [cents for cents in (payment.amount, payment.paid_amount) if cents is not None]
    if not amounts:
        raise PayloadMalformed(f"{place}.amount: missing, and the payment is said to be paid")
    # paid_amount may hold the buyer's interest; of a capture in part it is the smaller one.
    amount = min(amounts)
    # When it was paid is not said, only when the order last changed; every later telling has another time, and the first counts.
    facts = [
        subject.fact(
            "payment.captured",
            "captured",
            Moment(changed.at, assumed=True),
            # Always the same word, as with payments: what happens to it later makes no other capture of it.
            raw_word=PROCESSED,
            amount_cents=amount,
            paid_cents=payment.paid_amount,
            installments=installments,
        )
    ]
    back = [_refund_fact(refund, subject, changed) for refund in refunds]
    done = sum(fact.amount_cents or 0 for fact in back if fact.kind == "payment.refunded")
    total = max(payment.refunded_amount or 0, amount if payment.status == REFUNDED else 0)
    if total > done:
        back.append(subject.fact("payment.refunded", f"refunded:{total}", changed, raw_word=word, cumulative_cents=total))
    facts.extend(back)
    if payment.status == CHARGED_BACK:
        kind = CHARGEBACK_KINDS.get(payment.status_detail or "", "payment.chargeback_opened")
        facts.append(
            subject.fact(
                kind,
                told,
                changed,
                raw_word=word,
                dispute_id=dispute_id(payment.id, "chargeback"),
                funds_withdrawn=kind == "payment.chargeback_lost",
            )
        )
    return facts


def _refund_fact(refund: OrderRefund, subject: Subject, changed: Moment) -> PaymentFact:
    status = refund.status or ""
    return subject.fact(
        ORDER_REFUND_KINDS.get(status, "payment.unknown"),
        f"refund:{refund.id}:{status}",
        Moment(changed.at, assumed=True),
        raw_word=status or "refund without a status",
        amount_cents=refund.amount,
        refund_id=refund.id,
    )
