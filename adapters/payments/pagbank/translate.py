"""A webhook, an old notification or an answer -> canonical payment facts."""

from collections.abc import Mapping
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
    none_legible,
)  # fmt: skip
from adapters.parsing import Moment, dump_json, end_of_day, load_json, read, read_object
from adapters.payments.pagbank import legacy
from adapters.payments.pagbank.wire import Charge, Chargeback, Order, OrderNames
from schemas.base import PaymentMethod
from schemas.facts import PaymentFact, PaymentKind
from schemas.references import Reference, ReferenceKind

PROVIDER: Final = "pagbank"

METHODS: Final[Mapping[str, PaymentMethod]] = {
    "CREDIT_CARD": "card",
    "DEBIT_CARD": "card",
    "BOLETO": "boleto",
    "PIX": "pix",
}

OPEN: Final[Mapping[str, PaymentKind]] = {
    "WAITING": "payment.pending",
    "IN_ANALYSIS": "payment.in_review",
    "AUTHORIZED": "payment.authorized",
    "DECLINED": "payment.failed",
}
_PAID: Final = "PAID"
_CANCELED: Final = "CANCELED"

STATUSES: Final = (*OPEN, _PAID, _CANCELED, *METHODS, *legacy.STATUSES)
"""Every documented word: statuses of charges, means of payment, statuses of old transactions."""

_WAITING: Final = frozenset({"payment.pending", "payment.in_review", "payment.authorized", "payment.unknown"})
_CHARGEBACK: Final = "CBKS_"
_MAX_REFERENCE: Final = 200


def translate(delivery: RawDelivery) -> Translation:
    """Translate a webhook or an old notification.

    Units: integer cents; times become UTC.
    Raises: PayloadMalformed.
    Source: https://developer.pagbank.com.br/reference/webhooks, read 2026-11-25.
    """
    form = legacy.notification_code(delivery.body)
    if form is not None:
        kind, code = form
        return Fetch("transaction", code) if kind == "transaction" else Ignored(f"a notification of {kind} moves no money")
    return _translate_object(read_object(load_json(delivery.body, delivery.content_type), "body"), delivery.received_at)


def _translate_object(document: dict[str, Any], received_at: datetime) -> Translation:
    identity = str(document.get("id", ""))
    if identity.startswith(_CHARGEBACK):
        # What its body holds is not documented; its answer may name the charge.
        return Fetch("chargeback", identity) if len(identity) <= 64 and identity.isprintable() else _not_an_object()
    if "charges" in document or identity.startswith("ORDE_"):
        return _translate_order(document, received_at)
    if "status" in document:
        return Facts(tuple(_charge_facts(_read_charge(document, ""), OrderNames(), received_at)))
    return _not_an_object()


def _not_an_object() -> Translation:
    raise PayloadMalformed("id: the body is neither an order, a charge, a chargeback nor an old notification")


def _translate_order(document: dict[str, Any], received_at: datetime) -> Facts | Ignored:
    order = read(Order, document)
    facts: dict[PaymentFact, None] = {}
    failed: list[FailedPart] = []
    for index, raw in enumerate(order.charges):
        try:
            facts.update(dict.fromkeys(_charge_facts(_read_charge(raw, f"charges[{index}]"), order, received_at)))
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), dump_json({**document, "charges": [raw]})))
    if failed and not facts:
        raise none_legible(failed)
    return Facts(tuple(facts), tuple(failed)) if facts else Ignored("the order has no charges yet")


def _read_charge(value: object, place: str) -> Charge:
    charge = read(Charge, value, place)
    before = f"{place}." if place else ""
    if charge.amount.currency is not None and charge.amount.currency.upper() != "BRL":
        raise PayloadMalformed(f"{before}amount.currency: must be BRL")
    if charge.status in (_PAID, _CANCELED) and charge.amount.value is None and not charge.paid_cents:
        raise PayloadMalformed(f"{before}amount.value: missing, and summary.paid too")
    return charge


# --- Facts --------------------------------------------------------------------------------------------------------------------


def _charge_facts(charge: Charge, order: OrderNames, received_at: datetime) -> list[PaymentFact]:
    now = Moment(received_at, assumed=True)
    paid = bool(charge.paid_cents or charge.paid_at or charge.refunded_cents)
    if charge.status == _PAID or (charge.status == _CANCELED and paid):
        captured = charge.paid_cents or charge.amount.value or 0
        facts = [_captured(charge, order, captured, now)]
        # When it went back is not said.
        back = charge.refunded_cents or (captured if charge.status == _CANCELED else 0)
        if back:
            facts.append(_fact(charge, order, "payment.refunded", f"refunded:{back}", now, cumulative_cents=back))
        return facts
    kind: PaymentKind = "payment.voided" if charge.status == _CANCELED else OPEN.get(charge.status, "payment.unknown")
    began = kind in ("payment.pending", "payment.in_review", "payment.authorized", "payment.failed")
    fact = _fact(
        charge,
        order,
        kind,
        charge.status,
        (charge.created_at if began else None) or now,
        reason=_reason(charge) if kind == "payment.failed" else None,
        amount_cents=charge.amount.value,
        due_at=_due_at(charge) if kind in _WAITING else None,
        installments=_installments(charge) if kind == "payment.authorized" else None,
    )
    return [fact]


def _captured(charge: Charge, order: OrderNames, cents: int, now: Moment) -> PaymentFact:
    moment = charge.paid_at or (Moment(charge.created_at.at, assumed=True) if charge.created_at else now)
    return _fact(
        charge,
        order,
        "payment.captured",
        "captured",
        moment,
        # Always the same word: what happens to it later makes no other capture of it.
        raw_word=_PAID,
        amount_cents=cents,
        paid_cents=charge.paid_cents or None,
        installments=_installments(charge),
    )


def _fact(
    charge: Charge, order: OrderNames, kind: PaymentKind, told: str, moment: Moment, *, raw_word: str | None = None, **more: Any
) -> PaymentFact:
    return PaymentFact(
        kind=kind,
        event_id=f"{charge.id}:{told}",
        provider=PROVIDER,
        references=_references(charge, order),
        occurred_at=moment.at,
        occurred_at_assumed=moment.assumed,
        raw_word=raw_word or charge.status,
        payment_key=Reference(kind="charge_id", value=charge.id),
        method=METHODS.get((charge.payment_method and charge.payment_method.type) or ""),
        **more,
    )


def _references(charge: Charge, order: OrderNames) -> tuple[Reference, ...]:
    pix = charge.payment_method.pix if charge.payment_method else None
    names: tuple[tuple[ReferenceKind, str | None], ...] = (
        ("charge_id", charge.id),
        ("gateway_order_id", order.id),
        ("external_reference", order.reference_id),
        ("external_reference", charge.reference_id),
        ("e2e", pix.end_to_end_id if pix else None),
    )
    found = [Reference(kind=kind, value=value) for kind, value in names if value and len(value) <= _MAX_REFERENCE]
    return tuple(dict.fromkeys(found))


def _reason(charge: Charge) -> str | None:
    said = charge.payment_response
    return ": ".join(part for part in (said.code, said.message) if part) or None if said else None


def _due_at(charge: Charge) -> datetime | None:
    boleto = charge.payment_method.boleto if charge.payment_method else None
    return end_of_day(boleto.due_date) if boleto and boleto.due_date else None


def _installments(charge: Charge) -> int | None:
    means = charge.payment_method
    return means.installments if means and METHODS.get(means.type or "") == "card" else None


# --- Asking PagBank -----------------------------------------------------------------------------------------------------------

LEGACY_URL: Final = "https://ws.pagseguro.uol.com.br/v3/transactions/notifications/"


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe the GET of an order, a charge or (path not verified) a chargeback, or of an old transaction by its notification code."""
    identity = quote(fetch.resource_id, safe="")
    if fetch.resource == "transaction":
        return HttpRequest("GET", LEGACY_URL + identity, {"Accept": "application/xml"})
    return HttpRequest("GET", f"/{fetch.resource}s/{identity}", {"Accept": "application/json"})


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate what was read. Raises: PayloadMalformed."""
    if fetch.resource == "transaction":
        return legacy.transaction(response.body, received_at)
    document = read_object(load_json(response.body), "body")
    if fetch.resource == "chargeback":
        return Facts((_chargeback(read(Chargeback, document), received_at),))
    return _translate_object(document, received_at)


def _chargeback(found: Chargeback, received_at: datetime) -> PaymentFact:
    named = [found.charge_id, found.charge.id if found.charge else None, *(charge.id for charge in found.charges or ())]
    charge_id = next((name for name in named if name), None)
    if charge_id is None:
        raise PayloadMalformed("charge_id: missing; the chargeback names no charge")
    key = Reference(kind="charge_id", value=charge_id)
    moment = found.created_at or Moment(received_at, assumed=True)
    return PaymentFact(
        kind="payment.unknown",
        event_id=f"{found.id}:{found.status or ''}",
        provider=PROVIDER,
        references=(key,),
        occurred_at=moment.at,
        occurred_at_assumed=moment.assumed,
        raw_word=f"chargeback/{found.status or ''}",
        payment_key=key,
        amount_cents=found.amount.value if found.amount else None,
        dispute_id=found.id,
    )
