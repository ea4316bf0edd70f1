"""Tiny's words: types of webhooks, situations of orders and notes, error codes (erp.md 3), and what each says."""

import unicodedata
from collections.abc import Mapping
from typing import Final

from schemas.facts import FiscalKind

ORDER_TYPES: Final = ("inclusao_pedido", "atualizacao_pedido", "situacao_pedido")
NOTE_TYPE: Final = "nota_fiscal"
TRACKING_TYPE: Final = "rastreio"
OTHER_TYPES: Final = ("produto", "estoque", "precos", "cotacao")

INVOICED: Final = "faturado"
"""A hint, no proof: authorization comes later, or not at all. By itself it only says that the ERP has the order."""

SITUATIONS: Final[Mapping[str, str]] = {
    "aberto": "order.accepted",
    "aprovado": "order.accepted",
    INVOICED: "order.accepted",
    "preparando_envio": "order.production_started",
    "pronto_envio": "order.ready_to_ship",
    "enviado": "shipment.posted",
    "entregue": "shipment.delivered",
    "nao_entregue": "shipment.delivery_difficulty",
    "cancelado": "order.canceled",
}

UNKNOWN_SITUATIONS: Final = ("dados_incompletos", "nao_aprovado")
"""Seen, and their meaning is the shop's business."""

LABELS: Final[Mapping[str, str]] = {
    "em aberto": "aberto",
    "aprovado": "aprovado",
    "preparando envio": "preparando_envio",
    "faturado": INVOICED,
    "faturado (atendido)": INVOICED,
    "pronto para envio": "pronto_envio",
    "enviado": "enviado",
    "entregue": "entregue",
    "nao entregue": "nao_entregue",
    "cancelado": "cancelado",
    "dados incompletos": "dados_incompletos",
    "nao aprovado": "nao_aprovado",
}
"""The API answers labels where webhooks have codes."""

NOTE_KINDS: Final[Mapping[str, FiscalKind]] = {
    "1": "fiscal.requested",
    "2": "fiscal.requested",  # written, and not sent yet
    "3": "fiscal.canceled",
    "4": "fiscal.requested",
    "5": "fiscal.rejected",
    "6": "fiscal.issued",
    "7": "fiscal.issued",  # and its DANFE is printed
    "9": "fiscal.requested",
    "10": "fiscal.denied",
}
"""nota_fiscal.situacao. 6 is seen in integrations; the others are not verified, and 8 is kind unknown."""

RETRIED: Final[Mapping[str, tuple[str, int]]] = {
    "6": ("too many requests in the last minute", 60),
    "11": ("too many requests at once", 5),
    "35": ("an unexpected error", 60),
    "99": ("under maintenance", 600),
}
"""Error codes that say: later."""

NOTHING_FOUND: Final = frozenset({"20", "32"})


def folded(text: str) -> str:
    """Return a label without case, accents and double blanks."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(character for character in decomposed if not unicodedata.combining(character)).split())[:64]


def code_of(situation: str) -> str:
    """Return the code of a situation told by its code or its label; what nobody knows stays as it is."""
    plain = folded(situation)
    return LABELS.get(plain) or (plain.replace(" ", "_") if plain.replace(" ", "_") in _CODES else situation)


_CODES: Final = frozenset({*SITUATIONS, *UNKNOWN_SITUATIONS})
