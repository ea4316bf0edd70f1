"""Calls to the Core API v5 that move money, described. Base URL and HTTP Basic are the gateway's business.

Source: https://docs.pagar.me/reference/cancelar-cobran%C3%A7a, read 2026-11-20. The answer is the charge, which parse_response reads.
"""

import json
from urllib.parse import quote

from adapters.contract import HttpRequest


def cancel(charge_id: str, cents: int | None, idempotency_key: str) -> HttpRequest:
    """Give back a captured charge, or void one that is not; `cents` None = all of it. The key is remembered for 24 hours."""
    headers = {"Accept": "application/json", "Content-Type": "application/json", "Idempotency-Key": idempotency_key}
    body = json.dumps({} if cents is None else {"amount": cents}).encode()
    return HttpRequest("DELETE", f"/charges/{quote(charge_id, safe='')}", headers, body)
