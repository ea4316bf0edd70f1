"""Calls to Tiny's API v2, described. Base URL https://api.tiny.com.br/api2 is the gateway's business, and so is the token.

The token belongs into the form beside `formato` and `id`: it is no header. The gateway adds it as the field `token`.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from adapters.contract import Fetch, HttpRequest

PATHS: Final[Mapping[str, str]] = {"pedido": "/pedido.obter.php", "nota": "/nota.fiscal.obter.php"}


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe the reading of an order or a note: a POST that changes nothing."""
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    return HttpRequest("POST", PATHS[fetch.resource], headers, urlencode({"formato": "json", "id": fetch.resource_id}).encode())
