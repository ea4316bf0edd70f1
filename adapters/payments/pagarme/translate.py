"""A hook, or an order or charge that was read -> canonical payment facts. The charge is the source of truth."""

from collections.abc import Callable
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
from adapters.parsing import Moment, dump_json, load_json, read, read_object
from adapters.payments.pagarme.charges import BOOKKEEPING, EVENT_RULES, PROVIDER, Told, event_of, state_of, unknown
from adapters.payments.pagarme.figures import CHARGE_STATUSES, TRANSACTION_STATUSES
from adapters.payments.pagarme.wire import Charge, Hook, Order, OrderNames
from schemas.facts import PaymentFact
from schemas.references import Reference

ORDER_BOOKKEEPING: Final = frozenset({"order.created", "order.updated", "order.closed"})
ORDER_EVENTS: Final = frozenset({"order.paid", "order.payment_failed", "order.canceled"})

OTHER_ENTITIES: Final = frozenset(
    {"address", "anticipation", "bank_account", "card", "checkout", "customer", "discount", "increment", "invoice", "order_item",
     "payment_link", "plan", "plan_item", "recipient", "seller", "subscription", "subscription_item", "transfer", "usage"}
)  # fmt: skip
"""https://docs.pagar.me/reference/eventos-de-webhook-1: what is not money of an order. An invoice is one cycle of a subscription;
its charge has events of its own."""

STATUSES: Final = tuple(
    dict.fromkeys((*sorted(ORDER_BOOKKEEPING | ORDER_EVENTS | BOOKKEEPING), *EVENT_RULES, *sorted(CHARGE_STATUSES), *TRANSACTION_STATUSES))
)
"""Every documented word: events, statuses of a charge, statuses of a transaction."""


def translate(delivery: RawDelivery) -> Translation:
    """Translate one hook.

    `order.paid`, `order.payment_failed` and `order.canceled` tell of the order's charges what charge.* tells one by one. They
    are translated charge by charge, under the same payment key and with the charge's own cumulative figures: after charge.*
    they change nothing, and when charge.* got lost no centavo is lost with it.
    Units: integer cents; times in UTC, naive ones taken to be UTC.
    Raises: PayloadMalformed.
    Source: https://docs.pagar.me/docs/webhooks, read 2026-11-20.
    """
    document = read_object(load_json(delivery.body, delivery.content_type), "body")
    hook = read(Hook, document)
    if hook.type in ORDER_EVENTS:
        return _translate_order(document, hook, delivery.received_at)
    if hook.type in EVENT_RULES or hook.type in BOOKKEEPING:
        charge = _read_charge(_charge_data(hook.data), "data")
        facts = event_of(charge, _told(hook, delivery.received_at), hook.type)
        if facts:
            return Facts(facts, delivery_id=hook.id)
    elif hook.type not in ORDER_BOOKKEEPING and hook.type.partition(".")[0] not in OTHER_ENTITIES:
        return _translate_unknown(hook, _told(hook, delivery.received_at))
    return Ignored(f"{hook.type} moves no money", hook.id)


def _told(hook: Hook, received_at: datetime) -> Told:
    account = hook.account.id if hook.account else None
    return Told(hook.id, hook.type, hook.created_at or Moment(received_at, assumed=True), "data", account)


def _translate_order(document: dict[str, Any], hook: Hook, received_at: datetime) -> Translation:
    order = read(Order, hook.data, "data")
    told = _told(hook, received_at)
    if order.charges is None:
        if order.id is None:
            raise PayloadMalformed("data.charges: missing, and data.id too")
        return Fetch("order", order.id, delivery_id=hook.id)

    def tell(charge: Charge, place: str) -> Told:
        # One hook tells of several charges, and two facts need two ids.
        return Told(f"{hook.id}:{charge.id}", charge.status, told.moment, place, told.account, order)

    def part(charge: object) -> bytes:
        return dump_json({**document, "data": {**hook.data, "charges": [charge]}})

    facts, failed = _translate_charges(order.charges, "data.charges", tell, part)
    return Facts(facts, failed, hook.id) if facts else Ignored(f"{hook.type} without charges moves no money", hook.id)


def _translate_charges(
    charges: list[Any], place: str, tell: Callable[[Charge, str], Told], part: Callable[[object], bytes]
) -> tuple[tuple[PaymentFact, ...], tuple[FailedPart, ...]]:
    facts: list[PaymentFact] = []
    failed: list[FailedPart] = []
    for index, raw in enumerate(charges):
        where = f"{place}[{index}]"
        try:
            charge = _read_charge(raw, where)
            facts.extend(state_of(charge, tell(charge, where)))
        except PayloadMalformed as error:
            failed.append(FailedPart(str(error), part(raw)))
    if failed and not facts:
        raise none_legible(failed)
    return tuple(facts), tuple(failed)


def _charge_data(data: dict[str, Any]) -> dict[str, Any]:
    # chargeback.received is only known from other people's settings; it may wrap the charge.
    inner = data.get("charge")
    return inner if isinstance(inner, dict) and "id" in inner else data


def _read_charge(value: object, place: str) -> Charge:
    charge = read(Charge, {name: item for name, item in read_object(value, place).items() if item is not None}, place)
    if charge.currency is not None and charge.currency.upper() != "BRL":
        raise PayloadMalformed(f"{place}.currency: must be BRL")
    if charge.paid_amount and (charge.interest_and_fine_paid or 0) > charge.paid_amount:
        raise PayloadMalformed(f"{place}.interest_and_fine_paid: is more than paid_amount")
    return charge


def _translate_unknown(hook: Hook, told: Told) -> Translation:
    """An event of a charge or an order that we do not know waits for a person; of anything else it is passed over."""
    data = _charge_data(hook.data)
    entity, about = hook.type.partition(".")[0], str(data.get("id"))[:3]
    if entity in {"charge", "chargeback"} or about == "ch_":
        return Facts((unknown(_read_charge(data, "data"), told, hook.type),), delivery_id=hook.id)
    if entity == "order" or about == "or_":
        return Facts((_unknown_of_order(read(OrderNames, data, "data"), told),), delivery_id=hook.id)
    return Ignored(f"{hook.type!a} is not known, and is about neither a charge nor an order", hook.id)


def _unknown_of_order(order: OrderNames, told: Told) -> PaymentFact:
    references = [Reference(kind="gateway_order_id", value=order.id)] if order.id else []
    references += [Reference(kind="gateway_order_code", value=order.code)] if order.code else []
    if not references:
        raise PayloadMalformed("data.id: missing, and data.code too")
    return PaymentFact(
        kind="payment.unknown",
        event_id=told.event_id,
        provider=PROVIDER,
        account=told.account,
        references=tuple(references),
        occurred_at=told.moment.at,
        occurred_at_assumed=told.moment.assumed,
        raw_word=told.word,
    )


# --- Asking Pagar.me ----------------------------------------------------------------------------------------------------------


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe GET /orders/{id} or /charges/{id}, relative to the Core API."""
    return HttpRequest("GET", f"/{fetch.resource}s/{quote(fetch.resource_id, safe='')}", {"Accept": "application/json"})


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate an order or a charge as it was read. Raises: PayloadMalformed."""
    document = read_object(load_json(response.body), "body")
    order = OrderNames() if fetch.resource == "charge" else read(Order, document)
    charges = order.charges or [] if isinstance(order, Order) else [document]

    def tell(charge: Charge, place: str) -> Told:
        # There is no event: what is read again unchanged is the same fact.
        event_id = f"{charge.id}:{charge.status}:{charge.paid_amount or 0}:{charge.canceled_amount or 0}"
        return Told(event_id, charge.status, Moment(received_at, assumed=True), place, order=order)

    facts, failed = _translate_charges(charges, "charges", tell, lambda charge: dump_json({**document, "charges": [charge]}))
    return Facts(facts, failed) if facts else Ignored("the order has no charges")
