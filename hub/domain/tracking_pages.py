"""Where a customer follows a parcel: the carriers' own pages, for numbers that came without an address."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

TRACKING_PAGES: Final[Mapping[str, str]] = {
    "correios": "https://rastreamento.correios.com.br/app/index.php?objeto={}",
    # What the API's detail of a label calls service.company.tracking_link; it knows the carriers' numbers and its own.
    "melhor_envio": "https://www.melhorrastreio.com.br/rastreio/{}",
    # Seen in public integrations alone, as is Loggi's. Frenet's page needs the carrier's code; its bodies bring the address.
    "jadlog": "https://www.jadlog.com.br/siteInstitucional/tracking.jad?cte={}",
    "loggi": "https://www.loggi.com/rastreador/{}",
}
"""By carrier code; the number takes the place of the braces. Read 2026-11-25."""


def tracking_page(number: str, carrier: str | None) -> str | None:
    """Return the address of a number's page; None = its carrier has none that is known."""
    page = TRACKING_PAGES.get(carrier or "")
    return None if page is None else page.format(quote(number.strip(), safe=""))
