"""Calls to Mercado Pago, described. Base URL https://api.mercadopago.com and bearer token are the gateway's business."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from adapters.contract import Fetch, HttpRequest

_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}

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


def refund(payment_id: str, cents: int | None, idempotency_key: str) -> HttpRequest:
    """Give back a payment; `cents` None = all of it. The key must be a UUID.

    Without X-Render-In-Process-Refunds a refund of a Pix that is under way is answered 400.
    Source: https://www.mercadopago.com.br/developers/pt/reference/chargebacks/_payments_id_refunds/post, read 2026-11-20.
    """
    headers = {**_JSON, "X-Idempotency-Key": idempotency_key, "X-Render-In-Process-Refunds": "true"}
    # A JSON number, written digit by digit: money is no float on its way out either.
    body = "{}" if cents is None else f'{{"amount": {cents // 100}.{cents % 100:02d}}}'
    return HttpRequest("POST", f"{PATHS['payment']}{quote(payment_id, safe='')}/refunds", headers, body.encode())


def cancel(payment_id: str, idempotency_key: str) -> HttpRequest:
    """Give up a payment that is pending, in process or authorized. The answer is the payment."""
    headers = {**_JSON, "X-Idempotency-Key": idempotency_key}
    return HttpRequest("PUT", PATHS["payment"] + quote(payment_id, safe=""), headers, b'{"status": "cancelled"}')
