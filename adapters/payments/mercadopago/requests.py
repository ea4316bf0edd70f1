"""Calls to Mercado Pago, described. The gateway adds base URL and `Authorization: Bearer <access token>`."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from adapters.contract import Fetch, HttpRequest

BASE_URL: Final = "https://api.mercadopago.com"

PATHS: Final[Mapping[str, str]] = {
    "payment": "/v1/payments/",
    "order": "/v1/orders/",
    "chargeback": "/v1/chargebacks/",
    "merchant_order": "/merchant_orders/",
    "claim": "/post-purchase/v1/claims/",  # not verified
}


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe the GET of a resource. Right after a notice it may be 404 for a moment: the gateway asks again."""
    return HttpRequest("GET", PATHS[fetch.resource] + quote(fetch.resource_id, safe=""), {"Accept": "application/json"})
