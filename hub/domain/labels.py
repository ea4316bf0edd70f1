"""Words for shop staff and customers: states, the default statuses of each, their Portuguese labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DEFAULT_STATUS: Final[Mapping[str, str]] = {
    "new": "pending",
    "pending_payment": "pending_payment",
    "payment_review": "payment_review",
    "processing": "processing",
    "complete": "complete",
    "closed": "closed",
    "canceled": "canceled",
    "holded": "holded",
}
"""The status that a state shows when nothing else applies."""

ASSIGNED_STATUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "new": ("pending",),
    "pending_payment": ("pending_payment",),
    "payment_review": ("payment_review", "fraud"),
    "processing": ("processing", "in_production", "nf_issued", "partially_shipped"),
    "complete": ("shipped", "in_transit", "delivery_difficulty", "delivered", "returned", "complete"),
    "closed": ("closed",),
    "canceled": ("canceled",),
    "holded": ("holded",),
}
"""Which built-in statuses may be shown in which state, before the shop assigns any of its own."""

_LINKED: Final[Mapping[str, tuple[str, ...]]] = {
    "partially_shipped": ("partially_shipped",),
    "shipped": ("shipped",),
    "in_transit": ("in_transit", "shipped"),
    "out_for_delivery": ("in_transit", "shipped"),
    "ready_for_pickup": ("in_transit", "shipped"),
    "partially_delivered": ("in_transit", "shipped"),
    "difficulty": ("delivery_difficulty", "shipped"),
    "returning": ("delivery_difficulty", "shipped"),
    "lost": ("delivery_difficulty", "shipped"),
    "partially_returned": ("delivery_difficulty", "shipped"),
    "delivered": ("delivered", "shipped"),
    "returned": ("returned", "shipped"),
}
"""The statuses that go with a fulfilment state in which something has been shipped, the farthest first."""


def linked_status(
    state: str, fulfilment_state: str, fiscal_state: str, *, open_units: bool, produced: bool, statuses: "Statuses | None" = None
) -> str:
    """Return the status of the farthest dimension that is assigned to the state, else the state's default (order-lifecycle 3.2)."""
    known = statuses or BUILT_IN
    assigned = known.assigned[state]
    if len(assigned) == 1:
        return assigned[0]
    for status in _LINKED.get(fulfilment_state, ()):
        if status in assigned:
            return status
    if open_units and fulfilment_state == "partially_delivered" and "partially_shipped" in assigned:
        return "partially_shipped"
    if fiscal_state == "issued" and "nf_issued" in assigned:
        return "nf_issued"
    if produced and "in_production" in assigned:
        return "in_production"
    return known.default[state]


STATUS_LABELS: Final[Mapping[str, str]] = {
    "pending": "Pendente",
    "pending_payment": "Pagamento pendente",
    "payment_review": "Em análise de pagamento",
    "fraud": "Suspeita de fraude",
    "processing": "Faturado (aprovado)",
    "in_production": "Pedido em produção",
    "nf_issued": "Nota fiscal emitida",
    "partially_shipped": "Enviado parcialmente",
    "shipped": "Pedido enviado",
    "in_transit": "Pedido em transporte",
    "delivery_difficulty": "Dificuldade de entrega",
    "delivered": "Pedido entregue",
    "returned": "Pedido devolvido",
    "complete": "Completo",
    "closed": "Fechado",
    "canceled": "Cancelado",
    "holded": "Segurado",
}


@dataclass(frozen=True, slots=True)
class Statuses:
    """The statuses of a shop: their labels, those of each state in the order of the list, and each state's default."""

    labels: Mapping[str, str]
    assigned: Mapping[str, tuple[str, ...]]
    default: Mapping[str, str]


BUILT_IN: Final = Statuses(STATUS_LABELS, ASSIGNED_STATUSES, DEFAULT_STATUS)
"""The statuses of a shop that has changed none."""

STATE_LABELS: Final[Mapping[str, str]] = {
    "new": "Novo",
    **{state: STATUS_LABELS[status] for state, status in DEFAULT_STATUS.items() if state != "new"},
}

ACTION_LABELS: Final[Mapping[str, str]] = {
    "order.get": "Ver pedido",
    "order.approve": "Faturar",
    "order.cancel": "Cancelar",
    "order.expire": "Cancelar por falta de pagamento",
    "review.accept": "Aceitar pagamento",
    "review.deny": "Negar pagamento",
    "order.hold": "Segurar",
    "order.release": "Liberar",
    "order.edit": "Editar",
    "order.reorder": "Recomprar",
    "order.comment": "Salvar comentário",
    "notify.resend": "Enviar e-mail",
    "shipment.create": "Entrega",
    "shipment.add_track": "Incluir rastreador",
    "shipment.remove_track": "Remover rastreador",
    "shipment.mark_in_transit": "Marcar em transporte",
    "shipment.mark_difficulty": "Marcar dificuldade de entrega",
    "shipment.mark_delivered": "Marcar entregue",
    "order.start_production": "Colocar em produção",
    "fiscal.mark_issued": "Nota fiscal emitida",
    "order.set_status": "Alterar status",
    "order.set_address": "Alterar endereço",
    "refund.create": "Reembolso",
    "customer.impersonate_link": "Acessar conta do cliente",
}
"""The button of each command, in the words of the shop's panel."""
