"""What a carrier's free text says of a parcel: the last resort of carrier adapters, after every code of theirs."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

from schemas.facts import ShipmentKind


class Meaning(NamedTuple):
    """What a carrier's word says of the parcel, and why it went wrong if it did."""

    kind: ShipmentKind
    reason: str | None = None


_RULES: Final[Sequence[tuple[str, Meaning | None]]] = (
    (r"podera ser devolvido", Meaning("shipment.on_hold")),
    (r"desbloque", Meaning("shipment.in_transit")),
    # "sera devolvido ao remetente" holds "devolvido ao remetente": what is to come stands before what has come.
    (
        r"(sera|deve ser) devolvido|saiu para entrega ao remetente|em devolucao|retorno ao remetente|desistencia de postagem|deve retornar",
        Meaning("shipment.returning"),
    ),
    (r"devolvido ao (remetente|pais)|entregue ao remetente", Meaning("shipment.returned")),
    (r"roub|assalt|furt", Meaning("shipment.lost", "stolen")),
    (r"extravi|incendio|indeniza", Meaning("shipment.lost")),
    (r"avari|sinistr|destruid", Meaning("shipment.damaged")),
    (r"nao localizado", Meaning("shipment.lost_suspected")),
    (r"recus", Meaning("shipment.delivery_difficulty", "refused")),
    (r"ausente|nao atendido", Meaning("shipment.delivery_difficulty", "recipient_absent")),
    (
        r"endereco (incorreto|incompleto|insuficiente)|mudou-se|desconhecido|numeracao irregular",
        Meaning("shipment.delivery_difficulty", "address"),
    ),
    (r"sem expediente", Meaning("shipment.delivery_difficulty", "business_closed")),
    (
        r"aguard\w* retirada|disponivel para retirada|para retirada no endereco|estara disponivel por",
        Meaning("shipment.ready_for_pickup"),
    ),
    (
        r"nao (pode ser )?(entregue|efetuad[oa]|realizad[oa])|insucesso|tentativa|saida para entrega cancelada|nao retirou",
        Meaning("shipment.delivery_difficulty"),
    ),
    (r"saiu para entrega|em rota", Meaning("shipment.out_for_delivery")),
    # A delivery closes the order, and a sentence is not proof enough: it stays unknown, is counted, and an operator maps it.
    (r"^(objeto )?entregue\b|entrega (efetuada|realizada|concluida)", None),
    (r"postado|(?<!nao )coletado", Meaning("shipment.posted")),
    (r"fiscaliza|alfandega|aduane|tribut|apreen|bloque|suspens", Meaning("shipment.on_hold")),
    (r"transit|transfer|encaminhad|recebido na unidade|triagem|conferido", Meaning("shipment.in_transit")),
    (r"atras|prazo diferenciado", Meaning("shipment.delayed")),
)
"""The first that is found decides, so the order matters."""

_COMPILED: Final = tuple((re.compile(pattern, re.ASCII), meaning) for pattern, meaning in _RULES)


def meaning_of(*texts: str | None) -> Meaning | None:
    """Return what the texts, joined, say; None = nothing that we know, or a delivery, which a text alone never makes."""
    folded = unicodedata.normalize("NFKD", " ".join(text for text in texts if text)).casefold()
    plain = "".join(ch for ch in folded if not unicodedata.combining(ch)).strip()
    return next((meaning for pattern, meaning in _COMPILED if pattern.search(plain)), None)
