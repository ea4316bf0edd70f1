"""Calls to Omie, described. Base URL https://app.omie.com.br/api/v1 is the gateway's business, and so are the app's keys.

They belong into the JSON body beside `call`: the gateway adds the fields `app_key` and `app_secret`. Limits: 960 requests a minute for an
address, 240 a minute and 4 at once for an app and method, one id once in 60 seconds.
"""

import json
from collections.abc import Mapping
from typing import Final

from adapters.contract import Fetch, HttpRequest

CALLS: Final[Mapping[str, tuple[str, str, str]]] = {
    "pedido": ("/produtos/pedido/", "ConsultarPedido", "codigo_pedido"),
    "nota": ("/produtos/nfconsultar/", "ConsultarNF", "nCodNF"),
}


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe the reading of an order or a note: a POST that changes nothing."""
    path, call, field = CALLS[fetch.resource]
    identity: object = int(fetch.resource_id) if fetch.resource_id.isdecimal() else fetch.resource_id
    body = json.dumps({"call": call, "param": [{field: identity}]}).encode()
    return HttpRequest("POST", path, {"Accept": "application/json", "Content-Type": "application/json"}, body)
