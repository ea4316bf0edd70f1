"""Who may speak for Bling: HMAC-SHA256 over the raw body with the app's client secret; of v2, a token in the callback's address."""

import re
from typing import Final

from adapters.contract import RawDelivery, Secrets, SignatureInvalid
from adapters.signing import equals_any, hmac_sha256, must_check

HEADER: Final = "x-bling-signature-256"
_VALUE: Final = re.compile(r"sha256=([0-9A-Fa-f]{64})", re.ASCII)


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Check the signature.

    The webhook secrets are client secrets of the app. A callback of v2 is not signed: it is let in if the query string of its address
    holds `token`, one of HUB_SECRETS_BLING_CALLBACK_TOKENS (a list), and is read back all the same.
    Raises: SignatureInvalid.
    """
    tokens = tuple(filter(None, (token.strip() for token in secrets.extra.get("callback_tokens", "").split(","))))
    if not must_check(delivery, secrets, configured=bool(secrets.webhook or tokens)):
        return
    given = (delivery.http_headers or {}).get(HEADER)
    if given is None:
        if not equals_any(delivery.http_query.get("token", ""), tokens):
            raise SignatureInvalid("the request has no X-Bling-Signature-256, and no token of a v2 callback")
        return
    found = _VALUE.fullmatch(given.strip())
    if found is None:
        raise SignatureInvalid("X-Bling-Signature-256 is not sha256=<64 hexadecimal digits>")
    if not equals_any(found[1].lower(), [hmac_sha256(secret, delivery.body) for secret in secrets.webhook]):
        raise SignatureInvalid("X-Bling-Signature-256 does not belong to this body and client secret")
