"""Who may speak for PagBank: x-authenticity-token, SHA-256 of the account's token and the raw body."""

import hashlib
from typing import Final

from adapters.contract import RawDelivery, Secrets, SignatureInvalid
from adapters.payments.pagbank.legacy import notification_code
from adapters.signing import equals_any, must_check

HEADER: Final = "x-authenticity-token"


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Check the token's digest.

    The webhook secrets are the account's tokens. An old notification code is not signed; it is let in, since it is only read,
    unless REQUIRE_SIGNATURE is set. The sandbox often leaves the header out: configure no secret there.
    Raises: SignatureInvalid.
    """
    if not must_check(delivery, secrets, configured=bool(secrets.webhook)):
        return
    given = (delivery.http_headers or {}).get(HEADER)
    if given is None:
        if not secrets.require_signature and notification_code(delivery.body) is not None:
            return
        raise SignatureInvalid("the request has no x-authenticity-token")
    candidates = [_digest(secret, joiner, delivery.body) for secret in secrets.webhook for joiner in ("-", "")]
    if not equals_any(given.strip().lower(), candidates):
        raise SignatureInvalid("x-authenticity-token does not belong to this body and account token")


def _digest(token: str, joiner: str, body: bytes) -> str:
    return hashlib.sha256(f"{token}{joiner}".encode() + body).hexdigest()
