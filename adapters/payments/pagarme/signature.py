"""Who may speak for Pagar.me: RS256 over the raw body, or the user and password the merchant chose for the hook."""

from typing import Final

from adapters.contract import RawDelivery, Secrets, SignatureInvalid, SigningKeyUnknown
from adapters.signing import basic_credentials, decode_base64, equals_any, must_check, verify_rs256

HEADER: Final = "x-webhook-asymmetric-signature"


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Check the signature header, else HTTP Basic, as far as either is configured.

    Signed mode is configured by the key set, or by REQUIRE_SIGNATURE alone: then the first key id is unknown and the hub
    fetches the set. Basic mode is configured by `user:password` among the webhook secrets (several, for rotation), or by the pair
    BASIC_USER and BASIC_PASSWORD. There is no age check: the header carries no time.
    Raises: SignatureInvalid, SigningKeyUnknown.
    Source: official Magento 2 and WooCommerce modules, read 2026-11-20.
    """
    accounts = _basic_accounts(secrets)
    header = (delivery.http_headers or {}).get(HEADER)
    signed_mode = bool(secrets.jwks) or (secrets.require_signature and header is not None and not accounts)
    if not must_check(delivery, secrets, configured=bool(accounts) or signed_mode):
        return
    if header is not None and signed_mode:
        _verify_header(header, delivery.body, secrets)
        return
    given = basic_credentials(delivery) if accounts else None
    if given is None:
        raise SignatureInvalid("neither the signature header nor the credentials that are configured came with the message")
    if not equals_any(given, accounts):
        raise SignatureInvalid("user or password of the hook is wrong")


def _basic_accounts(secrets: Secrets) -> tuple[str, ...]:
    user, password = secrets.extra.get("basic_user"), secrets.extra.get("basic_password")
    # A secret without a colon cannot match anything, and so still closes the door: it was meant to.
    return (*secrets.webhook, f"{user}:{password}") if user and password else secrets.webhook


def _verify_header(header: str, body: bytes, secrets: Secrets) -> None:
    # alg=RS256;kid=<id>;signature=<base64url>; only the first `=` separates, base64 may end in one.
    parts = {name.strip().lower(): value.strip() for name, _, value in (part.partition("=") for part in header.split(";"))}
    if parts.get("alg") != "RS256":
        raise SignatureInvalid("the signature's alg is not RS256")
    key_id, signature = parts.get("kid", ""), parts.get("signature", "")
    if not key_id or not signature:
        raise SignatureInvalid("the signature header has no kid or no signature")
    try:
        given = decode_base64(signature)
    except ValueError as error:
        raise SignatureInvalid("the signature is not base64url") from error
    key = secrets.jwks.get(key_id)
    if key is None:
        raise SigningKeyUnknown(key_id[:200])
    verify_rs256(body, given, key)
