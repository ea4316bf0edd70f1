"""A notice -> the resource to read; a payment, order, merchant order, chargeback or claim that was read -> payment facts."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from adapters.contract import Facts, Fetch, HttpResponse, Ignored, PayloadMalformed, RawDelivery, Translation
from adapters.parsing import Moment, dump_json, load_json, read, read_object
from adapters.payments.mercadopago import disputes, orders
from adapters.payments.mercadopago.payments import PROVIDER, payment_facts, references_of
from adapters.payments.mercadopago.wire import Notice, Payment
from adapters.payments.mercadopago.words import (
    APPROVED,
    CHARGED_BACK,
    CLAIM_STATUSES,
    DETAILS,
    IN_MEDIATION,
    OPEN,
    ORDER_DETAILS,
    ORDER_OPEN,
    PROCESSED,
    REFUNDED,
)
from schemas.facts import PaymentFact

RESOURCES: Final[Mapping[str, str]] = {
    "payment": "payment",
    "order": "order",
    "topic_chargebacks_wh": "chargeback",
    "chargebacks": "chargeback",
    "topic_claims_integration_wh": "claim",
    "topic_merchant_order_wh": "merchant_order",
    "merchant_order": "merchant_order",
}
"""Type of a webhook or topic of an IPN notice, and what is read because of it."""

STOP_DELIVERY: Final = "stop_delivery_op_wh"

OTHER_TYPES: Final = frozenset(
    {"mp-connect", "topic_card_id_wh", "point_integration_wh", "subscription_preapproval", "subscription_preapproval_plan",
     "subscription_authorized_payment", "topic_instore_integration_wh", "wallet_connect"}
)  # fmt: skip
"""What moves no money of an order. The payment of a subscription has a notice of its own."""

STATUSES: Final = tuple(
    dict.fromkeys(
        (*RESOURCES, STOP_DELIVERY, *sorted(OTHER_TYPES), *OPEN, APPROVED, REFUNDED, IN_MEDIATION, CHARGED_BACK, *DETAILS, *ORDER_OPEN,
         PROCESSED, *ORDER_DETAILS, *CLAIM_STATUSES)
    )
)  # fmt: skip
"""Every documented word: types of notices, statuses and details of payments, of orders and of claims."""

SIMULATED: Final = "123456"
"""The panel's button `simulate` sends this id, which no GET ever finds."""

_RESOURCE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def translate(delivery: RawDelivery) -> Translation:
    """Translate a webhook, an IPN notice (also one of nothing but a query string) or a payment as GET /v1/payments/{id} shows it.

    A payment that came over HTTP is only a hint as well: a signature does not cover the body, so the payment is read.
    Units: reais become cents, exactly; times become UTC.
    Raises: PayloadMalformed.
    Source: https://www.mercadopago.com.br/developers/pt/docs/your-integrations/notifications, read 2026-11-20.
    """
    query = delivery.http_query
    if not delivery.body.strip() and query:
        return _translate_notice(Notice(), query, delivery.received_at)
    document = read_object(load_json(delivery.body, delivery.content_type), "body")
    resource = _shape(document)
    if resource is not None and delivery.http_headers is None:
        return _READERS[resource](document, delivery.received_at)
    if resource is not None:
        return _hint(resource, _text(document.get("id")))
    if not document and not query:
        raise PayloadMalformed("type: missing, and topic too; the body is neither a notice nor a payment")
    return _translate_notice(read(Notice, document), query, delivery.received_at)


def _shape(document: dict[str, Any]) -> str | None:
    """Say what was published in place of a notice: a part of an answer that failed is mended and comes again by this door."""
    if "type" in document and isinstance(document.get("data"), dict):
        return None
    if "status" in document and "transaction_amount" in document:
        return "payment"
    if "status" in document and "transactions" in document:
        return "order"
    if "coverage_applied" in document and "payments" in document:
        return "chargeback"
    if "payments" in document and ("external_reference" in document or "total_amount" in document):
        return "merchant_order"
    return None


def _text(value: object) -> str:
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


# --- Notices ------------------------------------------------------------------------------------------------------------------


def _translate_notice(notice: Notice, query: Mapping[str, str], received_at: datetime) -> Translation:
    subject = notice.type or notice.topic or query.get("type") or query.get("topic") or (notice.action or "").partition(".")[0]
    if not subject:
        raise PayloadMalformed("type: missing, and topic too; the body is neither a notice nor a payment")
    if subject in OTHER_TYPES:
        return Ignored(f"a notice of {subject} moves no money")
    if subject in RESOURCES:
        return _hint(RESOURCES[subject], _resource_id(notice, query), "data.id" if notice.resource is None else "resource")
    return _for_a_person(notice, subject, query, received_at)


def _hint(resource: str, resource_id: str, place: str = "id") -> Fetch | Ignored:
    if not _RESOURCE_ID.fullmatch(resource_id):
        raise PayloadMalformed(f"{place}: must be the id of a resource")
    if resource_id == SIMULATED:
        return Ignored(f"the panel's simulation: {SIMULATED} is no {resource}")
    return Fetch(resource, resource_id)


def _resource_id(notice: Notice, query: Mapping[str, str]) -> str:
    told = notice.data.id or (notice.resource or "").rstrip("/").rpartition("/")[2]
    asked = query.get("data.id") or query.get("id") or ""
    # The id in the query string is the one that is signed; it may be in another case than the one that can be read.
    return told if told and told.lower() == asked.lower() else asked or told


def _for_a_person(notice: Notice, subject: str, query: Mapping[str, str], received_at: datetime) -> Facts:
    """A fraud alert, or a type nobody knows: it moves nothing and waits for a person, or for HUB_MAP_MERCADOPAGO."""
    if notice.user_id is None:
        raise PayloadMalformed(f"type: {subject!a} is not known, and without user_id it is no notice of Mercado Pago")
    resource_id = notice.data.id or query.get("data.id") or ""
    # The id of a topic nobody knows may be anything; as a name it finds the payment if it is one.
    payment_id = notice.data.payment_id or (resource_id if _RESOURCE_ID.fullmatch(resource_id) else None)
    references = references_of(payment_id, notice.data.merchant_order, None)
    if not references:
        raise PayloadMalformed(f"data.id: missing, and data.payment_id too; {subject!a} names no payment")
    moment = notice.date_created or Moment(received_at, assumed=True)
    event_id = f"{subject}:{references[0].value}" + ("" if moment.assumed else f":{moment.at.isoformat()}")
    return Facts(
        (
            PaymentFact(
                kind="payment.unknown",
                event_id=event_id,
                provider=PROVIDER,
                references=references,
                occurred_at=moment.at,
                occurred_at_assumed=moment.assumed,
                raw_word=subject,
                payment_key=references[0] if references[0].kind == "payment_id" else None,
            ),
        )
    )


# --- Answers ------------------------------------------------------------------------------------------------------------------


def _translate_payment(document: dict[str, Any], received_at: datetime) -> Facts | Fetch:
    payment = read(Payment, document)
    if payment.order is not None and orders.is_of_orders_api(payment.order.id):
        return Fetch("order", payment.order.id or "")
    facts, failed = payment_facts(payment, "", lambda refund: dump_json({**document, "refunds": [refund]}), received_at)
    return Facts(tuple(facts), tuple(failed))


_READERS: Final[Mapping[str, Callable[[dict[str, Any], datetime], Translation]]] = {
    "payment": _translate_payment,
    "order": orders.order,
    "merchant_order": orders.merchant_order,
    "chargeback": disputes.chargeback,
    "claim": disputes.claim,
}
"""By the resource word of a Fetch."""


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate what was read. Raises: PayloadMalformed."""
    return _READERS[fetch.resource](read_object(load_json(response.body), "body"), received_at)
