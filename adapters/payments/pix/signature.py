"""Who may speak for the bank: the secret in the URL (Efí without mTLS)."""

from adapters.contract import RawDelivery, Secrets, SignatureInvalid
from adapters.signing import equals_any, must_check


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Compare the secret in the query string, where one is configured; mTLS is the edge's business. Raises: SignatureInvalid."""
    if not must_check(delivery, secrets, configured=bool(secrets.webhook)):
        return
    given = delivery.http_query.get("hmac")
    if given is None:
        raise SignatureInvalid("the query string has no hmac")
    # The bank appends /pix to the registered URL. It lands in the last parameter, which is this one when `&ignorar=` was left out.
    if not equals_any(given.removesuffix("/pix"), secrets.webhook):
        raise SignatureInvalid("hmac in the query string is not one of the configured secrets")
