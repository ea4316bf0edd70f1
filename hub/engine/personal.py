"""Taking personal data out of an order before it reaches the fold and the log (rules.md, Personal data)."""

import hashlib
from typing import Any

import orjson

from hub.store.folding import folded
from schemas.orders import Address, Customer, PlacedOrder


def content_hash(order: PlacedOrder) -> str:
    """Hash the whole order, personal data included, so that two placements of one number can be told apart by the log alone."""
    return hashlib.sha256(orjson.dumps(order.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def without_personal_data(order: PlacedOrder) -> PlacedOrder:
    """Keep the customer's id; names, documents, contacts and addresses stay out."""
    return order.model_copy(update={"customer": Customer(id=order.customer.id), "billing_address": None, "shipping_address": None})


def searchable(*words: str | None) -> str:
    """Fold accents and case, for the search column that serves both dialects."""
    return folded(" ".join(word for word in words if word))


def _address(address: Address | None) -> str | None:
    return None if address is None else address.model_dump_json(exclude_none=True)


def personal_row(order: PlacedOrder) -> dict[str, Any]:
    """Return the order_personal row of an order."""
    customer = order.customer
    billing, shipping = order.billing_address, order.shipping_address
    return {
        "order_number": order.number,
        "name": customer.name,
        "email": customer.email,
        "document": customer.document,
        "phone": customer.phone,
        "billing_address": _address(billing),
        "shipping_address": _address(shipping),
        "search": searchable(customer.name, billing.name if billing else None, shipping.name if shipping else None, customer.email),
    }
