"""Calls to Bling, described. Base URL https://api.bling.com.br/Api/v3, OAuth token and the key of v2 are the gateway's business.

Limits: 3 requests a second and 120,000 a day for an account; 429 names the period in `error.period`.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from adapters.contract import Fetch, HttpRequest

LEGACY_URL: Final = "https://bling.com.br/Api/v2/pedido/"

PATHS: Final[Mapping[str, str]] = {"order": "/pedidos/vendas/", "nfe": "/nfe/", "nfce": "/nfce/"}


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe the GET of an order, an NF-e, an NFC-e, or of an order by its number in v2."""
    identity = quote(fetch.resource_id, safe="")
    url = f"{LEGACY_URL}{identity}/json/" if fetch.resource == "pedido" else PATHS[fetch.resource] + identity
    return HttpRequest("GET", url, {"Accept": "application/json"})
