"""customer.impersonate_link: a signed, short-lived link into a customer's account at the shop, which verifies it.

The query is `customer`, `order`, `actor`, `expires` (seconds since 1970), `nonce`, then `signature`: HMAC-SHA-256 in hexadecimal,
keyed with HUB_CUSTOMER_LINK_SECRET, over everything before `&signature=`, byte for byte. The nonce is the command's id; a shop
that remembers it until `expires` makes the link good for one use.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from hub.config import Settings


def available(settings: Settings, customer_id: str | None) -> bool:
    """Say whether there is an account to link to, and a key to sign with."""
    return customer_id is not None and settings.customer_link_secret is not None


def make(settings: Settings, *, customer_id: str, order: str, actor: str, nonce: str, at: datetime) -> dict[str, Any]:
    """Make the link. It is a secret: it goes into the reply and nowhere else. Raises: ValueError without a key."""
    if settings.customer_link_secret is None:
        raise ValueError("HUB_CUSTOMER_LINK_SECRET is not set")
    expires = at + timedelta(seconds=int(settings.customer_link_ttl.total_seconds()))
    fields = {"customer": customer_id, "order": order, "actor": actor, "expires": str(int(expires.timestamp())), "nonce": nonce}
    query = urlencode(fields)
    signature = hmac.new(settings.customer_link_secret.get_secret_value().encode(), query.encode(), hashlib.sha256).hexdigest()
    return {"link": f"{settings.customer_link_url}?{query}&signature={signature}", "expires_at": expires.isoformat()}
