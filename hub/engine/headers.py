"""Which headers of a delivery are kept beside its body: all but those that carry secrets (rules.md, Personal data)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

_SECRET_HEADERS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "token",
        "access-token",
        "asaas-access-token",
        "x-auth-token",
    }
)
_SECRET_QUERY: Final = frozenset({"hmac", "token", "secret", "key", "access_token"})
_TABLES: Final = {"hub-http-headers": _SECRET_HEADERS, "hub-http-query": _SECRET_QUERY}
REMOVED: Final = "(removed)"


def kept_headers(headers: Mapping[str, object]) -> dict[str, object]:
    """Return headers that JSON can hold, secrets replaced by a mark that says so."""
    kept: dict[str, object] = {}
    for name, value in headers.items():
        secret = _TABLES.get(name)
        if secret is not None and isinstance(value, Mapping):
            kept[name] = {str(key): REMOVED if str(key).lower() in secret else _plain(item) for key, item in value.items()}
        else:
            kept[name] = _plain(value)
    return kept


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return value.replace("\x00", "").encode("utf-8", "replace").decode()
        case bytes() | bytearray():
            return bytes(value).decode("utf-8", "replace").replace("\x00", "")
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return str(value)
