"""Calls to PagBank that move money, described. Base URL and token are the gateway's business.

Path and body as public integrations use them; the name of the key's header is not verified. The answer is the charge, which
parse_response reads.
"""

import json
from urllib.parse import quote

from adapters.contract import HttpRequest


def cancel(charge_id: str, cents: int, idempotency_key: str) -> HttpRequest:
    """Give back a paid charge, or part of it, or void an authorized one."""
    headers = {"Accept": "application/json", "Content-Type": "application/json", "x-idempotency-key": idempotency_key}
    body = json.dumps({"amount": {"value": cents}}).encode()
    return HttpRequest("POST", f"/charges/{quote(charge_id, safe='')}/cancel", headers, body)
