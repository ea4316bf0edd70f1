"""Who may speak for Cielo: the static headers that the merchant had registered with the notification's address."""

from adapters.contract import RawDelivery, Secrets, SignatureInvalid
from adapters.signing import equals_any, must_check


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Compare the headers. Each webhook secret is `Header-Name:value`; one that comes and is right will do (rotation).

    They prove who sends, not what: the sale is read in any case.
    Raises: SignatureInvalid.
    """
    if not must_check(delivery, secrets, configured=bool(secrets.webhook)):
        return
    headers = delivery.http_headers or {}
    wanted = [(name.strip().lower(), value.strip()) for name, _, value in (secret.partition(":") for secret in secrets.webhook)]
    given = [(name, headers[name]) for name, _ in wanted if name in headers]
    if not given:
        raise SignatureInvalid("none of the headers that are configured came with the message")
    # A secret without a colon, or with nothing behind it, matches nothing: it was meant to close the door.
    valid = [equals_any(f"{name}:{value.strip()}", [f"{known}:{text}" for known, text in wanted if text]) for name, value in given]
    if not any(valid):
        raise SignatureInvalid("the value of the configured header is wrong")
