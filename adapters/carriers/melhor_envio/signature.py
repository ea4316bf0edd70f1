"""Who may speak for Melhor Envio: X-ME-Signature, HMAC-SHA256 of the raw body under the application's secret."""

import re
from typing import Final

from adapters.contract import RawDelivery, Secrets, SignatureInvalid
from adapters.signing import decode_base64, equals_any, hmac_sha256, must_check

HEADER: Final = "x-me-signature"

_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=", re.ASCII)


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Check the signature. It covers no time, so its age is nobody's business. Raises: SignatureInvalid."""
    if not must_check(delivery, secrets, configured=bool(secrets.webhook)):
        return
    given = (delivery.http_headers or {}).get(HEADER)
    if given is None:
        raise SignatureInvalid("the request has no X-ME-Signature")
    if not equals_any(_digest(given.strip()), [hmac_sha256(secret, delivery.body) for secret in secrets.webhook]):
        raise SignatureInvalid("X-ME-Signature does not belong to this body and secret")


def _digest(given: str) -> str:
    """Return the digest in lower-case hexadecimal. The vendor does not say how it is written; both ways are seen in receivers."""
    if _HEX.fullmatch(given):
        return given.lower()
    if _BASE64.fullmatch(given):
        return decode_base64(given).hex()
    raise SignatureInvalid("X-ME-Signature is neither 64 hexadecimal digits nor the base64 of 32 bytes")
