"""Bling's words: situations of orders and of notes (erp.md 2.1, 2.2), and what each says."""

import unicodedata
from collections.abc import Mapping
from typing import Final

from schemas.facts import FiscalKind

Situations = Mapping[str, object]
"""A shop's own map: id of a situation, or its folded name in v2 -> kind of an order or shipment fact."""

ACCEPTED: Final = "order.accepted"
CANCELED: Final = "order.canceled"

BY_VALOR: Final[Mapping[str, str]] = {"0": ACCEPTED, "2": CANCELED}
"""`valor` is the same in every account. The others mean what the shop makes of them."""

BY_ID: Final[Mapping[str, str]] = {"6": ACCEPTED, "12": CANCELED}
"""Seeded ids, where an answer lacks `valor`."""

BY_NAME: Final[Mapping[str, str]] = {"em aberto": ACCEPTED, "cancelado": CANCELED}
"""v2 tells names only."""

NAMES: Final[Mapping[str, str]] = {
    "6": "Em aberto",
    "9": "Atendido",
    "12": "Cancelado",
    "15": "Em andamento",
    "18": "Venda agenciada",
    "21": "Em digitação",
    "24": "Verificado",
    "126724": "Checkout parcial",
}
"""For a person who maps them."""

NOTE_KINDS: Final[Mapping[str, FiscalKind]] = {
    "1": "fiscal.requested",  # Pendente: public code that takes it for authorized is wrong
    "2": "fiscal.canceled",
    "3": "fiscal.requested",
    "4": "fiscal.rejected",
    "5": "fiscal.issued",
    "6": "fiscal.issued",  # authorized, and its DANFE is printed
    "8": "fiscal.requested",
    "9": "fiscal.denied",
    "10": "fiscal.requested",  # the ERP must still ask how it stands
}

NOTE_NAMES: Final[Mapping[str, str]] = {
    "pendente": "1",
    "cancelada": "2",
    "emitida": "1",  # written, and not yet sent
    "aguardando recibo": "3",
    "enviada - aguardando recibo": "3",
    "enviada - aguardando protocolo": "8",
    "rejeitada": "4",
    "autorizada": "5",
    "emitida danfe": "6",
    "registrada": "7",
    "aguardando protocolo": "8",
    "denegada": "9",
    "consulta situacao": "10",
    "bloqueada": "11",
}
"""v2 tells names; folded."""


def folded(name: str) -> str:
    """Return a name without case, accents and double blanks: both vary in v2."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    # Cut, because one character may decompose into eighteen.
    return " ".join("".join(character for character in decomposed if not unicodedata.combining(character)).split())[:64]
