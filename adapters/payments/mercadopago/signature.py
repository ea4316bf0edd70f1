"""Who may speak for Mercado Pago: x-signature, HMAC-SHA256 over the id in the query string, the request id and a time."""

import re
from datetime import UTC, datetime
from typing import Final

from adapters.contract import RawDelivery, Secrets, SignatureInvalid
from adapters.signing import equals_any, hmac_sha256, must_check, within_age

HEADER: Final = "x-signature"
REQUEST_ID: Final = "x-request-id"

_TIMESTAMP: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_SECONDS_DIGITS: Final = 10


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Check the signature of a webhook.

    It does not cover the body: what it proves is that Mercado Pago once spoke of this id, and translate takes nothing but the id
    from a body that came over HTTP. IPN notices and QR codes are not signed at all. They are let in, since the authenticated GET
    confirms them, unless REQUIRE_SIGNATURE is set. A signature that came and is wrong is refused; the dead letter keeps the notice.
    Its age is looked at only where HUB_SECRETS_MERCADOPAGO_MAX_AGE_S says how old it may be: a retry may carry the time of the first.
    Raises: SignatureInvalid.
    Source: official SDKs, read 2026-11-20.
    """
    if not must_check(delivery, secrets, configured=bool(secrets.webhook)):
        return
    headers = delivery.http_headers or {}
    given = headers.get(HEADER)
    if given is None:
        if not secrets.require_signature and _is_ipn(delivery):
            return
        raise SignatureInvalid("the request has no x-signature")
    parts = {name.strip().lower(): value.strip() for name, _, value in (part.partition("=") for part in given.split(","))}
    timestamp, digest = parts.get("ts", ""), parts.get("v1", "")
    if not _TIMESTAMP.fullmatch(timestamp) or not _DIGEST.fullmatch(digest):
        raise SignatureInvalid("x-signature is not ts=<digits>,v1=<64 hexadecimal digits>")
    manifests = _manifests(delivery.http_query.get("data.id"), headers.get(REQUEST_ID), timestamp)
    candidates = [hmac_sha256(secret, manifest) for secret in secrets.webhook for manifest in manifests]
    if not equals_any(digest.lower(), candidates):
        raise SignatureInvalid("x-signature does not belong to this id, request and secret")
    _check_age(timestamp, delivery, secrets)


def _is_ipn(delivery: RawDelivery) -> bool:
    # In the query string, which the edge hands over apart: the body is not read before it is trusted.
    return "topic" in delivery.http_query and "data.id" not in delivery.http_query


def _manifests(resource_id: str | None, request_id: str | None, timestamp: str) -> list[bytes]:
    """Return what may have been signed. An absent pair is left out whole.

    Up to 2026 letters of an id were put in lower case before signing; the SDKs of June 2026 leave them as they are sent.
    """
    ids = [None] if resource_id is None else list(dict.fromkeys([resource_id, resource_id.lower()]))
    written = []
    for one in ids:
        pairs = [("id", one), ("request-id", request_id), ("ts", timestamp)]
        written.append("".join(f"{name}:{value};" for name, value in pairs if value is not None).encode("utf-8", "surrogatepass"))
    return written


def _check_age(timestamp: str, delivery: RawDelivery, secrets: Secrets) -> None:
    limit = secrets.extra.get("max_age_s")
    if not limit:
        return
    if not _TIMESTAMP.fullmatch(limit):
        raise SignatureInvalid("HUB_SECRETS_MERCADOPAGO_MAX_AGE_S is not a number of seconds")
    # Both seconds and milliseconds are seen; their length tells them apart.
    seconds = int(timestamp) / (1 if len(timestamp) <= _SECONDS_DIGITS else 1000)
    try:
        sent_at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise SignatureInvalid("ts of x-signature is not a time") from error
    within_age(sent_at, delivery, int(limit))
