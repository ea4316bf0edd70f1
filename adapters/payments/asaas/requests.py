"""Calls to Asaas that move money, described. Base URL and access_token are the gateway's business.

From general knowledge, not verified. There is no idempotency key: after a doubtful call the charge is read. The answer is the charge,
which parse_response reads.
"""

from urllib.parse import quote

from adapters.contract import HttpRequest


def refund(payment_id: str, cents: int | None) -> HttpRequest:
    """Give back a charge; `cents` None = all of it."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    # A JSON number, written digit by digit: money is no float on its way out either.
    body = "{}" if cents is None else f'{{"value": {cents // 100}.{cents % 100:02d}}}'
    return HttpRequest("POST", f"/v3/payments/{quote(payment_id, safe='')}/refund", headers, body.encode())


def delete(payment_id: str) -> HttpRequest:
    """Take back a charge that nobody has paid."""
    return HttpRequest("DELETE", f"/v3/payments/{quote(payment_id, safe='')}", {"Accept": "application/json"})
