"""Who may speak for Omie: it signs nothing. A token in the webhook's address, and the app that the body names."""

from typing import Any

from adapters.contract import PayloadMalformed, RawDelivery, Secrets, SignatureInvalid
from adapters.parsing import load_json
from adapters.signing import equals_any, must_check


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Compare `token` of the query string, and the body's `appKey` with HUB_SECRETS_OMIE_APP_KEYS where it is set.

    A ping may come before the app is known, and says nothing. Raises: SignatureInvalid.
    """
    apps = tuple(filter(None, (key.strip() for key in secrets.extra.get("app_keys", "").split(","))))
    if not must_check(delivery, secrets, configured=bool(secrets.webhook or apps)):
        return
    if secrets.webhook and not equals_any(delivery.http_query.get("token", ""), secrets.webhook):
        raise SignatureInvalid("token in the query string is missing, or not one of the configured secrets")
    if not apps:
        return
    document = _document(delivery)
    given = document.get("appKey")
    if given is None and "ping" in document:
        return
    if not isinstance(given, str | int) or not equals_any(str(given), apps):
        raise SignatureInvalid("appKey of the body is missing, or not one of the configured apps")


def _document(delivery: RawDelivery) -> dict[str, Any]:
    try:
        document = load_json(delivery.body, delivery.content_type)
    except PayloadMalformed as error:
        raise SignatureInvalid("the body cannot be read, so that its app cannot be told") from error
    return document if isinstance(document, dict) else {}
