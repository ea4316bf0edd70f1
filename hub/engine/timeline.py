"""The history of an order in words for shop staff (Portuguese), one line per log row."""

from collections.abc import Mapping
from typing import Any, Final

_METHODS: Final[Mapping[str, str]] = {
    "card": "cartão",
    "pix": "Pix",
    "boleto": "boleto",
    "transfer": "transferência",
    "cash": "dinheiro",
    "wallet": "carteira digital",
    "other": "outro meio",
}

_TEXTS: Final[Mapping[str, str]] = {
    "order.placed": "Pedido realizado",
    "order.canceled": "Pedido cancelado pela loja",
    "order.accepted": "Pedido aceito pelo ERP",
    "order.rejected": "Pedido recusado pelo ERP",
    "order.production_started": "Produção iniciada",
    "order.ready_to_ship": "Pronto para envio",
    "payment.created": "Pagamento iniciado",
    "payment.pending": "Aguardando pagamento",
    "payment.in_review": "Pagamento em análise",
    "payment.authorized": "Pagamento autorizado",
    "payment.captured": "Pagamento confirmado",
    "payment.failed": "Pagamento recusado",
    "payment.expired": "Pagamento vencido",
    "payment.voided": "Pagamento cancelado",
    "payment.refund_pending": "Estorno em andamento",
    "payment.refunded": "Estorno confirmado",
    "payment.refund_failed": "Estorno não realizado",
    "payment.chargeback_opened": "Contestação aberta",
    "payment.chargeback_won": "Contestação ganha",
    "payment.chargeback_lost": "Contestação perdida",
    "payment.reversed": "Pagamento revertido pelo banco",
    "payment.unknown": "Aviso de pagamento com situação desconhecida",
    "shipment.label_created": "Etiqueta gerada",
    "shipment.posted": "Objeto postado",
    "shipment.in_transit": "Em trânsito",
    "shipment.delayed": "Entrega atrasada",
    "shipment.out_for_delivery": "Saiu para entrega",
    "shipment.ready_for_pickup": "Disponível para retirada",
    "shipment.delivery_difficulty": "Dificuldade de entrega",
    "shipment.on_hold": "Objeto retido",
    "shipment.delivered": "Entregue",
    "shipment.returning": "Em devolução",
    "shipment.returned": "Devolvido",
    "shipment.lost_suspected": "Possível extravio",
    "shipment.lost": "Extraviado",
    "shipment.damaged": "Avariado",
    "shipment.canceled": "Etiqueta cancelada",
    "shipment.correction": "Evento de rastreio corrigido",
    "shipment.unknown": "Evento de rastreio desconhecido",
    "fiscal.requested": "Nota fiscal solicitada",
    "fiscal.rejected": "Nota fiscal rejeitada",
    "fiscal.denied": "Nota fiscal denegada",
    "fiscal.issued": "Nota fiscal emitida",
    "fiscal.canceled": "Nota fiscal cancelada",
    "fiscal.corrected": "Carta de correção",
    "fiscal.returned": "Nota de devolução",
    "fiscal.unknown": "Aviso fiscal desconhecido",
    "order.approve": "Faturado manualmente",
    "order.cancel": "Pedido cancelado",
    "order.expire": "Pedido cancelado por falta de pagamento",
    "order.hold": "Pedido segurado",
    "order.release": "Pedido liberado",
    "order.start_production": "Produção iniciada manualmente",
    "order.set_status": "Situação alterada",
    "order.edit": "Pedido editado",
    "order.reorder": "Recompra",
    "order.comment": "Comentário",
    "order.set_address": "Endereço alterado",
    "review.accept": "Análise aprovada",
    "review.deny": "Análise recusada",
    "payment.void": "Autorização cancelada",
    "fiscal.mark_issued": "Nota fiscal marcada como emitida",
    "shipment.create": "Entrega registrada",
    "shipment.add_track": "Rastreador incluído",
    "shipment.remove_track": "Rastreador removido",
    "shipment.mark_in_transit": "Marcado em transporte",
    "shipment.mark_difficulty": "Marcado com dificuldade de entrega",
    "shipment.mark_delivered": "Marcado como entregue",
    "refund.create": "Reembolso",
    "notify.resend": "E-mail reenviado",
    "customer.impersonate_link": "Acesso à conta do cliente",
    "exception.resolve": "Exceção resolvida",
    "status.assign": "Status mudou com a lista da loja",
    "status.create": "Status mudou com a lista da loja",
    "status.unassign": "Status mudou com a lista da loja",
    "status.set_default": "Status mudou com a lista da loja",
    "reference.settled": "Disputa de referência resolvida",
    "refund.done": "Estorno feito pelo provedor",
    "refund.failed": "Estorno não feito pelo provedor",
    "hub.outbound_unknown": "Resposta do provedor desconhecida",
    "hub.outbound_unknown.settled": "Pedido ao provedor resolvido",
    "reference.conflict": "Referência disputada por mais de um pedido",
}


def money(cents: int) -> str:
    """Write an amount the Brazilian way: R$ 1.234,56."""
    reais, rest = divmod(cents, 100)
    return f"R$ {reais:,}".replace(",", ".") + f",{rest:02d}"


def describe_entry(kind: str, body: Mapping[str, Any]) -> str:
    """Put one log row into a sentence: what happened, how much, by which means, why."""
    text = _TEXTS.get(kind, kind)
    amount = _amount(kind, body)
    if amount is not None:
        text += f": {money(amount)}"
    method = body.get("method")
    if kind.startswith("payment.") and isinstance(method, str):
        text += f" ({_METHODS.get(method, method)})"
    for entry in body.get("entries") or ():
        if entry.get("entry") == "superseded":
            text += f": substituído por {entry['child']}"
        elif entry.get("entry") == "originated":
            text += f" de {entry['order']}" if entry["how"] == "reorder" else f": substitui {entry['order']}"
    reason = body.get("reason")
    if isinstance(reason, str) and reason:
        text += f" ({reason})"
    return text


def _amount(kind: str, body: Mapping[str, Any]) -> int | None:
    if kind == "order.placed":
        order = body.get("order")
        total = order.get("total_cents") if isinstance(order, Mapping) else None
        return total if isinstance(total, int) else None
    if kind == "order.approve":
        entries = body.get("entries") or ()
        amounts = [entry.get("amount_cents") for entry in entries if isinstance(entry, Mapping)]
        return sum(amount for amount in amounts if isinstance(amount, int)) or None
    if not kind.startswith(("payment.", "fiscal.")):
        return None
    for name in ("amount_cents", "cumulative_cents", "total_cents"):
        value = body.get(name)
        if isinstance(value, int):
            return value
    return None
