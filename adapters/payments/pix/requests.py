"""Calls to the bank's API Pix, described. Base URL, OAuth2 token and client certificate are the gateway's business.

Source: https://bacen.github.io/pix-api/, PUT /pix/{e2eid}/devolucao/{id}, read 2026-11-20.
"""

import json
import re
from typing import Final
from urllib.parse import quote

from adapters.contract import HttpRequest

_REFUND_ID: Final = re.compile(r"[a-zA-Z0-9]{1,35}", re.ASCII)
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}


def refund(end_to_end_id: str, refund_id: str, cents: int) -> HttpRequest:
    """Ask for a devolução. `refund_id` is our own and makes it idempotent: the same id again is the same devolução.

    The fact that tells of it has the refund_id `<endToEndId>:<refund_id>`. Raises: ValueError when the id is not as the spec wants it.
    """
    body = json.dumps({"valor": f"{cents // 100}.{cents % 100:02d}"}).encode()
    return HttpRequest("PUT", _refund_path(end_to_end_id, refund_id), _JSON, body)


def read_refund(end_to_end_id: str, refund_id: str) -> HttpRequest:
    """Read one devolução."""
    return HttpRequest("GET", _refund_path(end_to_end_id, refund_id), {"Accept": "application/json"})


def read_pix(end_to_end_id: str) -> HttpRequest:
    """Read a Pix with all its devoluções: the adapter's translate reads the answer."""
    return HttpRequest("GET", f"/pix/{quote(end_to_end_id, safe='')}", {"Accept": "application/json"})


def _refund_path(end_to_end_id: str, refund_id: str) -> str:
    if not _REFUND_ID.fullmatch(refund_id):
        raise ValueError("a devolução's id must have 1 to 35 letters and digits")
    return f"/pix/{quote(end_to_end_id, safe='')}/devolucao/{refund_id}"
