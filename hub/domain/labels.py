"""Words for shop staff and customers: states, the default statuses of each, their Portuguese labels."""

from collections.abc import Mapping
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

STATE_LABELS: Final[Mapping[str, str]] = {
    "new": "Novo",
    **{state: STATUS_LABELS[status] for state, status in DEFAULT_STATUS.items() if state != "new"},
}

ACTION_LABELS: Final[Mapping[str, str]] = {
    "order.get": "Ver pedido",
    "order.approve": "Faturar",
    "order.cancel": "Cancelar",
    "order.hold": "Segurar",
    "order.release": "Liberar",
    "order.edit": "Editar",
    "order.reorder": "Recomprar",
    "order.comment": "Salvar comentário",
    "notify.resend": "Enviar e-mail",
    "shipment.create": "Entrega",
    "shipment.add_track": "Incluir rastreador",
    "refund.create": "Reembolso",
    "customer.impersonate_link": "Acessar conta do cliente",
}
"""The button of each command, in the words of the shop's panel."""
