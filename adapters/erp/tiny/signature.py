"""Who may speak for Tiny: it signs nothing. A token in the webhook's address, and the company that the body names."""

from typing import Any, Final

from adapters.contract import PayloadMalformed, RawDelivery, Secrets, SignatureInvalid
from adapters.parsing import load_json
from adapters.signing import equals_any, must_check

_SIGNS: Final = str.maketrans("", "", "./- ")


def verify(delivery: RawDelivery, secrets: Secrets) -> None:
    """Compare `token` of the query string, and the body's `cnpj` with HUB_SECRETS_TINY_CNPJ where it is set. Raises: SignatureInvalid."""
    companies = {normal(cnpj) for cnpj in secrets.extra.get("cnpj", "").split(",") if cnpj.strip()}
    if not must_check(delivery, secrets, configured=bool(secrets.webhook or companies)):
        return
    if secrets.webhook and not equals_any(delivery.http_query.get("token", ""), secrets.webhook):
        raise SignatureInvalid("token in the query string is missing, or not one of the configured secrets")
    if companies and normal(_cnpj(delivery)) not in companies:
        raise SignatureInvalid("cnpj of the body is missing, or not one of the configured companies")


def _cnpj(delivery: RawDelivery) -> object:
    try:
        document: Any = load_json(delivery.body, delivery.content_type)
    except PayloadMalformed as error:
        raise SignatureInvalid("the body cannot be read, so that its company cannot be told") from error
    return document.get("cnpj") if isinstance(document, dict) else None


def normal(cnpj: object) -> str:
    """Return a CNPJ without its signs, in capitals: since July 2026 it may hold letters."""
    return cnpj.translate(_SIGNS).upper() if isinstance(cnpj, str) else ""
