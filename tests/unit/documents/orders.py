"""Orders to print: the document of an order with a few fields changed, and the text of a PDF."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from pypdf import PdfReader

from hub.documents.papers import Desk
from hub.documents.shop import Shop
from schemas.documents import OrderView

PLACED_AT: Final = "2026-11-25T13:00:00+00:00"
DESK: Final = Desk(ZoneInfo("America/Sao_Paulo"), {"melhor_envio": "Melhor Envio"})
SHOP: Final = Shop("Loja Exemplo Ltda", "12345678000195", ("Rua do Comércio, 10", "13010-000 Campinas - SP"))
ADDRESS: Final[Mapping[str, str]] = {
    "street": "Rua das Acácias",
    "number": "120",
    "complement": "Apto 42",
    "district": "Jardim São João",
    "city": "Campinas",
    "state": "SP",
    "postal_code": "13010000",
    "country": "BR",
}


def item(serial: int, *, quantity: int = 1, cents: int = 4990, **changes: Any) -> dict[str, Any]:
    """One line."""
    made = {"sku": f"CAM-{serial:03}", "name": f"Camiseta {serial}", "quantity": quantity, "unit_price_cents": cents, "virtual": False}
    return {**made, **changes}


def order(items: Sequence[Mapping[str, Any]] = (), **changes: Any) -> OrderView:
    """A paid order of 1.234,56 in two lines and freight, invoiced; `changes` replace fields of its document."""
    lines = list(items) or [item(1, quantity=2, cents=50000), item(2, cents=21466)]
    total = changes.pop("total_cents", 123456)
    document: dict[str, Any] = {
        **dict.fromkeys(("state", "status", "base_state"), "processing"),
        **dict.fromkeys(("refunded_cents", "charged_back_cents", "remaining_cents"), 0),
        **dict.fromkeys(("total_cents", "due_cents", "captured_cents"), total),
        **{name: [] for name in ("hold_reasons", "shipments", "refunds", "transactions", "fiscal_documents", "exceptions")},
        **{name: [] for name in ("attention", "comments", "allowed_actions", "timeline")},
        "number": "100000501",
        "label": "Faturado (aprovado)",
        "payment_state": "paid",
        "fulfilment_state": "none",
        "fiscal_state": "none",
        "version": 1,
        "placed_at": PLACED_AT,
        "updated_at": PLACED_AT,
        "customer": {"id": "c1", "name": "Maria Conceição", "document": "12345678909", "email": "maria@exemplo.invalid"},
        "billing_address": None,
        "shipping_address": ADDRESS,
        "items": lines,
        "payments": [
            {"id": "p", "method": "pix", "provider": "pix", "references": [], "state": "captured", "captured_cents": total},
        ],
        # Half past one in UTC is the evening before in São Paulo.
        "invoices": [{"number": "F-501", "total_cents": total, "captures": ["p"], "created_at": "2026-11-26T01:30:00+00:00"}],
        "parent": None,
        "child": None,
    }
    return OrderView.model_validate({**document, **changes})


def parcel(identifier: str, *units: tuple[str, int], **changes: Any) -> dict[str, Any]:
    """One shipment."""
    items = [{"sku": sku, "quantity": quantity} for sku, quantity in units]
    made = {"id": identifier, "carrier": "melhor_envio", "state": "posted", "tracks": [{"number": "AA123456789BR"}], "items": items}
    return {**made, **changes}


def refund(identifier: str, cents: int, **changes: Any) -> dict[str, Any]:
    """One refund document."""
    return {"id": identifier, "state": "done", "amount_cents": cents, "payment": "p", "created_at": PLACED_AT, **changes}


def pages(pdf: bytes) -> list[str]:
    """Read the text of each page, as lines. What stands near what came before is read with a blank in front."""
    texts = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    return ["\n".join(line.strip() for line in text.splitlines()) for text in texts]
