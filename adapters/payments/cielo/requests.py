"""Calls to Cielo that move money, described. Base URL, MerchantId and MerchantKey are the gateway's business.

From general knowledge, not verified. There is no idempotency key: after a doubtful call the sale is read (VoidedAmount).
"""

from urllib.parse import quote

from adapters.contract import HttpRequest


def cancel(payment_id: str, cents: int) -> HttpRequest:
    """Void an authorization, or give back a captured sale or part of it."""
    return HttpRequest("PUT", f"/1/sales/{quote(payment_id, safe='')}/void?amount={cents}", {"Accept": "application/json"})
